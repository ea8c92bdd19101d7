"""The truth in the place of a world model, so that the same agent plans with it."""

from __future__ import annotations

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from telos.agent import WorldModel
from telos.agent.observing import named_streams
from telos.agent.seams import Scale
from telos.data.actions import ActionScale
from telos.envs.world import GoalWorld, TransparentWorld, WorldSpec
from telos.types import Dynamics, Observation, Streams, Trajectory

EXACT = "exact state"
"""The stream that holds the true state; only rungs of the truth see it."""
FRAMES = 1024
"""Frames drawn and encoded at once: more is no faster, and each takes 0.3 MB."""


class ExactModel:
    """Exact dynamics at the pace of a world model: one step is `frame_skip` steps.

    A state is an exact state. Encoding takes it from the stream `EXACT`.

    Args:
        dynamics: Of the running episodes, in steps of the world.
        spec: Of the world.
        model: Whose history, frame skip and action scale are kept.
    """

    def __init__(self, dynamics: Dynamics, spec: WorldSpec, model: WorldModel) -> None:
        self.history, self.frame_skip = model.history, model.frame_skip
        self.action_scale: Scale = model.action_scale
        self.streams = (EXACT,)
        self._dynamics, self._world_scale = dynamics, ActionScale.of_spec(spec)

    def encode(self, observation: Observation) -> Float[Tensor, "B T D"]:
        """The true states themselves."""
        return observation[EXACT].float()

    def rollout(
        self,
        state: Float[Tensor, "B T D"],
        actions: Float[Tensor, "B S H A"],
        futures: int = 1,
        generator: torch.Generator | None = None,
    ) -> Trajectory:
        """What really happens after every model step of each candidate."""
        batch, samples, horizon, _ = actions.shape
        units = self.action_scale.from_unit(actions.detach().cpu().numpy())
        steps = units.reshape(batch, samples, horizon * self.frame_skip, -1)
        scaled = torch.from_numpy(self._world_scale.to_unit(steps)).to(state)
        happened = self._dynamics.rollout(state, scaled, futures, generator)
        kept = happened.states[..., :: self.frame_skip, :]
        return Trajectory(states=kept, actions=actions)


class ExactLatentModel:
    """Exact dynamics whose states are drawn and encoded as if they had been seen.

    A state is an exact state followed by the latent that the encoder makes of what it
    looks like, with the history of the imagined way to it.

    Args:
        exact: The dynamics.
        world: Draws states.
        model: Encodes them.
        exact_dim: Numbers of an exact state.
    """

    def __init__(
        self,
        exact: ExactModel,
        world: TransparentWorld,
        model: WorldModel,
        exact_dim: int,
    ) -> None:
        self.history, self.frame_skip = exact.history, exact.frame_skip
        self.action_scale = exact.action_scale
        self.streams = (EXACT, *named_streams(model))
        self._exact, self._world, self._model = exact, world, model
        self._exact_dim = exact_dim

    def encode(self, observation: Observation) -> Float[Tensor, "B T D"]:
        """The true states, and the latents of what was seen."""
        seen = {name: v for name, v in observation.items() if name != EXACT}
        latents = self._model.encode(seen)
        return torch.cat([self._exact.encode(observation).to(latents), latents], -1)

    def rollout(
        self,
        state: Float[Tensor, "B T D"],
        actions: Float[Tensor, "B S H A"],
        futures: int = 1,
        generator: torch.Generator | None = None,
    ) -> Trajectory:
        """What really happens, and what the encoder would make of it."""
        past = state[..., : self._exact_dim]
        way = self._exact.rollout(past, actions, generator=generator).states[:, :, 0]
        latents = self._latents(past, way[:, :, 1:])
        present = state[:, -1:, None, self._exact_dim :]
        present = present.expand(-1, actions.shape[1], -1, -1)
        states = torch.cat([way, torch.cat([present, latents], 2)], -1)
        states = states[:, :, None].expand(-1, -1, futures, -1, -1)
        return Trajectory(states=states, actions=actions)

    def _latents(
        self, past: Float[Tensor, "B T D"], future: Float[Tensor, "B S H D"]
    ) -> Float[Tensor, "B S H L"]:
        """Latents of future states, a few candidates at a time."""
        before = self.history - 1
        seen = past[:, None, past.shape[1] - before :]
        way = torch.cat([seen.expand(-1, future.shape[1], -1, -1), future], 2)
        count = max(1, FRAMES // (way.shape[0] * way.shape[2]))
        parts = [self._see(part) for part in way.split(count, dim=1)]
        return torch.cat(parts, 1)[:, :, before:]

    @torch.no_grad()
    def _see(self, way: Float[Tensor, "B S T D"]) -> Float[Tensor, "B S T L"]:
        """Draw and encode every state of the ways."""
        batch, samples, length = way.shape[:3]
        flat = way.flatten(1, 2).cpu().numpy().astype(np.float64)
        streams = {
            name: torch.from_numpy(values).to(way.device)
            for name, values in self._world.show(flat).items()
        }
        rows = {
            name: values.reshape(batch * samples, length, *values.shape[2:])
            for name, values in streams.items()
        }
        return self._model.encode(rows).view(batch, samples, length, -1)


def exact_goal(world: GoalWorld, labels: Streams) -> np.ndarray:
    """(B, D) exact states that hold the labels of goals; what no label tells is 0."""
    state = np.zeros_like(world.exact_state()[:, 0])
    for label, dims in world.exact_dims.items():
        if label in labels:
            state[:, list(dims)] = labels[label]
    return state
