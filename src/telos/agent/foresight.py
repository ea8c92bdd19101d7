"""One plan from one observation, without any world to act in."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from telos.agent.goals import Goals
from telos.agent.trained import AgentParts
from telos.cost.in_sequence import still_at
from telos.types import Guardrail, Streams


@dataclass(frozen=True, kw_only=True)
class Predicted:
    """A physical quantity along a plan, as the world model imagines it."""

    values: np.ndarray
    """(H+1, q), the present first."""
    unit: str
    error: float
    """Held-out error of the read-out (90 % quantile), same unit."""


@dataclass(frozen=True, kw_only=True)
class Foresight:
    """What should be done from here, and what is expected of it."""

    actions: np.ndarray
    """(T, A) in the units of the recording, one per step of it."""
    status: str
    """certified, backup or infeasible."""
    first: str | None
    """What the shield would let through as the first step; None without guardrails."""
    reason: str | None
    margins: Mapping[str, float]
    """Smallest predicted margin of each guardrail, in its unit, buffers taken off."""
    units: Mapping[str, str]
    """Unit of each guardrail."""
    digests: Mapping[str, str]
    """Fingerprint of each guardrail."""
    energies: tuple[float, float]
    """Of the goal now and at the end of the plan, in `energy_unit`."""
    energy_unit: str
    reached: bool
    """Whether the plan is predicted to end at its goal."""
    predicted: Mapping[str, Predicted]
    """By read-out."""
    evaluations: int
    seconds: float


def foresee(
    parts: AgentParts,
    frames: Sequence[Streams],
    goals: Goals,
    guardrails: Sequence[Guardrail] = (),
    *,
    seed: int = 0,
) -> Foresight:
    """Plan once.

    Args:
        parts: From a run folder.
        frames: (1, ...) streams, oldest first, as `read_frames` gives them; fewer
            than the model sees together mean that nothing moved before.
        goals: What is wanted; of a sequence, the first one is planned for with those
            that the plan reaches after it.
        guardrails: What must hold, for a batch of one.
        seed: Of the search.
    """
    agent = parts.build(guardrails)
    agent.reset([seed])
    pursuit = goals.pursuit(parts)
    agent.pursue(pursuit)
    for frame in frames[:-1]:
        agent.watch(frame)
    agent.act(frames[-1])
    plan, passed = agent.plan, agent.certified
    states = plan.states[0, 0]
    due = goals.wishes[int(pursuit.stage[0])]
    energies = [float(due.objective(still_at(states[at][None]))) for at in (0, -1)]
    return Foresight(
        actions=agent.planned[0],
        status=plan.status[0],
        first=None if passed is None else passed.status[0],
        reason=None if passed is None else passed.reason[0],
        margins={name: float(margin[0]) for name, margin in plan.margins.items()},
        units={rail.name: rail.unit for rail in guardrails},
        digests=dict(plan.digests),
        energies=(energies[0], energies[1]),
        energy_unit=due.unit,
        reached=energies[1] <= due.within,
        predicted={
            name: Predicted(
                values=readout(states).cpu().numpy(),
                unit=readout.unit,
                error=float(readout.errors.get("q90", 0.0)),
            )
            for name, readout in parts.readouts.items()
        },
        evaluations=agent.evaluations,
        seconds=plan.seconds,
    )
