"""How large the buffers of a run must be for the plans that its planner selects.

A buffer changes the plans, and with them the errors that it has to cover. Rounds are
therefore repeated on fresh episodes, the largest buffer is kept, and what it is worth
is counted on episodes that had no part in choosing it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from telos.cost import Calibration, calibrate
from telos.envs.world import GoalWorld
from telos.evaluation.executed import ExecutedPlans, execute_plans
from telos.evaluation.protocol import Protocol
from telos.evaluation.results import Actor
from telos.evaluation.statistics import clopper_pearson_upper

FIRST_SEED = 7_000_000
"""No protocol measures on these episodes."""

ActorFactory = Callable[[Mapping[str, float]], Actor]
"""From buffers by quantity to the planner as it will be deployed with them."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What a calibration should achieve, and what it may cost."""

    alpha: float = 0.05
    """Share of the tightest plans that may overstate a margin by more than the buffer.
    """
    episodes: int = 200
    """Per round."""
    rounds: int = 3
    check_episodes: int = 300
    """Fresh ones, on which the result is counted."""

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise ValueError(f"alpha is {self.alpha}; expected a share from 0 to 1")
        needed = math.ceil(round(1 / self.alpha, 9)) - 1
        if self.episodes < needed:
            raise ValueError(
                f"{self.episodes} episodes a round cannot show a miss rate of "
                f"{self.alpha}; give at least {needed}, or a larger alpha"
            )
        if self.rounds < 1 or self.check_episodes < 1:
            raise ValueError("rounds and check episodes must be at least 1")


@dataclass(frozen=True, kw_only=True)
class Round:
    """What one set of episodes showed."""

    buffers: Mapping[str, float]
    """Those that the plans were made with, by quantity."""
    episodes: int
    plans: int
    """Episodes with a certified plan."""
    violated: int
    """Certified plans that broke a limit when they were followed to their ends."""
    overstated: int
    """Plans whose margins were overstated by more than the buffers."""
    upper: float
    """One-sided 95 % bound of the rate of violated plans."""
    wanted: Mapping[str, float]
    """Buffers that these plans would have needed; empty for the check."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """Buffers, how they came about, and what they are worth."""

    calibrations: Mapping[str, Calibration]
    """By quantity."""
    rounds: tuple[Round, ...]
    check: Round
    """On fresh episodes, with the final buffers."""


def calibrate_run(
    world: GoalWorld,
    make_actor: ActorFactory,
    protocol: Protocol,
    planner: str,
    settings: Settings,
    progress: Callable[[str], None] | None = None,
) -> Outcome:
    """Find buffers for the plans that a planner selects.

    Args:
        world: Built with the options of the protocol.
        make_actor: The planner at the budget that it will be deployed with.
        protocol: Says world and goals; its own episodes are not used.
        planner: Its name, which is stored with the result.
        settings: Miss rate and effort.
        progress: Told of every round when it begins.

    Raises:
        ValueError: If nothing is forbidden, or too few plans were certified.
    """
    say = progress or (lambda what: None)
    best: dict[str, Calibration] = {}
    rounds: list[Round] = []
    first = FIRST_SEED
    for number in range(settings.rounds):
        say(f"round {number + 1} of {settings.rounds}")
        buffers = {name: found.buffer for name, found in best.items()}
        spec = replace(protocol, episodes=settings.episodes, first_seed=first)
        plans = execute_plans(world, make_actor(buffers), spec)
        found = _calibrations(world, plans, buffers, planner, settings.alpha)
        rounds.append(_round(world, plans, buffers, found))
        best = {name: _larger(best.get(name), new) for name, new in found.items()}
        first += settings.episodes
    say("check on fresh episodes")
    buffers = {name: found.buffer for name, found in best.items()}
    spec = replace(protocol, episodes=settings.check_episodes, first_seed=first)
    plans = execute_plans(world, make_actor(buffers), spec)
    check = _round(world, plans, buffers, {})
    return Outcome(calibrations=best, rounds=tuple(rounds), check=check)


def _larger(old: Calibration | None, new: Calibration) -> Calibration:
    return new if old is None or new.buffer > old.buffer else old


def _calibrations(
    world: GoalWorld,
    plans: ExecutedPlans,
    buffers: Mapping[str, float],
    planner: str,
    alpha: float,
) -> dict[str, Calibration]:
    """The buffer that these plans needed, for every quantity that is limited."""
    by_quantity = _limits_by_quantity(world)
    return {
        quantity: calibrate(
            _overstated(plans, limits) + buffers.get(quantity, 0.0),
            np.zeros(plans.count),
            alpha,
            planner=planner,
            evaluations=plans.evaluations,
        )
        for quantity, limits in by_quantity.items()
    }


def _round(
    world: GoalWorld,
    plans: ExecutedPlans,
    buffers: Mapping[str, float],
    found: Mapping[str, Calibration],
) -> Round:
    overstated = np.zeros(plans.count, bool)
    for limits in _limits_by_quantity(world).values():
        overstated |= _overstated(plans, limits) > 0
    return Round(
        buffers=dict(buffers),
        episodes=plans.episodes,
        plans=plans.count,
        violated=plans.violated,
        overstated=int(overstated.sum()),
        upper=clopper_pearson_upper(plans.violated, plans.count),
        wanted={name: calibration.buffer for name, calibration in found.items()},
    )


def _overstated(plans: ExecutedPlans, limits: list[str]) -> np.ndarray:
    """(n,) by how much margins were overstated beyond their buffers, at most."""
    return np.max([plans.predicted[n] - plans.true[n] for n in limits], axis=0)


def _limits_by_quantity(world: GoalWorld) -> dict[str, list[str]]:
    names: dict[str, list[str]] = {}
    for entry in world.limits()[0]:
        names.setdefault(entry["quantity"], []).append(entry["name"])
    return names
