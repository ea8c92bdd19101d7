"""Phase 4: the critic, by temporal differences on frozen latents, without rewards.

The cost of a step is one until the goal is reached. Goals are states of the same or of
another episode, seen under the same context. An expectile below one half makes the
distance lean to the fastest recorded way; n-step targets and the quasimetric carry it
further through the door.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor, nn

from telos.cost.critic import Network
from telos.data.recording import Recording
from telos.learning.config import CriticConfig
from telos.learning.distributed import ALONE, Team
from telos.learning.latents import GOAL, LATENT
from telos.learning.losses import expectile_loss

FAR = 10**6
"""Steps to a goal that was not seen after the start: the recording sets no limit."""


@dataclass(frozen=True, kw_only=True)
class Pairs:
    """Starts and goals of one layout each, and what the recording says of them."""

    now: Float[Tensor, "B D"]
    later: Float[Tensor, "B D"]
    """The same episode, ``steps`` later."""
    goal: Float[Tensor, "B Z"]
    steps: Float[Tensor, "B"]
    """Model steps from now to later; never beyond the goal."""
    steps_to_goal: Float[Tensor, "B"]
    """Model steps that the recorded way from now to the goal took."""


class CriticPhase:
    """What learns the temporal distance.

    Args:
        critic: The network.
        target: Its slow copy.
        latents: Episodes as `encode_recording` gives them.
        config: Settings.
        frame_skip: Environment steps per model step.
        seed: Decides every batch.
        team: The processes that train together, each on its part of every batch.
    """

    name = "critic"

    def __init__(
        self,
        critic: Network,
        target: Network,
        latents: Recording,
        config: CriticConfig,
        *,
        frame_skip: int = 1,
        seed: int = 0,
        team: Team = ALONE,
    ) -> None:
        self.critic, self.target, self.config = critic, target, config
        self._latents, self._seed = latents, seed
        self._frame_skip = frame_skip
        self._part = team.part(config.batch, "critic.batch")
        self.optimiser, self.num_steps = config.optimiser, config.steps
        self.samples_per_step = config.batch

    def parameters(self) -> list[nn.Parameter]:
        """The critic's; its slow copy follows."""
        return list(self.critic.parameters())

    @torch.no_grad()
    def after_step(self, step: int) -> Mapping[str, float]:
        """Let the target network follow."""
        rate = self.config.differences.target_rate
        slow, fast = self.target.parameters(), self.critic.parameters()
        for old, new in zip(slow, fast, strict=True):
            old.lerp_(new, rate)
        return {}

    def loss(self, step: int) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Expectile loss of the temporal difference."""
        pairs = self.pairs(step)
        value = self.critic(pairs.now, pairs.goal)
        with torch.no_grad():
            wanted = self._wanted(pairs)
        error = wanted - value
        # A target below the value says that someone was faster: it weighs more.
        return expectile_loss(error, self.config.differences.expectile), {
            "value": value.mean().detach(),
            "error": error.abs().mean().detach(),
        }

    def _wanted(self, pairs: Pairs) -> Float[Tensor, "B"]:
        """n-step target, at most what the recorded way to the goal took."""
        discount = self.config.discount
        ahead = self.target(pairs.later, pairs.goal)
        there = pairs.steps_to_goal == pairs.steps
        rest = torch.where(there, torch.zeros_like(ahead), ahead)
        passed = discount**pairs.steps
        wanted = (1 - passed) + passed * rest
        return torch.minimum(wanted, 1 - discount**pairs.steps_to_goal)

    def pairs(self, step: int) -> Pairs:
        """The batch of a step: a pure function of (seed, step)."""
        rng = np.random.default_rng((self._seed, step, 1))
        count, skip = self.config.batch, self._frame_skip
        episodes = rng.integers(0, self._latents.num_episodes, count)
        last = (self._latents.lengths[episodes] - 1) // skip
        begin = (rng.uniform(size=count) * last).astype(int)
        ahead = (
            begin + 1 + (rng.uniform(size=count) ** 1.5 * (last - begin)).astype(int)
        )
        anywhere = (rng.uniform(size=count) * (last + 1)).astype(int)
        future = rng.uniform(size=count) < self.config.differences.future
        goal = np.where(future, np.minimum(ahead, last), anywhere)
        # A goal of another episode is seen under this one's context. No way to it was
        # recorded, so that its distance comes from the target network alone.
        foreign = rng.uniform(size=count) < self.config.foreign
        known = np.where((goal >= begin) & ~foreign, goal - begin, FAR)
        steps = np.minimum(
            np.minimum(self.config.differences.length, known), last - begin
        )
        rows = self._latents.starts[episodes] + skip * np.stack(
            [begin, begin + steps, goal]
        )
        rows[2, foreign] = rng.integers(0, self._latents.num_frames, foreign.sum())
        own = self._part
        return self._gather(rows[:, own], steps[own], known[own])

    def _gather(self, rows: np.ndarray, steps: np.ndarray, known: np.ndarray) -> Pairs:
        """Pairs from (3, B) rows of starts, later frames and goals."""
        device = next(self.critic.parameters()).device
        seen = self._latents.observations
        sources = seen[LATENT], seen[LATENT], seen[GOAL]
        now, then, there = (
            torch.from_numpy(source[row]).to(device)
            for source, row in zip(sources, rows, strict=True)
        )
        return Pairs(
            now=now,
            later=then,
            goal=there,
            steps=torch.from_numpy(steps).float().to(device),
            steps_to_goal=torch.from_numpy(known).float().to(device),
        )


def slow_copy(critic: Network) -> Network:
    """A target network that starts equal and takes no gradient."""
    return copy.deepcopy(critic).requires_grad_(False)
