"""Phase 5: the habit, from goals in hindsight, on frozen latents."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from telos.actor.habit import Habit
from telos.data.actions import ActionScale
from telos.data.recording import Recording
from telos.learning.config import HabitConfig
from telos.learning.distributed import ALONE, Team
from telos.learning.latents import GOAL, LATENT


@dataclass(frozen=True, kw_only=True)
class Deeds:
    """What was done, and what it led to."""

    now: Float[Tensor, "B D"]
    action: Float[Tensor, "B A"]
    goal: Float[Tensor, "B Z"]
    """A frame that came later, seen as agents are given a goal."""


class HabitPhase:
    """What forms the habit.

    Args:
        habit: The network.
        latents: Episodes as `encode_recording` gives them.
        config: Settings.
        frame_skip: Environment steps per model step.
        seed: Decides every batch.
        team: The processes that train together, each on its part of every batch.
    """

    name = "habit"

    def __init__(
        self,
        habit: Habit,
        latents: Recording,
        config: HabitConfig,
        *,
        frame_skip: int = 1,
        seed: int = 0,
        team: Team = ALONE,
    ) -> None:
        self.habit, self.config = habit, config
        self._latents, self._seed, self._skip = latents, seed, frame_skip
        self._actions = ActionScale.of_spec(latents.spec).to_unit(latents.actions)
        self._part = team.part(config.batch, "habit.batch")
        self._episodes = np.flatnonzero(latents.lengths > frame_skip)
        self.optimiser, self.num_steps = config.optimiser, config.steps
        self.samples_per_step = config.batch

    def parameters(self) -> list[nn.Parameter]:
        """The habit's; the encoder stays as it is."""
        return list(self.habit.parameters())

    def after_step(self, step: int) -> Mapping[str, float]:
        """Nothing follows a step."""
        return {}

    def loss(self, step: int) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Mean negative log-likelihood of what was done, without its constant."""
        deeds = self.deeds(step)
        mismatch = self.habit.mismatch(deeds.now, deeds.goal, deeds.action).mean()
        with torch.no_grad():
            error = (self.habit.act(deeds.now, deeds.goal) - deeds.action).abs().mean()
        return mismatch, {"error": error}

    def deeds(self, step: int) -> Deeds:
        """The batch of a step: a pure function of (seed, step)."""
        rng = np.random.default_rng((self._seed, step, 3))
        count, skip = self.config.batch, self._skip
        episodes = self._episodes[rng.integers(0, len(self._episodes), count)]
        last = (self._latents.lengths[episodes] - 1) // skip
        begin = (rng.uniform(size=count) * last).astype(int)
        reach = np.minimum(self.config.reach, last - begin)
        ahead = 1 + (rng.uniform(size=count) * reach).astype(int)
        first = self._latents.starts[episodes]
        own = self._part
        return self._gather((first + skip * begin)[own], (skip * ahead)[own])

    def _gather(self, rows: np.ndarray, ahead: np.ndarray) -> Deeds:
        seen, skip = self._latents.observations, self._skip
        actions = self._actions[rows[:, None] + np.arange(skip)]
        parts = (
            seen[LATENT][rows],
            np.clip(actions.reshape(len(rows), -1), -1, 1).astype(np.float32),
            seen[GOAL][rows + ahead],
        )
        device = self.habit.log_spread.device
        now, action, goal = (torch.from_numpy(part).to(device) for part in parts)
        return Deeds(now=now, action=action, goal=goal)
