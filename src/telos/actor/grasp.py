"""GRASP: states become variables too, so that no gradient runs through a long rollout.

Besides the actions the states between them are free. What is descended on is how far
each state is from where the one before leads (all steps at once, in one batch), plus
the objective on where each leads. Gradients flow into actions and into the state that
is compared with, never through the dynamics' state input, where they are adversarial.
Noise on the states leaves local minima; every so often the plan is really rolled out,
archived, and the states are set to what came of it.

Source: 2602.00475 (GRASP), sections on lifted states and sync; ours weighs consistency
in units of the objective's own size.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import torch
from jaxtyping import Bool, Float
from torch import Tensor

from telos.actor.archive import Candidates
from telos.actor.descent import descend, directions_of
from telos.actor.gradient import GradientConfig, scattered
from telos.actor.noise import coloured_noise
from telos.actor.planner import SearchPlanner
from telos.actor.scoring import search_energy
from telos.actor.search import Search
from telos.actor.settings import require_positive
from telos.types import Trajectory


@dataclass(frozen=True, kw_only=True)
class GRASPConfig(GradientConfig):
    """How GRASP searches.

    ``iterations`` is the number of rollouts with a step through them; between two of
    them lie ``lifted`` steps on free states, each as many model evaluations.
    """

    iterations: int = 6
    learning_rate: float = 0.1
    """Of Adam, in units of actions."""
    lifted: int = 8
    """Steps on free states between two rollouts."""
    consistency: float = 0.2
    """Weight of the states following from each other, beside the objective."""
    noise: float = 0.02
    """Noise on free states, in standard deviations along the plan."""
    state_rate: float = 0.1
    """Adam's rate for states, in standard deviations along the plan."""

    def __post_init__(self) -> None:
        super().__post_init__()
        require_positive(
            lifted=self.lifted,
            consistency=self.consistency,
            state_rate=self.state_rate,
        )
        if not self.noise >= 0:
            raise ValueError(f"noise is {self.noise}; expected at least 0.")


class GRASP(SearchPlanner):
    """Gradient planning with free states."""

    def __init__(self, config: GRASPConfig | None = None) -> None:
        self.config = config or GRASPConfig()
        super().__init__(self.config)

    def look(
        self,
        search: Search,
        seeds: Float[Tensor, "B S H A"],
        generators: Sequence[torch.Generator],
    ) -> None:
        """Roll out and descend, with steps on free states in between."""
        config = self.config
        starts = scattered(search, seeds, config, generators)
        descent = _Lifted(config, search, generators)
        descend(
            search,
            starts,
            partial(search_energy, penalty=config.penalty),
            learning_rate=config.learning_rate,
            after_step=descent.run,
        )


class _Lifted:
    """The steps on free states between two rollouts."""

    def __init__(
        self,
        config: GRASPConfig,
        search: Search,
        generators: Sequence[torch.Generator],
    ) -> None:
        self.config, self.search, self.generators = config, search, generators

    def run(self, actions: Tensor, candidates: Candidates) -> None:
        """Move actions (B, S, H, A) in place, from states as they were rolled out."""
        config, rolled = self.config, candidates.states[:, :, 0]
        if actions.shape[2] < 2:
            return
        unit = _spread(rolled)
        free = torch.zeros_like(rolled[:, :, 1:-1]).requires_grad_(True)
        moved = actions.detach().clone().requires_grad_(True)
        optimiser = torch.optim.Adam(
            [
                {"params": [moved], "lr": config.learning_rate},
                {"params": [free], "lr": config.state_rate},
            ]
        )
        for _ in range(config.lifted):
            if self.search.affords(actions.shape[1]) < actions.shape[1]:
                break
            with torch.enable_grad():
                total = self._energy(rolled, free, unit, moved)
            gradients = torch.autograd.grad(total, [moved, free])
            moved.grad, free.grad = (directions_of(g) for g in gradients)
            optimiser.step()
            moved.clamp_(-1.0, 1.0)
            free.add_(config.noise * self._noise(free))
        actions.copy_(moved)

    def _energy(
        self, rolled: Tensor, free: Tensor, unit: Tensor, actions: Tensor
    ) -> Float[Tensor, ""]:
        """What actions and free states (in units of the spread) descend on."""
        states = rolled[:, :, 1:-1] + unit * free
        # No gradient into the state that the dynamics start from: it is adversarial.
        before = torch.cat([rolled[:, :, :1], states.detach()], dim=2)
        after = self.search.step(before, actions)
        energy = self._of_single_steps(before, after, actions)
        known = torch.isfinite(energy)
        apart = torch.where(unit > 0, (after[:, :, :-1] - states) / unit, 0.0)
        broken = apart.square().sum((-1, -2))
        weight = self.config.consistency * _typical(energy.detach(), known)
        return torch.where(known, energy + weight * broken, 0.0).sum()

    def _of_single_steps(
        self, before: Tensor, after: Tensor, actions: Tensor
    ) -> Float[Tensor, "B S"]:
        """Mean energy of every step as a plan of its own.

        So the goal pulls on every step, also where an objective asks about the end.
        """
        segments = torch.stack([before, after], dim=3).flatten(1, 2)[:, :, None]
        trajectory = Trajectory(
            states=segments, actions=actions.flatten(1, 2).unsqueeze(2)
        )
        scores = self.search.score(trajectory)
        energy = search_energy(scores, self.config.penalty)
        return energy.view(actions.shape[:3]).mean(-1)

    def _noise(self, free: Tensor) -> Tensor:
        samples, steps, size = free.shape[1:]
        return coloured_noise(
            self.generators, samples, steps, size, 0.0, device=free.device
        )


def _spread(states: Float[Tensor, "B S H1 D"]) -> Float[Tensor, "B 1 1 D"]:
    """Standard deviation of each dimension over candidates and steps.

    Dimensions that stay as they are (a context) are zero, and are not moved.
    """
    spread = states.nan_to_num().flatten(1, 2).std(1, correction=0)[:, None, None]
    largest = spread.amax(-1, keepdim=True)
    return torch.where(spread > 1e-4 * largest, spread, 0.0)


def _typical(
    energy: Float[Tensor, "B S"], known: Bool[Tensor, "B S"]
) -> Float[Tensor, "B 1"]:
    """Size of an environment's energies, so that consistency has the same unit."""
    size = torch.where(known, energy.abs(), torch.nan).nanmedian(1, keepdim=True)
    return size.values.nan_to_num(1.0).clamp_min(1e-6)
