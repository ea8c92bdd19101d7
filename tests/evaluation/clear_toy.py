"""A toy world that hides nothing, and agents of it that can be broken on purpose."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from tests.evaluation.toy import ToyWorld

from telos.actor import ICEM, ICEMConfig
from telos.agent import Agent, AgentParts, Deliberation
from telos.cost import LatentGoal, identity_readout
from telos.data.actions import ActionScale
from telos.envs.exact import PathObjective
from telos.envs.world import Goal, Step, StreamSpec
from telos.perception.observation import with_history
from telos.types import Trajectory
from telos.world_model.function import FunctionDynamics


class ClearToy(ToyWorld):
    """The point in the plane; what is seen is where it is."""

    exact_dims = {"position": (0, 1)}

    def __init__(self, num_envs: int, **options) -> None:
        super().__init__(num_envs, **options)
        streams = {"place": StreamSpec(shape=(2,), dtype="float32")}
        self.spec = replace(self.spec, streams=streams)

    def _step(self, before: np.ndarray) -> Step:
        place = {"place": self.position.astype(np.float32)}
        return replace(super()._step(before), observations=place)

    def sample_goals(self, rule: str, seeds: Sequence[int]) -> Goal:
        goal = super().sample_goals(rule, seeds)
        place = goal.labels["position"].astype(np.float32)
        return replace(goal, observations={"place": place})

    def simulator(self, goal: Goal):
        target = goal.labels["position"][:, None, None, None]
        metric = PathObjective(lambda states: np.abs(states - target).max(-1))
        return FunctionDynamics(lambda state, action: state + action), metric

    def show(self, states: np.ndarray):
        return {"place": states.astype(np.float32)}


class PlaceModel:
    """Sees the place, and believes that an action of 1 moves it by `gain`."""

    def __init__(self, gain: float = 1.0, history: int = 1, frame_skip: int = 1):
        self.gain, self.history, self.frame_skip = gain, history, frame_skip
        bound = np.ones(2 * frame_skip)
        self.action_scale = ActionScale(-bound, bound)

    def encode(self, observation):
        assert set(observation) == {"place"}
        return with_history(observation["place"].float(), self.history)

    def rollout(self, state, actions, futures=1, generator=None):
        moves = actions.unflatten(-1, (self.frame_skip, 2)).sum(-2)
        present = state[:, -1:, None].expand(-1, actions.shape[1], -1, -1)
        path = present + self.gain * moves.cumsum(2).repeat(1, 1, 1, self.history)
        states = torch.cat([present, path], 2)[:, :, None]
        return Trajectory(states=states, actions=actions)


class Times:
    """An objective times a number that may be negative: a critic that is wrong."""

    name = "critic"

    def __init__(self, goal: torch.Tensor, factor: float) -> None:
        self._goal, self._factor = LatentGoal(goal), factor

    def __call__(self, trajectory):
        return self._factor * self._goal(trajectory)

    def terms(self, trajectory):
        return {self.name: self(trajectory)}


@dataclass(frozen=True, kw_only=True)
class Broken:
    """An agent of the toy world, whole unless told otherwise."""

    gain: float = 1.0
    """Of the learned dynamics; 1 is right."""
    critic: float = 1.0
    """Factor of the critic; below 0 it is inverted."""
    samples: int = 24
    """Candidates; 1 is rest alone."""
    misled: bool = False
    """Whether memory and routes lead it away."""

    def load(self, settings: Deliberation) -> AgentParts:
        """Its parts, deliberating as told."""
        model = PlaceModel(self.gain)
        iterations = 2 if self.samples > 1 else 1
        config = ICEMConfig(samples=self.samples, iterations=iterations, horizon=4)
        away = self.misled and settings.memory > 0

        def objective(goal):
            factor = self.critic if settings.cost == "critic" else 1.0
            return Times(-goal if away else goal, factor)

        def build(guardrails):
            return Agent(
                world_model=model,
                objective=objective,
                planner=ICEM(config),
                guardrails=guardrails,
                replan_every=settings.replan_every,
            )

        readout = identity_readout(2, (0, 1), unit="m")
        return AgentParts(build=build, model=model, readouts={"position": readout})
