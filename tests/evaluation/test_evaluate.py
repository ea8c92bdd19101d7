"""The whole evaluation on the toy world, and the ceiling in two rooms."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from tests.evaluation.toy import GreedyPolicy, RightActor, ToyWorld, protocol
from tests.learning.worlds import labelled, tiny_config, walks, write_run

from telos.agent import load_agent
from telos.cli.common import CommonOptions
from telos.cli.evaluate import Command, with_model
from telos.data.writer import EpisodeWriter
from telos.envs.two_rooms.world import TwoRooms
from telos.evaluation.baselines import PolicyActor, run_ceiling, run_floors
from telos.evaluation.evaluate import evaluate
from telos.evaluation.protocol import load_protocol
from telos.evaluation.results import EpisodeResult, EpisodeResults
from telos.evaluation.summary import lines, summarise


def _evaluate(**options):
    world = ToyWorld(4, zone=True, start=1.0)
    spec = protocol(goal_rule="seeded", episodes=10)
    return evaluate(world, PolicyActor(GreedyPolicy), spec, command="toy", **options)


def test_json_holds_what_makes_the_number_worth_printing(tmp_path):
    evaluation = _evaluate()
    data = json.loads(evaluation.save(tmp_path).read_text())
    assert (data["success"]["k"], data["success"]["n"]) == (10, 10)
    assert data["success"]["low"] == pytest.approx(0.7225, abs=1e-3)
    assert data["protocol"]["hash"] == evaluation.protocol.hash
    assert data["floors"]["random"]["k"] < 10 == data["floors"]["greedy"]["k"]
    assert data["ceiling"]["name"] == "expert"
    assert data["ceiling"]["k"] == 10
    assert sum(data["triple"].values()) == 10
    assert data["violations"]["k"] == data["triple"]["violation"]
    assert len(data["episodes"]) == 10
    assert data["episodes"][3]["seed"] == 103
    assert data["command"] == "toy"
    assert data["machine"]
    assert data["commit"]
    assert (tmp_path / "traces.npz").is_file()
    text = "\n".join(lines(data))
    assert "10/10 = 100.0 % [72.2, 100.0]" in text
    assert "random floor" in text


def test_baselines_can_be_left_out():
    evaluation = _evaluate(baselines=False)
    assert evaluation.floors == {}
    assert evaluation.ceiling is None
    assert "floor" not in "\n".join(lines(evaluation.to_json()))


def test_probes_on_held_out_episodes_stand_beside_an_untrained_encoder(tmp_path):
    run = write_run(tmp_path / "run", tiny_config(), labelled(walks(12)))
    held_out = labelled(walks(10))
    with EpisodeWriter(tmp_path / "held-out.h5", held_out.spec) as writer:
        for number in range(held_out.num_episodes):
            writer.append(held_out.episode(number))
    command = Command(run=run, data=writer.path, common=CommonOptions())
    evaluation = with_model(command, _evaluate(baselines=False), load_agent(run))
    (found,) = json.loads(json.dumps(evaluation.to_json()))["probes"].values()
    # The run was not trained either, and the control is drawn from the same seed.
    for kind in ("linear", "mlp"):
        same = found[f"untrained_{kind}"]
        assert found[kind]["r2"] == pytest.approx(same["r2"], abs=1e-3)
        assert found[kind]["unit"] == "px"
    (line,) = (t for t in lines(evaluation.to_json()) if t.startswith("reads"))
    assert line.startswith("reads position:  R2 0.")
    assert f"untrained {found['untrained_linear']['r2']:.3f}, " in line


def test_an_unknown_goal_rule_is_explained():
    with pytest.raises(ValueError, match="offers origin, seeded"):
        evaluate(ToyWorld(1), RightActor(), protocol(goal_rule="cross"))


def test_the_triple_counts_every_episode_once():
    base = {
        "hit": False,
        "ended_there": False,
        "first_hit": None,
        "start_distance": 1.0,
        "final_distance": 0.0,
        "steps": 1,
        "entries": 0,
        "statuses": {},
        "layout": {},
        "gated": 0,
        "interventions": 0,
    }
    cases = [(True, 0.1), (True, -0.1), (False, -0.2), (False, 0.3), (True, 0.0)]
    episodes = tuple(
        EpisodeResult(seed=i, success=success, min_margin=margin, **base)
        for i, (success, margin) in enumerate(cases)
    )
    results = EpisodeResults(
        episodes=episodes,
        traces=(),
        records=(),
        decision_ms=np.zeros(0),
        evaluations=0.0,
        num_envs=1,
    )
    summary = summarise(results)
    assert summary["triple"] == {"safe_success": 2, "violation": 2, "incomplete": 1}
    assert summary["violations"]["k"] == 2
    assert summary["violations"]["min_margin"] == -0.2


def test_progress_names_what_runs():
    seen = []
    _evaluate(progress=lambda name, done, wanted: seen.append((name, done, wanted)))
    assert seen[:3] == [("agent", 4, 10), ("agent", 8, 10), ("agent", 10, 10)]
    assert {name for name, _, _ in seen} == {"agent", "floors", "ceiling"}


def _ceiling(name):
    """The ceiling of a few short episodes; 100 steps are enough to walk the way."""
    spec = replace(load_protocol(name), episodes=6, budget=100)
    return run_ceiling(TwoRooms(6, **spec.world_options), spec)


def test_the_ceiling_of_two_rooms_is_above_its_floors():
    """Exact dynamics find the door; the straight line ends at the wall."""
    ceiling = _ceiling("rooms-random")
    assert ceiling.name == "exact dynamics"
    assert ceiling.success.k == 6
    spec = load_protocol("rooms-random").with_episodes(50)
    floors = run_floors(TwoRooms(50, **spec.world_options), spec)
    assert floors["greedy"].success.value < 0.6
    assert floors["random"].success.value < 0.2


def test_the_guarded_ceiling_stays_out_and_the_unguarded_one_does_not():
    guarded, free = _ceiling("rooms-zone"), _ceiling("rooms-zone-free")
    assert guarded.safe == guarded.success.k
    assert free.safe == free.success.k - free.violations
    assert guarded.violations == 0
    assert guarded.success.k >= 5
    assert free.violations >= 3
