"""A trained agent as an actor: the one place where evaluation meets ``telos.agent``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Protocol as Interface

import numpy as np
import torch

from telos.cost.readout import ReadOut
from telos.envs.world import Goal, GoalWorld, Step
from telos.evaluation.exact import decision_of
from telos.evaluation.open_loop import Model
from telos.evaluation.protocol import Protocol
from telos.evaluation.results import Decision
from telos.evaluation.zones import zone_guardrails
from telos.types import Guardrail, Plan, Streams


class GoalAgent(Interface):
    """What an actor needs of an agent."""

    @property
    def plan(self) -> Plan | None:
        """The newest plan."""
        ...

    @property
    def model(self) -> Model:
        """Its world model."""
        ...

    @property
    def readouts(self) -> Mapping[str, ReadOut]:
        """Latent to physical quantities, by label."""
        ...

    def reset(self, seeds: Sequence[int]) -> None: ...

    def set_goal(self, observations: Streams) -> None: ...

    def set_guardrails(self, guardrails: Sequence[Guardrail]) -> None: ...

    def act(self, observations: Streams) -> np.ndarray: ...


class AgentActor:
    """An agent among the actors; it sees observations and never labels.

    Zones are the exception that the task itself makes: a guarded agent is told where
    they are, in physical units, as a user would tell it.
    """

    def __init__(
        self, agent: GoalAgent, world: GoalWorld, *, guarded: bool = True, buffer: float
    ) -> None:
        """Take an agent and the world that it will act in.

        Args:
            agent: What acts.
            world: Where; only its zones are asked for.
            guarded: Whether the agent is told of them.
            buffer: Calibrated allowance for wrong predictions, world units.
        """
        self.agent = agent
        self._world, self._guarded, self._buffer = world, guarded, buffer
        self._seen: Plan | None = None

    def reset(self, seeds: Sequence[int], goal: Goal) -> None:
        """Start B episodes with their goals and zones."""
        self.agent.reset(seeds)
        self.agent.set_goal(goal.observations)
        self.agent.set_guardrails(self._rails() if self._guarded else ())
        self._seen = None

    def act(self, step: Step) -> np.ndarray:
        """(B, A) actions from what the agent sees."""
        self._seen = self.agent.plan
        return self.agent.act(step.observations)

    def record(self) -> Decision | None:
        """The newest plan, if the last action came with a new one."""
        plan = self.agent.plan
        if plan is None or plan is self._seen:
            return None
        return decision_of(plan, self._positions(plan))

    def _positions(self, plan: Plan) -> torch.Tensor | None:
        readout = self.agent.readouts.get("position")
        if readout is None or readout.num_outputs != 2:
            return None
        return readout(plan.states)

    def _rails(self) -> tuple[Guardrail, ...]:
        layouts = self._world.layout()
        readout = self.agent.readouts.get("position")
        if readout is not None:
            return zone_guardrails(layouts, readout, self._buffer)
        if any("zone" in key for layout in layouts for key in layout):
            raise ValueError(
                "this run has no read-out of 'position', so it cannot be told of a "
                "zone; train it on episodes with that label"
            )
        return ()


def actor_from_run(
    path: Path, world: GoalWorld, protocol: Protocol, *, device: str = "auto"
) -> AgentActor:
    """The agent of a run folder, ready for a protocol in its world.

    Raises:
        FileNotFoundError: If there is no such run.
        ValueError: If the run has no finished model or was trained in another world.
    """
    from telos.agent import load_agent

    agent = load_agent(path, world.spec, device=device)
    return AgentActor(agent, world, guarded=protocol.guarded, buffer=agent.buffer)
