"""Phase 4, by default: the critic, regressed on shortest ways through the recording.

Temporal differences carry a distance step by step from goal to start, and what they
guess on the way is what they learn from. Between frames of one episode the way is
known, so nothing has to be guessed.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from telos.cost.critic import Network
from telos.data.recording import Recording
from telos.learning.config import CriticConfig
from telos.learning.distributed import ALONE, Team
from telos.learning.latents import GOAL, LATENT
from telos.learning.losses import expectile_loss
from telos.learning.ways import Ways


class PathsPhase:
    """What learns the temporal distance from known ways.

    Args:
        critic: The network.
        latents: Episodes as `encode_recording` gives them.
        ways: Lengths of ways between their frames.
        config: Settings.
        seed: Decides every batch.
        team: The processes that train together, each on its part of every batch.
    """

    name = "critic"

    def __init__(
        self,
        critic: Network,
        latents: Recording,
        ways: Ways,
        config: CriticConfig,
        *,
        seed: int = 0,
        team: Team = ALONE,
    ) -> None:
        self.critic, self.config, self._seed = critic, config, seed
        self._latents, self._ways = latents.observations, ways
        self.optimiser, self.num_steps = config.optimiser, config.steps
        self.samples_per_step = config.batch
        self._part = team.part(config.batch, "critic.batch")

    def parameters(self) -> list[nn.Parameter]:
        """The critic's."""
        return list(self.critic.parameters())

    def after_step(self, step: int) -> Mapping[str, float]:
        """Nothing follows a step."""
        return {}

    def loss(self, step: int) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Expectile regression on the discounted distance.

        A way through a recording may be a detour, never a short cut: of the lengths
        found for like pairs, the lower ones are nearer to the distance.
        """
        now, goal, steps = self.batch(step)
        value = self.critic(now, goal)
        error = 1 - self.config.discount**steps - value
        return expectile_loss(error, self.config.paths.expectile), {
            "value": value.mean().detach(),
            "error": error.abs().mean().detach(),
        }

    def batch(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """Starts (B, D), goals (B, Z) and steps (B,): a function of (seed, step)."""
        rng = np.random.default_rng((self._seed, step, 1))
        count, ways = self.config.batch, self._ways
        pieces, own = ways.frames.shape
        piece = rng.integers(0, pieces, count)
        start = rng.integers(0, own, count)
        goal = rng.integers(0, own, count)
        others = ways.goals.shape[1] - own
        if others:
            foreign = rng.uniform(size=count) < self.config.foreign
            goal = np.where(foreign, own + rng.integers(0, others, count), goal)
            # Few frames lie close to a short walk: it has fewer goals than room.
            unknown = ~np.isfinite(ways.lengths[piece, start, goal])
            goal = np.where(unknown, rng.integers(0, own, count), goal)
        piece, start, goal = (drawn[self._part] for drawn in (piece, start, goal))
        device = next(self.critic.parameters()).device
        now = self._latents[LATENT][ways.frames[piece, start]]
        there = self._latents[GOAL][ways.goals[piece, goal]]
        steps = ways.lengths[piece, start, goal].astype(np.float32)
        given, goals, known = (
            torch.from_numpy(array).to(device) for array in (now, there, steps)
        )
        return given, goals, known
