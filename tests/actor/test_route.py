"""Routes in the plane, where the shortest way is known."""

from __future__ import annotations

import math
from collections.abc import Callable
from itertools import pairwise

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.actor.worlds import POSITION, generators
from torch import Tensor

from telos.actor import (
    ICEM,
    ICEMConfig,
    RecedingHorizon,
    RouteConfig,
    RouteSearch,
    Waypoints,
)
from telos.actor.route import _first_of_each_place, directions
from telos.cost import GoalReadout, KeepOutBox, KeepOutDisc, Running, Terminal
from telos.types import Trajectory

DISC = KeepOutDisc(readout=POSITION, center=(10.0, 0.0), radius=4.0)
START, GOAL = torch.tensor([[0.0, 0.0]]), torch.tensor([[20.0, 0.0]])
BAR_AT, BAR_TOP = 10.0, 8.0
"""A bar stands at x = 10 from far below up to y = 8."""
POCKET = (
    KeepOutBox(readout=POSITION, low=(12.0, -6.0), high=(14.0, 6.0)),
    KeepOutBox(readout=POSITION, low=(4.0, 5.0), high=(14.0, 6.0)),
    KeepOutBox(readout=POSITION, low=(4.0, -6.0), high=(14.0, -5.0)),
)
"""Three sides of a box that is open towards the start."""


class Plane:
    """x' = x + a; what else the state holds stays as it is."""

    def rollout(self, state, actions, futures=1, generator=None) -> Trajectory:
        batch, samples, steps, _ = actions.shape
        moved = torch.zeros(batch, samples, 1, steps + 1, state.shape[-1])
        moved[:, :, 0, 1:, :2] = actions[..., :2].cumsum(2)
        start = state[:, -1, None, None, None]
        return Trajectory(states=start + moved, actions=actions)


class Terrain:
    """The plane as it is: places are positions."""

    def __init__(self, distance: Callable[[Tensor, Tensor], Tensor] | None = None):
        self._distance = distance or (lambda x, y: (x - y).norm(dim=-1))

    def place(self, latent: Tensor) -> Tensor:
        return latent[..., :2]

    def steps(self, latent: Tensor, goal: Tensor) -> Tensor:
        return self._distance(latent[..., :2], goal[:, None, :2])


def around_the_bar(start: Tensor, goal: Tensor) -> Tensor:
    """Length of the shortest way that does not cross the bar."""
    straight = (start - goal).norm(dim=-1)
    top = start.new_tensor([BAR_AT, BAR_TOP])
    over = (start - top).norm(dim=-1) + (goal - top).norm(dim=-1)
    share = (BAR_AT - start[..., 0]) / (goal[..., 0] - start[..., 0])
    height = start[..., 1] + share * (goal[..., 1] - start[..., 1])
    crosses = (share > 0) & (share < 1) & (height < BAR_TOP)
    return torch.where(crosses, over, straight)


def search(*guardrails, terrain=None, dynamics=None, **settings) -> RouteSearch:
    return RouteSearch(
        dynamics or Plane(),
        terrain or Terrain(),
        guardrails,
        action_dim=2,
        config=RouteConfig(**settings),
    )


def way(found, env: int = 0) -> Tensor:
    """The states of one way, its start first."""
    states = found.states[env]
    return torch.cat([START, states[len(states) - int(found.lengths[env]) :]])[:, :2]


def length(states: Tensor) -> float:
    return float(states.diff(dim=0).norm(dim=-1).sum())


def keeps(guardrail, states: Tensor) -> bool:
    path = Trajectory(states=states[None, None, None], actions=states[None, None, 1:])
    return bool((guardrail.margin(path) > 0).all())


def height_at_the_bar(states: Tensor) -> float:
    """Where a way crosses the line that the bar stands on."""
    for one, other in pairwise(states):
        if one[0] <= BAR_AT < other[0]:
            share = (BAR_AT - one[0]) / (other[0] - one[0])
            return float(one[1] + share * (other[1] - one[1]))
    raise AssertionError("the way does not cross the line")


def test_without_guardrails_a_route_is_nearly_straight() -> None:
    found = search().search(START, GOAL)
    assert bool(found.found)
    states = way(found)
    assert states[-1].tolist() == GOAL[0].tolist()
    assert (states.diff(dim=0).norm(dim=-1)[:-1] <= 2 + 1e-4).all()
    assert length(states) < 1.1 * 20


def test_a_route_leads_around_a_zone() -> None:
    states = way(search(DISC).search(START, GOAL))
    assert keeps(DISC, states)
    # Two tangents and the arc between them.
    tangent, angle = math.sqrt(100 - 16), 2 * math.asin(0.4)
    shortest = 2 * tangent + 4 * angle
    assert shortest <= length(states) < 1.2 * shortest
    assert not keeps(DISC, way(search().search(START, GOAL))), "the control"


def test_where_no_way_is_open_the_goal_itself_is_the_route() -> None:
    ring = [
        KeepOutBox(readout=POSITION, low=low, high=high)
        for low, high in (
            ((15.0, -5.0), (16.0, 5.0)),
            ((24.0, -5.0), (25.0, 5.0)),
            ((15.0, 4.0), (25.0, 5.0)),
            ((15.0, -5.0), (25.0, -4.0)),
        )
    ]
    found = search(*ring).search(START, GOAL)
    assert not bool(found.found)
    assert found.lengths.tolist() == [1]
    assert found.states[0, -1].tolist() == GOAL[0].tolist()


def test_a_route_does_not_lead_through_a_wall_that_imagination_leaks_through() -> None:
    # The dynamics know nothing of the bar, as a predictor that has been led astray.
    terrain = Terrain(around_the_bar)
    honest = way(search(terrain=terrain).search(START, GOAL))
    # Close to its end the bar costs no more than the critic may be wrong by.
    assert height_at_the_bar(honest) > BAR_TOP - 2
    credulous = search(terrain=terrain, doubt=math.inf)
    leak = way(credulous.search(START, GOAL))
    assert height_at_the_bar(leak) < BAR_TOP - 3, "the control goes through"


def test_what_is_not_finite_is_no_way() -> None:
    class Broken(Plane):
        """Predicts nothing for whoever is below the line to the goal."""

        def rollout(self, state, actions, futures=1, generator=None) -> Trajectory:
            fine = super().rollout(state, actions, futures, generator)
            states = fine.states.clone()
            states[(states[..., 1] < 0).any(-1)] = math.nan
            return Trajectory(states=states, actions=actions)

    found = search(DISC, dynamics=Broken()).search(START, GOAL)
    assert bool(found.found)
    assert (way(found)[:, 1] >= 0).all()


def test_a_route_does_not_depend_on_its_batch() -> None:
    starts = torch.tensor([[0.0, 0.0], [0.0, 6.0], [19.5, 0.0]])
    goals = torch.tensor([[20.0, 0.0], [20.0, -3.0], [20.0, 0.0]])
    together = search(DISC).search(starts, goals)
    for env in range(3):
        alone = search(DISC).search(starts[env : env + 1], goals[env : env + 1])
        count = int(alone.lengths)
        assert count == int(together.lengths[env])
        torch.testing.assert_close(
            together.states[env, -count:], alone.states[0, -count:]
        )
    assert int(together.lengths[2]) == 1, "it is there already"


def test_rows_are_sorted_by_environment() -> None:
    # A memory belongs to an environment and tells environments apart by their rows.
    class Asked(Plane):
        def rollout(self, state, actions, futures=1, generator=None) -> Trajectory:
            env = torch.arange(len(state)) // (len(state) // 2)
            assert state[:, -1, 2].tolist() == env.float().tolist()
            return super().rollout(state, actions, futures, generator)

    starts = torch.tensor([[0.0, 0.0, 0.0], [0.0, 6.0, 1.0]])
    goals = torch.tensor([[20.0, 0.0, 0.0], [20.0, -3.0, 1.0]])
    found = RouteSearch(Asked(), Terrain(), action_dim=2).search(starts, goals)
    assert found.found.all()


def test_a_full_tree_gives_up() -> None:
    found = search(DISC, capacity=20).search(START, GOAL)
    assert not bool(found.found)
    assert found.evaluations > 0


def test_a_branch_repeats_its_action_within_a_model_step() -> None:
    class Skipping(Plane):
        def rollout(self, state, actions, futures=1, generator=None) -> Trajectory:
            one, other = actions.split(2, dim=-1)
            assert torch.equal(one, other)
            moved = super().rollout(state, one + other, futures, generator)
            return Trajectory(states=moved.states, actions=actions)

    found = RouteSearch(Skipping(), Terrain(), action_dim=2, frame_skip=2)
    assert bool(found.search(START, GOAL).found)


@pytest.mark.parametrize("action_dim", [1, 2, 3, 6])
def test_directions_have_length_one_and_change(action_dim: int) -> None:
    first, second = directions(8, action_dim, 0), directions(8, action_dim, 1)
    assert first.shape == (8, action_dim)
    if action_dim == 1:
        assert first.abs().amax() == 1
        return
    torch.testing.assert_close(first.norm(dim=-1), torch.ones(8))
    assert not torch.allclose(first, second)


def test_bad_input_is_refused_in_words() -> None:
    with pytest.raises(ValueError, match="one encoded goal for each environment"):
        search().search(START, GOAL.repeat(2, 1))
    with pytest.raises(ValueError, match="hold"):
        RouteConfig(hold=0)
    with pytest.raises(ValueError, match="renew_every is 0"):
        Waypoints(search(), renew_every=0)
    with pytest.raises(ValueError, match="call set_goal first"):
        Waypoints(search()).next(START)
    with pytest.raises(ValueError, match="call next first"):
        _ = Waypoints(search()).routes


def walk(guardrails, waypoints: Waypoints | None, steps: int = 80) -> Tensor:
    """Positions of an agent that plans ten steps ahead in the plane."""
    config = ICEMConfig(horizon=10, samples=40)
    horizon, state, seen = RecedingHorizon(ICEM(config)), START.clone(), [START]
    random = generators(1)
    for _ in range(steps):
        aim = GOAL if waypoints is None else waypoints.next(state)
        distance = GoalReadout(POSITION, aim)
        objective = Terminal(distance) + Running(distance)
        horizon.replan(Plane(), state[:, None], objective, guardrails, random)
        state = state + horizon.intended[:, 0]
        horizon.advance()
        seen.append(state)
    return torch.cat(seen)


def test_waypoints_lead_out_of_a_pocket_that_plans_alone_stay_in() -> None:
    waypoints = Waypoints(search(*POCKET))
    waypoints.set_goal(GOAL)
    walked = walk(POCKET, waypoints)
    assert (walked[-1] - GOAL[0]).norm() < 1
    assert all(keeps(rail, walked) for rail in POCKET)
    stuck = walk(POCKET, None)
    assert (stuck[-1] - GOAL[0]).norm() > 5, "the control: short plans end inside"


def test_a_route_is_kept_until_it_is_due_and_the_goal_is_its_end() -> None:
    waypoints = Waypoints(search(DISC), renew_every=3)
    waypoints.set_goal(GOAL)
    spent = []
    for _ in range(4):
        waypoints.next(START)
        spent.append(waypoints.evaluations > 0)
    assert spent == [True, False, False, True]
    waypoints.drop_routes()
    assert waypoints.next(GOAL + 0.1).tolist() == GOAL.tolist(), "it is there"


def test_another_goal_drops_the_route() -> None:
    waypoints = Waypoints(search(), renew_every=100)
    waypoints.set_goal(GOAL)
    assert waypoints.next(START)[0, 0] > 1
    waypoints.set_goal(-GOAL)
    assert waypoints.next(START)[0, 0] < -1
    waypoints.drop_routes()
    elsewhere = waypoints.next(torch.tensor([[0.0, 30.0], [0.0, -30.0]])[:1])
    assert elsewhere[0, 1] > 20, "a new episode starts elsewhere"


def one_after_the_other(places, wanted, apart):
    """The rule for one environment, as it is said."""
    kept = []
    for index in range(len(places)):
        free = all(math.dist(places[index], places[k]) > apart for k in kept)
        if wanted[index] and free:
            kept.append(index)
    return [index in kept for index in range(len(places))]


@settings(max_examples=60, deadline=None)
@given(
    # Quarters, as on a map: chains in which each state shares a place with the next.
    rows=st.lists(
        st.lists(
            st.tuples(st.integers(0, 12), st.integers(0, 2), st.booleans()),
            min_size=9,
            max_size=9,
        ),
        min_size=1,
        max_size=3,
    )
)
def test_of_states_that_share_a_place_the_first_is_kept(rows):
    places = torch.tensor([[[x / 4, y / 4] for x, y, _ in row] for row in rows])
    wanted = torch.tensor([[flag for *_, flag in row] for row in rows])
    kept = _first_of_each_place(places, wanted, apart=0.6)
    for env in range(len(rows)):
        expected = one_after_the_other(
            places[env].tolist(), wanted[env].tolist(), apart=0.6
        )
        assert kept[env].tolist() == expected
