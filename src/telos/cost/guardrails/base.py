"""What every guardrail shares: a read-out, a buffer that only grows, a fingerprint.

A guardrail has no weight, cannot be added to anything and holds nothing to train. It
keeps its promise relative to the world model and the read-out: "safe" means that the
predicted margin, less the calibrated buffer, is positive.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, replace
from typing import Any, ClassVar, Self

import torch
from jaxtyping import Float
from torch import Tensor

from telos.cost.readout import ReadOut
from telos.types import Trajectory


@dataclass(frozen=True, kw_only=True, eq=False)
class PhysicalGuardrail(ABC):
    """Margin of the path between imagined states, in the read-out's unit."""

    kind: ClassVar[str]
    """How a zones file calls this guardrail."""

    readout: ReadOut
    """Latent to the quantity that is guarded."""
    buffer: float = 0.0
    """Calibrated allowance for wrong predictions, in the read-out's unit, >= 0."""
    name: str = ""
    """Defaults to the kind and its parameters."""

    def __post_init__(self) -> None:
        require_not_negative("buffer", self.buffer)
        if not self.name:
            object.__setattr__(self, "name", self._default_name())

    @property
    def unit(self) -> str:
        return self.readout.unit

    @property
    def digest(self) -> str:
        """SHA-256 of class, parameters and read-out tensors; computed afresh."""
        text = json.dumps([type(self).__name__, self.description()], sort_keys=True)
        return hashlib.sha256((text + self.readout.digest).encode()).hexdigest()

    def margin(self, trajectory: Trajectory) -> Float[Tensor, "B S K H"]:
        """Distance to violation over each predicted step, safe when > 0.

        Entry h covers the straight path from state h to state h + 1, both included. A
        prediction that is not finite has a margin of minus infinity.
        """
        return self.path_margin(self.readout(trajectory.states))

    def path_margin(
        self, values: Float[Tensor, "B S K H1 q"]
    ) -> Float[Tensor, "B S K H"]:
        """The same for what the read-out has said already."""
        margin = self._path_margin(values[..., :-1, :], values[..., 1:, :])
        finite = torch.isfinite(values).all(-1)
        known = finite[..., :-1] & finite[..., 1:]
        return torch.where(known, margin - self.buffer, -math.inf)

    def tighten(self, extra: float) -> Self:
        """The same guardrail with a larger buffer; there is no way to loosen one."""
        require_not_negative("extra", extra)
        return replace(self, buffer=self.buffer + extra)

    def to(self, device: torch.device | str) -> Self:
        """The same guardrail on another device; its digest stays."""
        return replace(self, readout=self.readout.to(device))

    def description(self) -> dict[str, Any]:
        """Entry of a zones file that builds this guardrail again."""
        parameters = {
            item.name: _plain(getattr(self, item.name), str(item.type))
            for item in dataclasses.fields(self)
            if item.name != "readout" and getattr(self, item.name) is not None
        }
        return {"type": self.kind, "quantity": self.readout.name, **parameters}

    @abstractmethod
    def _path_margin(self, start: Tensor, end: Tensor) -> Tensor:
        """Smallest margin on the straight path from start to end, without buffer."""

    @abstractmethod
    def _default_name(self) -> str: ...


def _plain(value: Any, annotation: str) -> Any:
    """A field as JSON; 6 and 6.0 come out alike, so that their digests are."""
    if annotation.startswith("tuple"):
        return [float(item) for item in value]
    return float(value) if annotation.startswith("float") else value


def require_not_negative(what: str, value: float) -> None:
    """Refuse what would loosen a guardrail.

    Raises:
        ValueError: If the value is negative or not finite.
    """
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(
            f"{what} is {value}; a guardrail can only be tightened, so give a finite "
            "number >= 0."
        )


def require_point(what: str, values: tuple[float, ...], readout: ReadOut) -> None:
    """Refuse a point of the wrong dimension.

    Raises:
        ValueError: If the read-out's quantity does not have as many numbers.
    """
    if len(values) != readout.num_outputs:
        raise ValueError(
            f"{what} has {len(values)} numbers, but {readout.name!r} has "
            f"{readout.num_outputs}."
        )
    if not all(math.isfinite(value) for value in values):
        raise ValueError(f"{what} is {values}; expected finite numbers.")
