"""Numbers as sentences that someone outside the field understands."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

from telos.report.reading import Json, dig, first, number_at
from telos.report.svg import number, percent

RIVALS = (
    ("floors.random", "random actions"),
    ("floors.greedy", "straight line"),
    ("ceiling", "exact dynamics"),
)
"""Where the comparisons lie in evaluation.json, worst expected first."""


WORKS, WORKS_SURELY = 0.9, 0.8
"""An agent works if its rate and the lower end of its interval reach these."""


@dataclass(frozen=True, kw_only=True)
class Rate:
    """A rate as read from a file; the counts and the interval may be missing."""

    rate: float
    k: float | None = None
    n: float | None = None
    low: float | None = None
    high: float | None = None

    @property
    def counted(self) -> str:
        """k of n, empty without counts."""
        if self.k is None or self.n is None:
            return ""
        return f"{number(self.k)} of {number(self.n)}"

    @property
    def interval(self) -> str:
        """The interval in per cent, empty without one."""
        if self.low is None or self.high is None:
            return ""
        return f"{100 * self.low:.1f}\u2013{percent(self.high)}"


def read_rate(values: Json, path: str) -> Rate | None:
    """The rate at a dotted path: ``k`` of ``n``, or only its ``rate`` or ``value``."""
    keys = path.split(".")
    k, n = number_at(values, *keys, "k"), number_at(values, *keys, "n")
    known = (number_at(values, *keys, name) for name in ("rate", "value"))
    rate = (
        k / n
        if k is not None and n
        else next((r for r in known if r is not None), None)
    )
    if rate is None:
        return None
    low, high = number_at(values, *keys, "low"), number_at(values, *keys, "high")
    return Rate(rate=min(max(rate, 0.0), 1.0), k=k, n=n, low=low, high=high)


def success_sentence(values: Json) -> str:
    """The result first: how often goals are reached, and how sure that is."""
    success = read_rate(values, "success")
    if success is None:
        return "This evaluation holds no success rate."
    counted = f" in {success.counted} episodes" if success.counted else ""
    inside = [percent(success.rate)] if counted else []
    if success.interval:
        inside.append(f"95\u00a0% interval {success.interval}")
    share = "" if counted else f" in {percent(success.rate)} of episodes"
    note = f" ({', '.join(inside)})" if inside else ""
    return f"Reaches {_goals(values)}{counted}{share}{note}."


def _goals(values: Json) -> str:
    if dig(values, "protocol", "options", "split") == "test":
        return "goals in rooms it has never seen"
    return "its goals"


def rivals(values: Json) -> list[tuple[str, str, Rate]]:
    """(path, name, rate) of every floor and of the ceiling that was measured."""
    named = [
        (path, str(first(values, f"{path}.name") or name), read_rate(values, path))
        for path, name in RIVALS
    ]
    return [(path, name, rate) for path, name, rate in named if rate is not None]


def comparison_sentence(values: Json) -> str:
    """How that compares with acting blindly and with knowing the world exactly."""
    known = [
        f"{name} {percent(rate.rate, 0)}{_safely(values, path, rate)}"
        for path, name, rate in rivals(values)
    ]
    return f"For comparison: {', '.join(known)}." if known else ""


def _safely(values: Json, path: str, rate: Rate) -> str:
    """What of a rival's success broke no limit, where that is less."""
    worth = _worth(values, path)
    return f" ({percent(worth, 0)} safely)" if worth < rate.rate else ""


def safety_sentence(values: Json) -> str:
    """What happened at the keep-out zones, with what that allows to conclude."""
    violations = read_rate(values, "violations")
    if violations is None or not violations.n:
        return ""
    upper = number_at(values, "violations", "upper")
    bound = (
        f" (with 95\u00a0% confidence the true rate is below {percent(_up(upper))})"
        if upper is not None
        else ""
    )
    if violations.k == 0:
        episodes = number(violations.n)
        return f"Never entered the keep-out zone in {episodes} episodes{bound}."
    return f"Entered the keep-out zone in {violations.counted} episodes{bound}."


def _up(rate: float) -> float:
    """Rounded up to a tenth of a per cent: a bound must not be rounded down."""
    return math.ceil(1000 * rate - 1e-9) / 1000


def standing(values: Json) -> str:
    """One of good, few, mixed, bad, unknown, by success, floors and zones."""
    success = read_rate(values, "success")
    if success is None:
        return "unknown"
    floors = [path for path, _, _ in rivals(values) if path != "ceiling"]
    floor = max((_worth(values, path) for path in floors), default=0.0)
    low = success.low if success.low is not None else success.rate
    entered = number_at(values, "violations", "k") or 0
    if low <= floor:
        return "bad"
    if success.rate < WORKS or entered:
        return "mixed"
    return "good" if low >= WORKS_SURELY else "few"


def _worth(values: Json, path: str) -> float:
    """What a floor reaches without breaking a limit: one may ignore them all."""
    rate = read_rate(values, path)
    safe = number_at(values, *path.split("."), "safe_success")
    if safe is not None and rate is not None and rate.n:
        return safe / rate.n
    return rate.rate if rate is not None else 0.0


def standing_words(values: Json) -> str:
    """What the colour of the standing means."""
    return {
        "good": "works",
        "mixed": "works in part",
        "few": "too few episodes to say",
        "bad": "no better than a floor",
        "unknown": "no verdict",
    }[standing(values)]


def rule_sentence(values: Json) -> str:
    """What counts as success in this protocol."""
    radius = number_at(values, "protocol", "radius")
    if radius is None:
        return ""
    unit = dig(values, "protocol", "unit") or ""
    budget = number_at(values, "protocol", "budget")
    steps = f" of {number(budget)} steps" if budget is not None else ""
    rule = first(values, "protocol.success")
    when = f"at any{steps}" if rule == "first-hit" else f"at the last{steps}"
    return f"Success means within {number(radius)}\u00a0{unit} of the goal {when}."


def both_rules_sentence(values: Json) -> str:
    """Success under both usual rules, since papers differ in which they use."""
    hit, last = read_rate(values, "first_hit"), read_rate(values, "last_step")
    if hit is None or last is None:
        return ""
    return (
        f"At the goal at any step: {percent(hit.rate)}. "
        f"At the goal at the last step: {percent(last.rate)}."
    )


def duration(seconds: float) -> str:
    """Seconds as people say them."""
    if seconds < 90:
        return f"{number(seconds)}\u00a0s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 90:
        return f"{minutes}\u00a0min {rest:02d}\u00a0s"
    return f"{minutes // 60}\u00a0h {minutes % 60:02d}\u00a0min"


def moment(timestamp: float) -> str:
    """A local time; empty for none."""
    if timestamp <= 0:
        return ""
    return datetime.fromtimestamp(timestamp).strftime("%d %b %Y, %H:%M")


def plain(key: str) -> str:
    """A key of a file as words: ``effective_rank`` becomes ``effective rank``."""
    return key.replace("_", " ").replace("/", " / ").strip()


def machine_words(machine: object) -> str:
    """A line about a machine, from whatever its description holds."""
    if isinstance(machine, str):
        return machine
    cpu = first(machine, "cpu", "cpu_model", "processor", "model")
    cores = first(machine, "cores", "num_cores", "cpu_count", "threads")
    gpu = first(machine, "gpu", "device_name")
    parts = [str(cpu) if cpu else "", f"{cores} cores" if cores else "", str(gpu or "")]
    return ", ".join(part for part in parts if part)
