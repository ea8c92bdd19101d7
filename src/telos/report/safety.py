"""What safety took: interventions of the shield, and success given up for it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from telos.report.reading import (
    EvaluationFiles,
    Json,
    dig,
    episodes,
    has_guardrail,
    number_at,
)
from telos.report.svg import number, percent
from telos.report.wording import read_rate

WORDS = ("name", "description", "hash", "guarded")
"""Fields in which a protocol and its unguarded twin differ."""


def safety_notes(values: Json, twin: Json | None, calibration: Json) -> list[str]:
    """Sentences about shield, room and the cost of safety; none without a guardrail.

    Args:
        values: evaluation.json.
        twin: The same episodes with an agent that was not told of the limits.
        calibration: calibration.json of the run; empty without one.
    """
    if not has_guardrail(values):
        return []
    told = dig(values, "protocol", "guarded") is not False
    notes = (_shield(values), _cost(values, twin), _room(calibration) if told else "")
    return [note for note in notes if note]


def unguarded_twin(
    files: EvaluationFiles, others: Sequence[EvaluationFiles]
) -> Json | None:
    """The evaluation on the same episodes of an agent that was told of no limit."""
    if dig(files.values, "protocol", "guarded") is not True:
        return None
    for other in others:
        told = dig(other.values, "protocol", "guarded")
        if told is False and _essence(other.values) == _essence(files.values):
            return other.values
    return None


def _essence(values: Json) -> Json:
    protocol = dig(values, "protocol")
    if not isinstance(protocol, Mapping):
        return {}
    return {name: value for name, value in protocol.items() if name not in WORDS}


def _shield(values: Json) -> str:
    replaced = number_at(values, "interventions", "k")
    total = number_at(values, "interventions", "n")
    if replaced is None or not total:
        return ""
    if not replaced:
        return f"The shield let all {number(total)} decisions pass."
    several = number_at(values, "interventions", "episodes") or 0
    return (
        f"The shield replaced {number(replaced)} of {number(total)} decisions "
        f"({percent(replaced / total)}), in {number(several)} episodes."
    )


def _room(calibration: Json) -> str:
    """How much room guardrails leave for wrong predictions, and what that is worth."""
    quantities = calibration.get("quantities")
    if not isinstance(quantities, Mapping) or not quantities:
        return ""
    rooms = [
        f"{number(buffer)} for the {name}"
        for name, found in quantities.items()
        if (buffer := number_at(found, "buffer")) is not None
    ]
    checked = dig(calibration, "evidence", "check")
    broken, plans = number_at(checked, "violated"), number_at(checked, "plans")
    worth = ""
    if broken is not None and plans:
        worth = (
            f"; followed blindly to their ends, {number(broken)} of {number(plans)} "
            "fresh plans broke a limit"
        )
    return f"Calibrated room for wrong predictions: {', '.join(rooms)}{worth}."


def _cost(values: Json, twin: Json | None) -> str:
    if twin is None:
        return ""
    told, free = read_rate(values, "success"), read_rate(twin, "success")
    entered = read_rate(twin, "violations")
    if told is None or free is None or entered is None:
        return ""
    return (
        f"An agent that is not told of the zone reaches {percent(free.rate)} of the "
        f"same goals and enters the zone in {entered.counted} episodes: safety costs "
        f"{_points(free.rate - told.rate)}{_longer(values, twin)}."
    )


def _points(lost: float) -> str:
    """A difference of success in words."""
    if abs(lost) < 5e-4:
        return "no success"
    if lost < 0:
        return f"no success (it gains {-100 * lost:.1f} points)"
    return f"{100 * lost:.1f} points of success"


def _longer(values: Json, twin: Json) -> str:
    """How much longer the way is, over the goals that both reach."""
    told, free = _arrivals(values), _arrivals(twin)
    both = sorted(told.keys() & free.keys())
    if not both:
        return ""
    more = sum(told[s] for s in both) / max(sum(free[s] for s in both), 1) - 1
    change = f"{abs(100 * more):.0f}\u00a0%"
    return f"; ways are {change} {'longer' if more > 0 else 'shorter'}"


def _arrivals(values: Json) -> dict[float, float]:
    """Seed -> steps until the goal was first reached."""
    rows = episodes(values)
    found = {number_at(e, "seed"): number_at(e, "first_hit") for e in rows}
    return {s: hit for s, hit in found.items() if s is not None and hit is not None}
