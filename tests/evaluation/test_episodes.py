"""Running episodes: independence of the batch, both success rules, zones, traces."""

from __future__ import annotations

import csv
import math
from dataclasses import replace

import numpy as np
import pytest
from tests.evaluation.toy import GreedyPolicy, RightActor, ToyWorld, protocol

from telos.evaluation.baselines import PolicyActor, random_floor
from telos.evaluation.episodes import run_episodes
from telos.evaluation.records import write_records
from telos.evaluation.results import Decision, Gate
from telos.evaluation.summary import summarise


class Planning(RightActor):
    """Says that it planned at every second action; the first plan is a fallback."""

    def reset(self, seeds, goal):
        self.calls = 0
        self.rows = len(seeds)

    def act(self, step):
        self.calls += 1
        return super().act(step)

    def record(self):
        if self.calls % 2 == 0:
            return None
        status = "backup" if self.calls == 1 else "certified"
        imagined = np.full((self.rows, 2, 4, 2), float(self.calls))
        return Decision(
            status=(status,) * self.rows, evaluations=100, imagined=imagined
        )


def _run(num_envs, make=random_floor, spec=None, **options):
    world = ToyWorld(num_envs, **options)
    return run_episodes(world, make(world), spec or protocol())


@pytest.mark.parametrize("num_envs", [7, 16, 20])
def test_results_do_not_depend_on_the_batch(num_envs):
    """A stochastic policy in a stochastic world, 20 episodes, batches of 1 to 20."""
    spec = protocol(episodes=20, goal_rule="seeded", radius=1.3)
    options = {"start": 1.0, "noise": 0.2, "zone": True, "stop_at": 2.5}
    alone = _run(1, spec=spec, **options)
    batched = _run(num_envs, spec=spec, **options)
    assert batched.episodes == alone.episodes
    assert {e.success for e in alone.episodes} == {True, False}
    assert [t.seed for t in batched.traces] == [t.seed for t in alone.traces]
    for one, other in zip(alone.traces, batched.traces, strict=True):
        np.testing.assert_array_equal(one.positions, other.positions)
        np.testing.assert_array_equal(one.frames, other.frames)


def test_every_seed_runs_once_and_in_order():
    results = _run(4, spec=protocol(episodes=10))
    assert [e.seed for e in results.episodes] == list(range(100, 110))


def test_random_success_is_the_area_of_the_goal():
    """One uniform action in [-1, 1]^2 ends within Chebyshev radius r with r^2."""
    n, p = 1500, 0.25
    results = _run(100, spec=protocol(episodes=n, budget=1, radius=0.5))
    assert abs(results.count("success") / n - p) < 4 * math.sqrt(p * (1 - p) / n)


def test_first_hit_is_never_below_last_step():
    spec = protocol(episodes=200, goal_rule="seeded", radius=0.8)
    last = _run(50, spec=spec, start=1.0)
    first = _run(50, spec=protocol(**{**vars(spec), "success": "first-hit"}), start=1.0)
    assert all(e.hit for e in last.episodes if e.ended_there)
    assert last.count("hit") == first.count("success") > last.count("success")
    assert last.count("success") == first.count("ended_there")


def test_walking_through_the_goal_counts_for_the_first_hit_only():
    spec = protocol(episodes=3, budget=4, radius=0.5)
    result = _run(3, lambda world: RightActor(), spec=spec).episodes[0]
    assert result.hit
    assert not result.ended_there
    assert not result.success
    assert result.first_hit == 0
    assert result.final_distance == 4.0
    assert result.steps == 4


def test_a_greedy_actor_without_walls_always_arrives():
    spec = protocol(episodes=12, goal_rule="seeded", radius=0.01, budget=4)
    results = _run(5, lambda world: PolicyActor(GreedyPolicy), spec=spec, start=1.0)
    assert results.count("success") == 12
    for episode in results.episodes:
        assert episode.first_hit == math.ceil(episode.start_distance - 0.01)


def test_entries_and_margins_are_those_of_the_world():
    """Standing in the middle is one entry, however long; a step away starts outside."""
    world = ToyWorld(2, zone=True)
    spec = protocol(episodes=2, budget=3)
    results = run_episodes(world, RightActor(0.0), spec)
    assert all(e.violated and e.entries == 1 for e in results.episodes)
    assert all(e.min_margin == pytest.approx(-0.2) for e in results.episodes)
    away = run_episodes(ToyWorld(2, zone=True), RightActor(1.0), spec)
    assert all(not e.violated and e.entries == 0 for e in away.episodes)
    assert away.episodes[0].min_margin == pytest.approx(0.3)


def test_without_a_zone_there_is_no_margin():
    episode = _run(2).episodes[0]
    assert episode.min_margin is None
    assert not episode.violated


def test_a_terminated_environment_is_no_longer_counted():
    spec = protocol(episodes=3, budget=6)
    results = _run(2, lambda world: RightActor(), spec=spec, stop_at=2.0)
    assert [e.steps for e in results.episodes] == [2, 2, 2]
    assert results.traces[0].frames.shape == (3, 8, 8, 3)


def test_decisions_count_only_when_the_actor_planned():
    spec = protocol(episodes=5, budget=5)
    results = _run(2, lambda world: Planning(), spec=spec)
    assert results.episodes[0].statuses == {"backup": 1, "certified": 2}
    assert len(results.decision_ms) == 3 * 3  # three batches of three decisions
    assert results.evaluations == 100
    trace = results.traces[0]
    assert trace.decision_steps.tolist() == [0, 2, 4]
    assert trace.status == ("backup", "certified", "certified")
    assert trace.imagined.shape == (3, 2, 4, 2)
    assert trace.imagined[:, 0, 0, 0].tolist() == [1, 3, 5]
    assert trace.route.shape == (0, 1, 2), "it follows none"


def test_routes_of_different_lengths_share_a_trace():
    class Routed(Planning):
        def record(self):
            decided = super().record()
            if decided is None:
                return None
            route = np.full((self.rows, self.calls, 2), float(self.calls))
            return replace(decided, route=route)

    spec = protocol(episodes=5, budget=5)
    route = _run(2, lambda world: Routed(), spec=spec).traces[0].route
    assert route.shape == (3, 5, 2)
    assert np.isfinite(route).all(-1).sum(1).tolist() == [1, 3, 5]
    assert np.nanmax(route, axis=(1, 2)).tolist() == [1, 3, 5]


def test_traces_show_failures_first_and_leave_room_for_successes():
    spec = protocol(episodes=40, budget=1, radius=0.7)
    traces = _run(8, spec=spec).traces
    assert [t.success for t in traces] == [False] * 4 + [True] * 4
    assert _run(8, spec=protocol(episodes=9, budget=1, radius=9)).traces[0].success
    only = _run(8, lambda world: RightActor(), spec=protocol(episodes=9)).traces
    assert [t.success for t in only] == [False] * 8


class ShieldedActor(RightActor):
    """Plans every other step; its shield stops it from the third step on."""

    def reset(self, seeds, goal):
        self.time = -1

    def act(self, step):
        self.time += 1
        actions = super().act(step)
        return actions if self.time < 2 else np.zeros_like(actions)

    def record(self):
        if self.time % 2:
            return None
        margins = {"zone": np.array([10.0 * self.time, 0.0]), "far": np.full(2, 99.0)}
        return Decision(status=("certified",) * 2, evaluations=1, margins=margins)

    def gate(self):
        status = "certified" if self.time < 2 else "backup"
        margin = np.full(2, 1.0 + self.time)
        return Gate(status=(status,) * 2, margin=margin, reason=("because",) * 2)


def test_the_record_tells_what_was_decided_and_what_came_of_it(tmp_path):
    spec = protocol(episodes=2, budget=4)
    results = run_episodes(ToyWorld(2, zone=True), ShieldedActor(1.0), spec)
    told = [r for r in results.records if r.seed == 100]
    assert [r.step for r in told] == [0, 1, 2, 3]
    assert [r.plan for r in told] == ["certified", "", "certified", ""]
    assert [r.predicted_margin for r in told] == [0.0, None, 20.0, None]
    assert [r.executed for r in told] == ["certified"] * 2 + ["backup"] * 2
    assert [r.executed_margin for r in told] == [1.0, 2.0, 3.0, 4.0]
    # At 0.5, 1.5, 2 and 2 from the middle of the zone.
    assert [r.true_margin for r in told] == pytest.approx([0.3, 1.3, 1.8, 1.8])
    assert [(e.gated, e.interventions) for e in results.episodes] == [(4, 2)] * 2
    assert summarise(results)["interventions"] == {"k": 4, "n": 8, "episodes": 2}
    path = write_records(tmp_path / "decisions.csv", results.records)
    with path.open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 8
    assert rows[1]["predicted_margin"] == rows[1]["plan"] == ""
    assert float(rows[1]["true_margin"]) == pytest.approx(1.3)
    assert rows[1]["reason"] == "because"


def test_what_is_decided_rarely_is_judged_until_the_next_decision():
    class Rare(ShieldedActor):
        def gate(self):
            return None

    results = run_episodes(
        ToyWorld(2, zone=True), Rare(-0.1), protocol(episodes=2, budget=4)
    )
    told = [r for r in results.records if r.seed == 101]
    assert [r.step for r in told] == [0, 2]
    # The first lasts for two steps, of which the first is nearer to the middle.
    assert [r.true_margin for r in told] == pytest.approx([-0.15, 0.0], abs=1e-6)
    assert summarise(results)["interventions"] is None
