"""What the shield did and what safety cost, in sentences."""

from __future__ import annotations

import json
from pathlib import Path

from telos.report.page import build_report
from telos.report.reading import EvaluationFiles
from telos.report.safety import safety_notes, unguarded_twin


def evaluation(guarded: bool, **changes: object) -> dict:
    """Four episodes around a zone; told of it, one goal is missed."""
    hits = [10, 20, 30, None] if guarded else [10, 18, 22, 40]
    protocol = {"name": "x", "hash": str(guarded), "zone": "direct", "radius": 4.5}
    values = {
        "protocol": {**protocol, "guarded": guarded, "first_seed": 3},
        "success": {"k": 3 if guarded else 4, "n": 4},
        "violations": {"k": 0 if guarded else 3, "n": 4},
        "interventions": {"k": 5, "n": 80, "episodes": 2} if guarded else None,
        "episodes": [{"seed": i, "first_hit": hit} for i, hit in enumerate(hits)],
    }
    return {**values, **changes}


def files(values: dict) -> EvaluationFiles:
    return EvaluationFiles(name="e", values=values, traces=None, modified=0.0)


def test_the_cost_of_safety_is_counted_on_the_same_episodes() -> None:
    shield, cost = safety_notes(evaluation(True), evaluation(False), {})
    assert (
        shield == "The shield replaced 5 of 80 decisions (6.2\u00a0%), in 2 episodes."
    )
    assert "not told of the zone reaches 100.0\u00a0% of the same" in cost
    assert "enters the zone in 3 of 4 episodes" in cost
    # 60 steps instead of 50 over the three goals that both reach.
    assert cost.endswith(
        "safety costs 25.0 points of success; ways are 20\u00a0% longer."
    )


def test_safety_may_cost_nothing() -> None:
    told = evaluation(True, success={"k": 4, "n": 4})
    told["interventions"] = {"k": 0, "n": 80, "episodes": 0}
    shield, cost = safety_notes(told, evaluation(False), {})
    assert shield == "The shield let all 80 decisions pass."
    assert "safety costs no success;" in cost
    worse = evaluation(False, success={"k": 2, "n": 4})
    assert "no success (it gains 50.0 points)" in safety_notes(told, worse, {})[1]


def test_without_guardrail_shield_or_twin_nothing_is_claimed() -> None:
    free = evaluation(True, violations=None)
    free["protocol"] = {"zone": None}
    assert safety_notes(free, None, {}) == []
    assert safety_notes(evaluation(True, interventions=None), None, {}) == []
    wrong = {"protocol": {"zone": 1}, "interventions": "many", "episodes": 3}
    assert safety_notes(wrong, {"success": None}, {"quantities": 1}) == []


def test_the_twin_ran_the_same_episodes_unguarded() -> None:
    told, twin = evaluation(True), evaluation(False)
    other = evaluation(False)
    other["protocol"] = {**other["protocol"], "first_seed": 4}
    damaged = {"protocol": "gone"}
    everything = [files(v) for v in (damaged, told, other, twin)]
    assert unguarded_twin(files(told), everything) is twin
    assert unguarded_twin(files(told), everything[:3]) is None
    assert unguarded_twin(files(twin), everything) is None
    assert unguarded_twin(files(damaged), everything) is None


def test_the_page_says_it(own_run: Path) -> None:
    folder = own_run / "evaluations" / "rooms-zone"
    values = json.loads((folder / "evaluation.json").read_text())
    values["interventions"] = {"k": 1, "n": 900, "episodes": 1}
    (folder / "evaluation.json").write_text(json.dumps(values))
    assert "The shield replaced 1 of 900 decisions" in build_report([own_run])


def test_calibrated_room_is_told_with_what_it_is_worth() -> None:
    room = {"quantities": {"position": {"buffer": 0.825}, "speed": {"buffer": 2.0}}}
    told = evaluation(True, interventions=None)
    (note,) = safety_notes(told, None, room)
    assert note.endswith("predictions: 0.825 for the position, 2 for the speed.")
    room["evidence"] = {"check": {"violated": 8, "plans": 250}}
    (note,) = safety_notes(told, None, room)
    assert note.endswith("to their ends, 8 of 250 fresh plans broke a limit.")
    assert safety_notes(evaluation(False), None, room) == []
