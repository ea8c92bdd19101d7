"""What is needed next is made ahead, while the trainer is busy with the one before."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Generic, Protocol, TypeVar

from telos.types import Window

T = TypeVar("T")


class Batches(Protocol):
    """Where a training gets its windows from."""

    def batch(self, step: int) -> Window:
        """The batch of a training step, whatever was asked for before."""
        ...


class Prefetch(Generic[T]):
    """Batches of coming steps, made by a thread; use as a context manager.

    Whichever step is asked for, the answer is what `make` gives for it; steps that are
    asked for in order have been made before. At most ``ahead`` batches and the one that
    is being made are in memory. What goes wrong in the thread is raised by `batch`.
    Leaving the block waits for the batch that is being made and leaves no thread.

    Args:
        make: A batch by its step, for example ``sampler.batch``.
        end: Steps from here on are not made ahead.
        ahead: Batches that are kept ready.

    Raises:
        ValueError: If ``ahead`` is below 1.
    """

    def __init__(self, make: Callable[[int], T], *, end: int, ahead: int = 2) -> None:
        if ahead < 1:
            raise ValueError(f"ahead is {ahead}, expected at least 1")
        self._make, self._end, self._ahead = make, end, ahead
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="telos-prefetch")
        self._coming: dict[int, Future[T]] = {}

    def batch(self, step: int) -> T:
        """The batch of a step, and a start on those that follow."""
        later = range(step + 1, min(step + 1 + self._ahead, self._end))
        for other in self._coming.keys() - {step, *later}:
            self._coming.pop(other).cancel()
        for one in (step, *later):
            if one not in self._coming:
                self._coming[one] = self._thread.submit(self._make, one)
        return self._coming.pop(step).result()

    def close(self) -> None:
        """End the thread; a second call changes nothing."""
        self._thread.shutdown(wait=True, cancel_futures=True)
        self._coming.clear()

    def __enter__(self) -> Prefetch[T]:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()
