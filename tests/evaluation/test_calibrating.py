"""Calibration on plans that a planner selects, with errors that are known."""

from __future__ import annotations

import math

import numpy as np
import pytest
from tests.evaluation.toy import RightActor, ToyWorld, protocol

from telos.evaluation.calibrating import Settings, calibrate_run
from telos.evaluation.executed import execute_plans
from telos.evaluation.results import Decision

STEPS = 3
START = np.array([-0.75, 0.0])


class Zoned(ToyWorld):
    """Starts left of the zone; a plan that goes up or down walks past it."""

    def reset(self, seeds):
        super().reset(seeds)
        self.position = np.tile(START, (self.num_envs, 1))
        return self._step(self.position)


class Optimist:
    """Chooses the candidate that passes the zone nearest, of those that seem safe.

    What it predicts of a candidate's margin is the truth and an error of its own, so
    that among many candidates the one chosen is one whose error flatters it.
    """

    def __init__(self, candidates: int, buffer: float, spread: float = 0.1):
        self.candidates, self.buffer, self.spread = candidates, buffer, spread

    def reset(self, seeds, goal):
        self.time = -1
        rngs = [np.random.default_rng([seed, 9]) for seed in seeds]
        self.plans, self.predicted = zip(*map(self._choose, rngs), strict=True)

    def _choose(self, rng):
        heights = rng.uniform(0.0, 1.0, self.candidates)
        walks = np.stack([self._walk(height) for height in heights])
        ends = START + walks.cumsum(1)
        before = np.concatenate([np.tile(START, (len(ends), 1, 1)), ends], 1)
        middle = (before[:, :-1] + before[:, 1:]) / 2
        true = np.linalg.norm(middle, axis=-1).min(-1) - 0.2
        seen = true + rng.normal(0, self.spread, len(true)) - self.buffer
        ranked = np.where(seen > 0, true, np.inf)
        chosen = ranked.argmin() if (seen > 0).any() else seen.argmax()
        return walks[chosen], seen[chosen]

    @staticmethod
    def _walk(height):
        return np.array([[0.5, height], [0.5, 0.0], [0.5, 0.0]])

    def act(self, step):
        self.time += 1
        return np.stack([plan[min(self.time, STEPS - 1)] for plan in self.plans])

    def record(self):
        if self.time > 0:
            return None
        margins = {"zone": np.array(self.predicted)}
        status = tuple("certified" if m > 0 else "infeasible" for m in self.predicted)
        actions = np.stack(self.plans)
        return Decision(
            status=status,
            evaluations=self.candidates * STEPS,
            margins=margins,
            actions=actions,
        )


def _outcome(candidates: int, **changes):
    settings = Settings(**{"alpha": 0.1, "episodes": 300, "rounds": 3, **changes})
    return calibrate_run(
        Zoned(50, zone=True),
        lambda buffers: Optimist(candidates, buffers.get("position", 0.0)),
        protocol(budget=4),
        "optimist",
        settings,
    )


def test_what_was_expected_is_compared_with_what_came_of_it():
    plans = execute_plans(
        Zoned(8, zone=True), Optimist(1, 0.0, spread=0.0), protocol(budget=4)
    )
    # With one candidate, one plan of ten leads through the zone and is not certified.
    assert (plans.count, plans.episodes) == (9, 10)
    np.testing.assert_allclose(plans.predicted["zone"], plans.true["zone"], atol=1e-6)
    assert plans.evaluations == STEPS


def test_the_tightest_plan_is_followed_from_the_step_at_which_it_was_made():
    class Approaching(RightActor):
        """Walks right by a half; each plan is to go up from where it stands."""

        def reset(self, seeds, goal):
            self.time = -1

        def act(self, step):
            self.time += 1
            return super().act(step)

        def record(self):
            margins = {"zone": np.full(2, [3.0, 2.0, 0.5, 1.0][self.time])}
            up = np.tile([[0.0, 0.25], [0.0, 0.5]], (2, 1, 1))
            status = ("certified", "certified" if self.time != 2 else "infeasible")
            return Decision(status=status, evaluations=7, margins=margins, actions=up)

    plans = execute_plans(
        Zoned(2, zone=True), Approaching(0.5), protocol(episodes=2, budget=4)
    )
    # The first is made at (0.25, 0), before the third step; the second one is not
    # certified there, but a step later, at (0.75, 0).
    expected = [math.hypot(0.25, 0.125) - 0.2, math.hypot(0.75, 0.125) - 0.2]
    assert plans.true["zone"].tolist() == pytest.approx(expected)
    assert plans.predicted["zone"].tolist() == [0.5, 1.0]
    assert plans.violated == 0


def test_calibrated_plans_overstate_as_rarely_as_asked():
    alpha, n = 0.1, 2000
    outcome = _outcome(16, check_episodes=n)
    first, check = outcome.rounds[0], outcome.check
    assert first.buffers == {}
    # Without a buffer the planner's own choice is wrong far more often than chance.
    assert first.overstated > 0.8 * first.plans
    tolerance = 2 * math.sqrt(alpha * (1 - alpha) / check.plans)
    assert check.overstated / check.plans <= alpha + tolerance
    assert check.violated < first.violated / first.plans * check.plans / 4
    calibration = outcome.calibrations["position"]
    wanted = [each.wanted["position"] for each in outcome.rounds]
    assert calibration.buffer == max(wanted)
    assert calibration.evaluations == 16 * STEPS


def test_more_search_needs_more_room():
    buffers = [
        _outcome(n, check_episodes=1).calibrations["position"].buffer
        for n in (1, 8, 64)
    ]
    assert buffers[0] < buffers[1] < buffers[2]


def test_what_cannot_be_calibrated_is_refused():
    with pytest.raises(ValueError, match="nothing is forbidden in 'toy'"):
        execute_plans(ToyWorld(2), Optimist(1, 0.0), protocol())
    with pytest.raises(ValueError, match="does not plan"):
        execute_plans(ToyWorld(2, zone=True), RightActor(), protocol())
    untold = Optimist(1, 0.0)
    untold.record = lambda: Decision(status=("certified",) * 2, evaluations=1)
    with pytest.raises(ValueError, match="told of the limits"):
        execute_plans(Zoned(2, zone=True), untold, protocol(budget=4))
    with pytest.raises(ValueError, match="no plan was certified in 10 episodes"):
        execute_plans(Zoned(5, zone=True), Optimist(1, 99.0), protocol(budget=4))
    with pytest.raises(ValueError, match="give at least 99"):
        Settings(alpha=0.01, episodes=98)
    with pytest.raises(ValueError, match=r"alpha is 1\.5"):
        Settings(alpha=1.5)
