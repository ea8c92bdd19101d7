"""The verdict in words: between which two rungs is most lost, beyond chance?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from telos.config import to_dict
from telos.evaluation.attribution.rungs import METRIC, Rung
from telos.evaluation.statistics import Drop, holm, paired_drop

SIGNIFICANT = 0.05
"""Largest corrected p value of a drop that counts."""
SEARCH, DYNAMICS, EXTRAS = "search", "learned dynamics", "memory and routes"
COSTS = {"critic": "critic", "latent": "latent distance"}
"""Name of the link by the cost that the agent goes by."""

Successes = Mapping[str, Sequence[bool]]
"""Rung -> success of every episode, in the order of the seeds."""


@dataclass(frozen=True, kw_only=True)
class Link:
    """A part of the agent, and what it costs not to have the truth in its place."""

    name: str
    before: str | None
    """Rung with the truth in its place; None: every episode solved."""
    after: str
    """The same with the part itself."""
    drop: Drop
    corrected: float
    """p, corrected for the number of links."""

    @property
    def is_weak(self) -> bool:
        """Whether it costs episodes, beyond chance."""
        return self.drop.difference > 0 and self.corrected <= SIGNIFICANT

    @property
    def is_gain(self) -> bool:
        """Whether it wins episodes, beyond chance."""
        return self.drop.difference < 0 and self.corrected <= SIGNIFICANT

    def to_json(self) -> dict[str, Any]:
        return {**to_dict(self), "is_weak": self.is_weak}


def links_of(rungs: Sequence[Rung], successes: Successes, cost: str) -> list[Link]:
    """What every link costs, from the truth down to the agent.

    Args:
        rungs: That were run.
        successes: By the names of the rungs.
        cost: What the agent goes by.
    """
    names = {rung.name for rung in rungs}
    chain = (
        (SEARCH, None, f"exact-{METRIC}"),
        (COSTS.get(cost, cost), f"exact-{METRIC}", f"exact-{cost}"),
        (DYNAMICS, f"exact-{cost}", f"learned-{cost}"),
        (EXTRAS, f"learned-{cost}", "shipped"),
    )
    links = [
        _link(name, before, after, successes)
        for name, before, after in chain
        if after in names and (before is None or before in names)
    ]
    corrected = holm([link.drop.p for link in links])
    return [
        replace(link, corrected=p) for link, p in zip(links, corrected, strict=True)
    ]


def _link(name: str, before: str | None, after: str, successes: Successes) -> Link:
    lower = successes[after]
    upper = [True] * len(lower) if before is None else successes[before]
    drop = paired_drop(upper, lower)
    return Link(name=name, before=before, after=after, drop=drop, corrected=drop.p)


def weakest(links: Sequence[Link]) -> Link | None:
    """The link that costs most, among those that cost something beyond chance."""
    weak = [link for link in links if link.is_weak]
    return max(weak, key=lambda link: link.drop.difference, default=None)


def sentence(links: Sequence[Link], successes: Successes, exact: bool) -> str:
    """The verdict for people.

    Args:
        links: From `links_of`.
        successes: By the names of the rungs.
        exact: Whether rungs of the truth were run.
    """
    limits = (
        ""
        if exact
        else "This world offers no exact dynamics, so that search, cost and model "
        "cannot be told apart. "
    )
    found = weakest(links)
    if found is None:
        return limits + _nothing(links, successes)
    others = [link for link in links if link.is_weak and link is not found]
    more = "".join(f" Weak too: {_loss(link, successes)}." for link in others)
    return (
        f"{limits}The weakest link is {_loss(found, successes)}.{more}"
        f"{_made_up_for(links, successes)}"
    )


def hint(
    links: Sequence[Link], regrets: Mapping[str, Mapping[str, Any] | None], unit: str
) -> str:
    """Where single decisions lose most, if their regrets differ beyond chance.

    Where nearly all episodes succeed, decisions still tell links apart. Their intervals
    must not even overlap. Routes aim at waypoints, for which the true metric to the
    goal is no measure, and are left out.

    Args:
        links: From `links_of`.
        regrets: By the names of the rungs, each a mean with its interval.
        unit: Of regrets.
    """
    rises: list[tuple[float, str]] = []
    for link in links:
        old, new = regrets.get(link.before or ""), regrets.get(link.after)
        if link.name == EXTRAS or not old or not new or old["high"] >= new["low"]:
            continue
        words = (
            f" Single decisions lose most by the {link.name}: their mean regret rises "
            f"from {old['mean']:.2g} to {new['mean']:.2g} {unit}."
        )
        rises.append((new["mean"] - old["mean"], words))
    return max(rises)[1] if rises else ""


def _made_up_for(links: Sequence[Link], successes: Successes) -> str:
    """What memory and routes win back, if they do beyond chance."""
    gains = [link for link in links if link.name == EXTRAS and link.is_gain]
    return "".join(
        f" Memory and routes win back {_points(gain.drop, -1)}: as shipped the agent "
        f"reaches {_share(successes[gain.after])}."
        for gain in gains
    )


def _loss(link: Link, successes: Successes) -> str:
    """The critic: with the true metric 98 %, with the critic 81 % (difference ...)."""
    after = _share(successes[link.after])
    difference = f"difference {_points(link.drop)}"
    if link.before is None:
        return (
            "the search: with exact dynamics and the true metric it still solves only "
            f"{after} of the episodes ({difference})"
        )
    before = _share(successes[link.before])
    told = {
        DYNAMICS: ("with exact dynamics the same cost reaches", "the learned model"),
        EXTRAS: ("without them the agent reaches", "them"),
    }
    truth, part = told.get(
        link.name,
        (
            "with exact dynamics and the true metric the agent reaches",
            f"the {link.name}",
        ),
    )
    name = link.name if link.name == EXTRAS else f"the {link.name}"
    return f"{name}: {truth} {before}, with {part} {after} ({difference})"


def _nothing(links: Sequence[Link], successes: Successes) -> str:
    if not links:
        return f"One rung alone compares with nothing; it reaches {_all(successes)}."
    largest = max(links, key=lambda link: link.drop.difference)
    n = largest.drop.n
    if largest.drop.difference <= 0:
        return f"No link is distinguishably weak in {n} episodes: none loses any."
    name = largest.name if largest.name == EXTRAS else f"the {largest.name}"
    return (
        f"No link is distinguishably weak in {n} episodes. The largest loss, that of "
        f"{name}, is {_points(largest.drop)}: chance explains it."
    )


def _all(successes: Successes) -> str:
    return ", ".join(_share(values) for values in successes.values())


def _share(values: Sequence[bool]) -> str:
    return f"{100 * sum(values) / len(values):.0f} %"


def _points(drop: Drop, sign: int = 1) -> str:
    """A loss in points, or with sign -1 a gain."""
    ends = sorted(round(100 * sign * end) for end in (drop.low, drop.high))
    difference = round(100 * sign * drop.difference)
    return f"{difference} points, 95 % interval {ends[0]} to {ends[1]}"
