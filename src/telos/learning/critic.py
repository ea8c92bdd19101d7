"""Phase 3: the critic, by temporal differences on frozen latents, without rewards.

The cost of a step is one until the goal is reached. Goals are frames of the same
episode, so that they lie in the same layout. An expectile below one half makes the
distance lean to the fastest recorded way; n-step targets and the quasimetric carry it
further through the door.
"""

from __future__ import annotations

import copy
from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Float, Int64
from torch import Tensor, nn

from telos.cost.critic import Network
from telos.data.recording import Recording
from telos.data.windows import WindowSampler
from telos.learning.config import CriticConfig
from telos.learning.latents import LATENT


class CriticPhase:
    """What learns the temporal distance.

    Args:
        critic: The network.
        target: Its slow copy.
        latents: Episodes with latents as the only stream.
        config: Settings.
        frame_skip: Environment steps per model step.
        seed: Decides every batch.
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
    ) -> None:
        self.critic, self.target, self.config = critic, target, config
        self._latents, self._seed = latents, seed
        self._sampler = WindowSampler(
            latents,
            length=config.length,
            batch=config.batch,
            frame_skip=frame_skip,
            seed=seed,
        )
        self.optimiser, self.num_steps = config.optimiser, config.steps
        self.samples_per_step = config.batch

    def parameters(self) -> list[nn.Parameter]:
        """The critic's; its slow copy follows."""
        return list(self.critic.parameters())

    @torch.no_grad()
    def after_step(self, step: int) -> Mapping[str, float]:
        """Let the target network follow."""
        rate = self.config.target_rate
        slow, fast = self.target.parameters(), self.critic.parameters()
        for old, new in zip(slow, fast, strict=True):
            old.lerp_(new, rate)
        return {}

    def loss(self, step: int) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Expectile loss of the temporal difference."""
        latent, goal, reached = self._batch(step)
        value = self.critic(latent[:, 0], goal)
        with torch.no_grad():
            wanted = self._wanted(latent, goal, reached)
        error = wanted - value
        expectile = self.config.expectile
        # A target below the value says that someone was faster: it weighs more.
        weight = torch.where(error < 0, 1 - expectile, expectile)
        loss = (weight * error.square()).mean()
        return loss, {
            "value": value.mean().detach(),
            "error": error.abs().mean().detach(),
        }

    def _wanted(
        self, latent: Tensor, goal: Tensor, reached: Tensor
    ) -> Float[Tensor, "B"]:
        """n-step target: (1 - discount) per step, then the rest by the slow copy."""
        discount, length = self.config.discount, self.config.length
        ahead = self.target(latent[:, -1], goal)
        passed = torch.where(reached >= 0, reached, length).float()
        spent = 1 - discount**passed
        rest = torch.where(reached >= 0, torch.zeros_like(ahead), ahead)
        return spent + discount**passed * rest

    def _batch(self, step: int) -> tuple[Tensor, Tensor, Tensor]:
        """Latents (B, T+1, D), goal states (B, Z), and the step (B,) at which the
        window reaches its goal, -1 where it does not."""
        window = self._sampler.batch(step)
        latent = window.observations[LATENT]
        rng = np.random.default_rng((self._seed, step, 1))
        anywhere = self._random_frames(window.episodes.numpy(), rng)
        inside = rng.integers(0, latent.shape[1], len(latent))
        from_window = rng.uniform(size=len(latent)) < self.config.inside
        own = latent[torch.arange(len(latent)), torch.from_numpy(inside)]
        chosen = torch.from_numpy(from_window)
        goal = torch.where(chosen[:, None], own, anywhere)
        state = goal[:, : self.critic.state_dim]
        reached = first_match(latent[..., : self.critic.state_dim], state)
        device = next(self.critic.parameters()).device
        return latent.to(device), state.to(device), reached.to(device)

    def _random_frames(self, episodes: np.ndarray, rng: np.random.Generator) -> Tensor:
        """(B, D) any frame of each window's episode."""
        offset = rng.integers(0, self._latents.lengths[episodes])
        rows = self._latents.starts[episodes] + offset
        return torch.from_numpy(self._latents.observations[LATENT][rows])


def first_match(
    states: Float[Tensor, "B T1 Z"], goal: Float[Tensor, "B Z"]
) -> Int64[Tensor, "B"]:
    """The first step at which a window is at its goal, -1 where it never is.

    Goals are recorded frames, so that equality is exact. A goal drawn from the whole
    episode may lie in the window too, and an agent that stands still is there early.
    """
    equal = (states == goal.unsqueeze(1)).all(-1)
    first = equal.int().argmax(1)
    return torch.where(equal.any(1), first, torch.full_like(first, -1))


def slow_copy(critic: Network) -> Network:
    """A target network that starts equal and takes no gradient."""
    return copy.deepcopy(critic).requires_grad_(False)
