"""A trained agent as an actor: the one place where evaluation meets ``telos.agent``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from telos.agent import Agent, AgentParts, Deliberation, load_agent
from telos.envs.world import Goal, GoalWorld, Step
from telos.evaluation.exact import decision_of
from telos.evaluation.protocol import Protocol
from telos.evaluation.results import Actor, Decision, Gate
from telos.evaluation.zones import guardrails_of
from telos.types import Certified, Guardrail, Plan

POSITION = "position"
"""The read-out that futures are drawn by."""


class AgentActor:
    """An agent among the actors; it sees observations and never labels.

    Limits are the exception that the task itself makes: a guarded agent is told of
    them, in physical units, as a user would tell it.
    """

    def __init__(
        self, parts: AgentParts, world: GoalWorld, *, guarded: bool = True
    ) -> None:
        """Take an agent and the world that it will act in.

        Args:
            parts: From a run folder.
            world: Where; only its limits are asked for.
            guarded: Whether the agent is told of them.
        """
        self.parts = parts
        self._world, self._guarded = world, guarded
        self._agent: Agent | None = None
        self._seen: Plan | None = None
        self._passed: Certified | None = None

    def reset(self, seeds: Sequence[int], goal: Goal) -> None:
        """Start B episodes with their goals and limits."""
        self._agent = self.parts.build(self._rails() if self._guarded else ())
        self._agent.reset(seeds)
        self._agent.set_goal(goal.observations)
        self._seen = self._passed = None

    def act(self, step: Step) -> np.ndarray:
        """(B, A) actions from what the agent sees."""
        assert self._agent is not None, "reset() comes before act()"
        return self._agent.act(step.observations)

    def record(self) -> Decision | None:
        """The newest plan, if the last action came with a new one."""
        assert self._agent is not None, "reset() comes before record()"
        plan = self._agent.plan
        if plan is self._seen:
            return None
        self._seen = plan
        positions = self._positions(plan.states)
        decided = decision_of(plan, self._agent.planned, positions)
        return replace(
            decided,
            route_evaluations=self._agent.evaluations - plan.evaluations,
            route=self._route(),
        )

    def gate(self) -> Gate | None:
        """What the shield let through, if a model step began with the last action."""
        assert self._agent is not None, "reset() comes before gate()"
        passed = self._agent.certified
        if passed is None or passed is self._passed:
            return None
        self._passed = passed
        margin = passed.margin.cpu().numpy()
        return Gate(status=passed.status, margin=margin, reason=passed.reason)

    def _positions(self, states: torch.Tensor) -> torch.Tensor | None:
        """Where imagined states lie, if that can be drawn."""
        readout = self.parts.readouts.get(POSITION)
        if readout is None or readout.num_outputs != 2:
            return None
        return readout(states)

    def _route(self) -> np.ndarray | None:
        """(B, P, 2) positions of the routes that are followed, NaN after their ends."""
        assert self._agent is not None
        if self._agent.waypoints is None:
            return None
        routes = self._agent.waypoints.routes
        positions = self._positions(routes.states)
        if positions is None:
            return None
        drawn = np.full(tuple(positions.shape), np.nan, np.float32)
        for row, length in enumerate(routes.lengths.tolist()):
            drawn[row, :length] = positions[row, -length:].cpu().numpy()
        return drawn

    def _rails(self) -> tuple[Guardrail, ...]:
        parts = self.parts
        return guardrails_of(self._world.limits(), parts.readouts, parts.buffers)


class GivenGoal:
    """An actor that pursues an image, whatever goal the world has sampled."""

    def __init__(self, actor: AgentActor, image: np.ndarray) -> None:
        """Take the actor and the (H, W, 3) uint8 image."""
        self._actor, self._image = actor, image

    def reset(self, seeds: Sequence[int], goal: Goal) -> None:
        """Start B episodes towards the image."""
        pixels = np.repeat(self._image[None], len(seeds), axis=0)
        observations = {**goal.observations, "pixels": pixels}
        self._actor.reset(seeds, replace(goal, observations=observations))

    def act(self, step: Step) -> np.ndarray:
        """(B, A) actions of the actor."""
        return self._actor.act(step)

    def record(self) -> Decision | None:
        """What the actor decided."""
        return self._actor.record()

    def gate(self) -> Gate | None:
        """What its shield said."""
        return self._actor.gate()


def read_goal(path: Path, shape: Sequence[int]) -> np.ndarray:
    """A goal image of exactly the world's size.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is no image, or of another size: scaling would move the goal.
    """
    from PIL import Image, UnidentifiedImageError

    if not path.is_file():
        raise FileNotFoundError(f"no goal image at {str(path)!r}; check the path")
    try:
        with Image.open(path) as image:
            pixels = np.asarray(image.convert("RGB"))
    except (UnidentifiedImageError, OSError) as problem:
        raise ValueError(f"{str(path)!r} is not an image: {problem}") from None
    if pixels.shape != tuple(shape):
        height, width = pixels.shape[:2]
        raise ValueError(
            f"the goal image {str(path)!r} is {width} x {height} pixels; this world "
            f"shows {shape[1]} x {shape[0]}: give a frame of that size"
        )
    return pixels


def actor_from_run(
    path: Path,
    world: GoalWorld,
    protocol: Protocol,
    *,
    device: str = "auto",
    deliberation: Deliberation | None = None,
) -> AgentActor:
    """The agent of a run folder, ready for a protocol in its world.

    Args:
        path: The run folder.
        world: Where it will act.
        protocol: Says whether it is told of the zones.
        device: auto, cpu, cuda or cuda:N.
        deliberation: How it searches, if not as usual.

    Raises:
        FileNotFoundError: If there is no such run.
        ValueError: If the run has no finished model or was trained in another world.
    """
    parts = load_agent(path, spec=world.spec, device=device, deliberation=deliberation)
    return AgentActor(parts, world, guarded=protocol.guarded)


def pursuing(actor: AgentActor, image: np.ndarray | None) -> Actor:
    """The actor, towards an image if there is one."""
    return actor if image is None else GivenGoal(actor, image)
