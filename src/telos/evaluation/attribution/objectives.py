"""Costs that read a part of a state, or its read-out as if it were the truth."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from telos.cost.readout import ReadOut
from telos.types import Objective, Trajectory


@dataclass(frozen=True, eq=False)
class Behind:
    """An objective on what follows the first numbers of every state."""

    objective: Objective
    skip: int
    """Numbers that the objective does not see."""

    @property
    def name(self) -> str:
        return self.objective.name

    def __call__(self, trajectory: Trajectory) -> Float[Tensor, "B S K H"]:
        return self.objective(self._seen(trajectory))

    def terms(self, trajectory: Trajectory) -> Mapping[str, Float[Tensor, "B S K H"]]:
        return self.objective.terms(self._seen(trajectory))

    def _seen(self, trajectory: Trajectory) -> Trajectory:
        states = trajectory.states[..., self.skip :]
        return Trajectory(states=states, actions=trajectory.actions)


@dataclass(frozen=True, eq=False)
class ReadAsExact:
    """The true metric at the place that a read-out finds in a latent."""

    metric: Objective
    readout: ReadOut
    """Latent to a label."""
    dims: tuple[int, ...]
    """Where an exact state holds that label."""
    exact_dim: int
    """Numbers of an exact state; those that are not read are 0."""

    @property
    def name(self) -> str:
        return self.metric.name

    def __call__(self, trajectory: Trajectory) -> Float[Tensor, "B S K H"]:
        return self.metric(self._read(trajectory))

    def terms(self, trajectory: Trajectory) -> Mapping[str, Float[Tensor, "B S K H"]]:
        return self.metric.terms(self._read(trajectory))

    def _read(self, trajectory: Trajectory) -> Trajectory:
        found = self.readout(trajectory.states)
        states = found.new_zeros(*found.shape[:-1], self.exact_dim)
        states[..., list(self.dims)] = found
        return Trajectory(states=states, actions=trajectory.actions)
