"""Every planner that is compared: how it acts in episodes, and how it is timed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

from others import mppi, ours, rl, swm
from others.question import Effort, Method, Proposed
from telos.actor import SearchConfig
from telos.types import Planner


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One planner of one library."""

    library: str
    planner: Callable[[Effort], Planner]
    """For episodes: behind the protocol of telos."""
    asked: Method
    """For the clock: as the library itself is called."""


def _ours(make: Callable[[Effort], Planner]) -> Entry:
    return Entry(
        library="telos",
        planner=make,
        asked=lambda effort: ours.asked(make(effort)),
    )


def _swm(chosen: swm.Chosen) -> Entry:
    return Entry(
        library="stable-worldmodel",
        planner=partial(swm.planner, chosen),
        asked=partial(swm.asked, chosen),
    )


def _proposed(library: str, asked: Method) -> Entry:
    def planner(effort: Effort) -> Planner:
        return Proposed(asked(effort), SearchConfig(horizon=effort.horizon))

    return Entry(library=library, planner=planner, asked=asked)


ROSTER: Mapping[str, Entry] = {
    **{name: _ours(make) for name, make in ours.PLANNERS.items()},
    **{name: _swm(chosen) for name, chosen in swm.SOLVERS.items()},
    **{name: _proposed("TorchRL", asked) for name, asked in rl.METHODS.items()},
    "pytorch_mppi MPPI": _proposed("pytorch_mppi", mppi.mppi),
}
"""By name; the first one is what the others are compared with."""
