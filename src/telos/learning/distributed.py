"""Several processes that train as one, each on its part of every batch.

What depends on a batch as a whole (batch statistics, covariances) is computed from the
rows of all processes, which `Team.gather` brings together; gradients are averaged. N
processes with a Nth of a batch each then do what one process does with all of it, up to
rounding. `torchrun` starts the processes:

    torchrun --nproc-per-node 2 -m telos train rooms.h5
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, distributed, nn

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Team:
    """The processes of a training, seen by one of them.

    All of them have to call the same methods in the same order. A process that is
    `ALONE` gets back what it gave.
    """

    rank: int = 0
    size: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process is the one that writes and speaks."""
        return self.rank == 0

    @property
    def launcher(self) -> str:
        """The command that starts so many processes, up to the verb."""
        if self.size == 1:
            return "telos"
        return f"torchrun --nproc-per-node {self.size} -m telos"

    def part(self, count: int, name: str) -> slice:
        """This process's rows of a batch.

        Args:
            count: Rows of the whole batch.
            name: Of the setting that says how many there are.

        Raises:
            ValueError: If they cannot be divided evenly.
        """
        if count % self.size:
            raise ValueError(
                f"{name} is {count}, which {self.size} processes cannot share evenly; "
                "start a number of processes that divides it"
            )
        own = count // self.size
        return slice(self.rank * own, (self.rank + 1) * own)

    def gather(self, own: Float[Tensor, "n ..."]) -> Float[Tensor, "N ..."]:
        """The rows of all processes, in order of rank.

        From here on all processes must compute the same, down to the loss: then the
        gradients of what lies before are right once they are averaged.
        """
        return own if self.size == 1 else _Gather.apply(own, self)

    def mean(self, value: Tensor) -> Tensor:
        """The mean of all processes' values."""
        if self.size == 1:
            return value
        total = value.detach().clone()
        distributed.all_reduce(total)
        return total / self.size

    def any(self, asked: bool) -> bool:
        """Whether any process says yes; all of them get the same answer."""
        if self.size == 1:
            return asked
        votes = torch.tensor(float(asked))
        distributed.all_reduce(votes)
        return bool(votes > 0)

    def led(self, work: Callable[[], T]) -> T:
        """What the leading process works out while the others wait.

        Raises:
            SystemExit: In the others, if the leading process fails; it says why.
        """
        if self.size == 1:
            return work()
        box: list[Any] = [None, False]
        try:
            if self.leads:
                box = [work(), True]
        finally:
            distributed.broadcast_object_list(box, device=torch.device("cpu"))
        if not box[1]:
            raise SystemExit(2)
        return box[0]

    def combine(self, rows: Float[np.ndarray, "N ..."]) -> None:
        """Fill in, in place, the rows that other processes worked out.

        Args:
            rows: Zero wherever this process has worked out nothing.
        """
        if self.size > 1:
            distributed.all_reduce(torch.from_numpy(rows))

    def align(self, modules: nn.Module) -> None:
        """Give every process the leading one's weights and buffers."""
        if self.size > 1:
            for tensor in modules.state_dict().values():
                distributed.broadcast(tensor, 0)

    def average_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Give every process the mean of all processes' gradients, in one message."""
        if self.size == 1:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        message = torch.cat([gradient.flatten() for gradient in gradients])
        distributed.all_reduce(message)
        message /= self.size
        parts = message.split([gradient.numel() for gradient in gradients])
        for gradient, part in zip(gradients, parts, strict=True):
            gradient.copy_(part.view_as(gradient))


ALONE = Team()
"""One process that trains by itself."""


class _Gather(torch.autograd.Function):
    """All processes' rows; backward, this process's rows of the gradient.

    The gradient of a row is that of the one loss that all processes compute. It reaches
    parameters in one process only, and is multiplied by the number of processes because
    `Team.average_gradients` divides by it.
    """

    @staticmethod
    def forward(ctx: Any, own: Tensor, team: Team) -> Tensor:
        ctx.team = team
        rows = [torch.empty_like(own) for _ in range(team.size)]
        distributed.all_gather(rows, own.contiguous())
        return torch.cat(rows)

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        team: Team = ctx.team
        own = gradients[0].unflatten(0, (team.size, -1))[team.rank]
        return team.size * own, None


@contextmanager
def team_of_processes(device: str) -> Iterator[Team]:
    """The team that `torchrun` has started this process for; else `ALONE`.

    Args:
        device: Where this process computes; each has a GPU of its own.
    """
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        yield ALONE
        return
    on_gpu = device.startswith("cuda")
    if on_gpu:
        torch.cuda.set_device(device)
    distributed.init_process_group("cpu:gloo,cuda:nccl" if on_gpu else "gloo")
    try:
        yield Team(rank=distributed.get_rank(), size=distributed.get_world_size())
    finally:
        distributed.destroy_process_group()
