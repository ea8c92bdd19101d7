"""A trained agent as an actor: the one place where evaluation meets ``telos.agent``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from telos.agent import (
    Agent,
    AgentParts,
    Deliberation,
    Goals,
    load_agent,
    observed,
)
from telos.envs.world import Goal, GoalWorld, Step
from telos.evaluation.exact import decision_of
from telos.evaluation.protocol import Protocol
from telos.evaluation.results import Decision, Gate
from telos.evaluation.zones import guardrails_of
from telos.types import Certified, Guardrail, Plan
from telos.world_model import Decoder

POSITION = "position"
"""The read-out that futures are drawn by."""


class AgentActor:
    """An agent among the actors; it sees observations and never labels.

    Limits are the exception that the task itself makes: a guarded agent is told of
    them, in physical units, as a user would tell it.
    """

    def __init__(
        self,
        parts: AgentParts,
        world: GoalWorld,
        *,
        guarded: bool = True,
        goals: Goals | None = None,
        goal_streams: Sequence[str] = (),
        decoder: Decoder | None = None,
    ) -> None:
        """Take an agent and the world that it will act in.

        Args:
            parts: From a run folder.
            world: Where; only its limits are asked for.
            guarded: Whether the agent is told of them.
            goals: What it pursues, whatever goal the world has sampled.
            goal_streams: In which streams it is shown a goal of the world; all by
                default.
            decoder: Draws what each plan imagines, once the plan is made.

        Raises:
            ValueError: If it does not see one of these streams.
        """
        unseen = [n for n in goal_streams if n not in parts.seen.streams]
        if unseen:
            there = ", ".join(parts.seen.streams)
            raise ValueError(f"the run sees no {unseen[0]!r}; it sees {there}")
        self._goal_streams = tuple(goal_streams)
        self.parts, self.goals, self.decoder = parts, goals, decoder
        self._world, self._guarded = world, guarded
        self._agent: Agent | None = None
        self._seen: Plan | None = None
        self._passed: Certified | None = None

    def reset(self, seeds: Sequence[int], goal: Goal) -> None:
        """Start B episodes with their goals and limits."""
        self._agent = self.parts.build(self._rails() if self._guarded else ())
        self._agent.reset(seeds)
        if self.goals is not None:
            self._agent.pursue(self.goals.pursuit(self.parts))
        elif self._goal_streams:
            self._agent.pursue(self._shown(goal).pursuit(self.parts))
        else:
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
            pictures=self._pictures(plan.states),
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

    def _shown(self, goal: Goal) -> Goals:
        """A goal of the world in the streams in which it may be seen."""
        shown = {name: goal.observations[name] for name in self._goal_streams}
        return Goals(wishes=(observed(self.parts, shown),))

    def _positions(self, states: torch.Tensor) -> torch.Tensor | None:
        """Where imagined states lie, if that can be drawn."""
        readout = self.parts.readouts.get(POSITION)
        if readout is None or readout.num_outputs != 2:
            return None
        return readout(states)

    def _pictures(self, states: torch.Tensor) -> np.ndarray | None:
        """(B, P, h, w, 3) uint8 of the most likely future, if it can be drawn.

        Of several cameras the first one that the agent sees is drawn. What is imagined
        between two model steps looks like the earlier one.
        """
        if self.decoder is None:
            return None
        drawable = [n for n in self.parts.seen.streams if n in self.decoder.parts]
        if not drawable:
            return None
        drawn = self.decoder.pictures(states[:, 0].cpu(), drawable[0])
        return drawn.repeat(self.parts.model.frame_skip, axis=1)

    def _route(self) -> np.ndarray | None:
        """(B, P, 2) positions of the routes that are followed, NaN after their ends."""
        assert self._agent is not None
        waypoints = self._agent.waypoints
        if waypoints is None:
            return None
        if not waypoints.following:
            return np.full((len(self._agent.plan.cost), 1, 2), np.nan, np.float32)
        routes = waypoints.routes
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


def actor_from_run(
    path: Path,
    world: GoalWorld,
    protocol: Protocol,
    *,
    device: str = "auto",
    deliberation: Deliberation | None = None,
    goal_streams: Sequence[str] = (),
) -> AgentActor:
    """The agent of a run folder, ready for a protocol in its world.

    Args:
        path: The run folder.
        world: Where it will act.
        protocol: Says whether it is told of the zones.
        device: auto, cpu, cuda or cuda:N.
        deliberation: How it searches, if not as usual.
        goal_streams: In which streams it is shown goals; all by default.

    Raises:
        FileNotFoundError: If there is no such run.
        ValueError: If the run has no finished model, was trained in another world or
            does not see such a stream.
    """
    parts = load_agent(path, spec=world.spec, device=device, deliberation=deliberation)
    return AgentActor(parts, world, guarded=protocol.guarded, goal_streams=goal_streams)
