"""Planners on exact worlds: optima, guardrails, faults, independence."""

import math
from dataclasses import replace

import pytest
import torch
from tests.actor.worlds import (
    DISC,
    POSITION,
    BrokenPoint,
    Linear,
    Point,
    WindyPoint,
    generators,
    goal,
)

from telos.actor import (
    CEM,
    GRASP,
    ICEM,
    MPPI,
    AugmentedLagrangian,
    AugmentedLagrangianConfig,
    CEMConfig,
    Gradient,
    GradientConfig,
    GRASPConfig,
    Hybrid,
    HybridConfig,
    ICEMConfig,
    MPPIConfig,
    RandomShooting,
    RandomShootingConfig,
)
from telos.cost import Effort, KeepOutDisc, LatentGoal, ObjectiveAlgebra
from telos.types import Budget, Planner, Trajectory

H = 15
SMALL = ICEM(ICEMConfig(horizon=H))
SAMPLERS = [
    SMALL,
    RandomShooting(RandomShootingConfig(horizon=H)),
    CEM(CEMConfig(horizon=H)),
    MPPI(MPPIConfig(horizon=H)),
]
DESCENTS = [
    Gradient(GradientConfig(horizon=H)),
    GRASP(GRASPConfig(horizon=H)),
    AugmentedLagrangian(AugmentedLagrangianConfig(horizon=H)),
    Hybrid(HybridConfig(search=ICEMConfig(horizon=H))),
]
PLANNERS = SAMPLERS + DESCENTS
START = torch.zeros(1, 1, 2)


def start(count: int) -> torch.Tensor:
    return START.expand(count, 1, 2)


@pytest.mark.parametrize("planner", PLANNERS, ids=lambda p: type(p).__name__)
def test_a_plan_is_an_evaluated_candidate_and_says_what_it_is(planner):
    world = Point()
    plan = planner.plan(world, start(3), goal(), [DISC], generators=generators(3))
    assert isinstance(planner, Planner)
    evaluated = torch.cat([a for a in world.asked if a.shape[2] == H], 1)
    for env in range(3):
        assert (evaluated[env] == plan.actions[env]).flatten(1).all(1).any()
    again = Point().rollout(start(3), plan.actions[:, None])
    assert torch.equal(again.states[:, 0], plan.states)
    cost = goal()(again).mean(2).sum(-1)[:, 0]
    assert torch.allclose(cost, plan.cost, atol=1e-6)
    margin = DISC.margin(again).amin((1, 2, 3))
    assert torch.allclose(margin, plan.margins[DISC.name], atol=1e-6)
    assert plan.evaluations == sum(a.numel() for a in world.asked) / (3 * 2)
    assert plan.digests == {DISC.name: DISC.digest}
    assert set(plan.terms) == {"terminal goal", "effort"}
    weighted = plan.terms["terminal goal"] + 0.01 * plan.terms["effort"]
    assert torch.allclose(weighted, plan.cost, atol=1e-6)
    assert plan.actions.abs().max() <= 1.0
    assert plan.candidates is not None
    assert plan.candidates.shape[0] == 3
    assert 1 <= plan.candidates.shape[1] <= 8
    assert plan.candidates.shape[2:] == (H + 1, 2)


def test_icem_reaches_the_lqr_optimum():
    """Double integrator; the optimum of the unconstrained problem is a linear solve."""
    f = torch.tensor([[1.0, 0.2], [0.0, 1.0]])
    g = torch.tensor([[0.0], [0.2]])
    horizon, x0 = 10, torch.tensor([0.5, 0.0])

    class Quadratic(ObjectiveAlgebra):
        name = "quadratic"

        def __call__(self, trajectory):
            control = 0.1 * trajectory.actions.square().sum(-1)[:, :, None]
            return trajectory.future.square().sum(-1) + control

    # Stack x_h = F^h x0 + sum_j F^(h-1-j) G a_j and solve the normal equations.
    powers = [torch.linalg.matrix_power(f, k) for k in range(horizon + 1)]
    response = torch.zeros(2 * horizon, horizon)
    for h in range(1, horizon + 1):
        for j in range(h):
            response[2 * h - 2 : 2 * h, j] = (powers[h - 1 - j] @ g)[:, 0]
    free = torch.cat([powers[h] @ x0 for h in range(1, horizon + 1)])
    normal = response.T @ response + 0.1 * torch.eye(horizon)
    best = torch.linalg.solve(normal, -response.T @ free)
    assert best.abs().max() < 1.0
    optimum = (free + response @ best).square().sum() + 0.1 * best.square().sum()

    planner = ICEM(
        ICEMConfig(samples=128, iterations=10, elites=12, horizon=10, action_dim=1)
    )
    state = x0.expand(4, 1, 2)
    plan = planner.plan(Linear(f, g), state, Quadratic(), generators=generators(4))
    assert (plan.cost >= optimum - 1e-4).all()
    assert (plan.cost <= 1.05 * optimum).all()


def test_action_bounds_hold_where_the_optimum_lies_outside():
    plan = SMALL.plan(Point(), start(2), goal(x=99.0), generators=generators(2))
    assert plan.actions.abs().max() <= 1.0
    assert plan.actions[..., 0].mean() > 0.7


def test_random_shooting_is_worse_at_equal_evaluations():
    icem = ICEM(ICEMConfig(samples=64, iterations=4, horizon=H, gamma=1.0))
    random = RandomShooting(RandomShootingConfig(samples=64, iterations=4, horizon=H))
    plans = [
        planner.plan(Point(), start(32), goal(), generators=generators(32))
        for planner in (icem, random)
    ]
    assert plans[0].evaluations == plans[1].evaluations == 256 * H
    assert plans[0].cost.mean() < 0.5 * plans[1].cost.mean()
    assert plans[0].cost.median() < plans[1].cost.min()


def test_a_thousand_plans_around_a_disc_and_none_is_infeasible():
    """Rest is always evaluated and safe here, so a safe candidate always exists."""
    world = Point()
    plan = SMALL.plan(world, start(1000), goal(), [DISC], generators=generators(1000))
    assert set(plan.status) == {"certified"}
    again = Point().rollout(start(1000), plan.actions[:, None])
    assert (DISC.margin(again) > 0).all()
    beyond = plan.states[:, 0, -1, 0] > 1.5
    assert beyond.float().mean() > 0.5


def test_control_without_the_guardrail_the_same_search_hits_the_disc():
    plan = SMALL.plan(Point(), start(200), goal(), generators=generators(200))
    again = Point().rollout(start(200), plan.actions[:, None])
    hits = (DISC.margin(again).amin((1, 2, 3)) <= 0).float().mean()
    assert hits > 0.9


def test_the_mean_of_good_ways_is_bad_and_never_returned():
    """Left and right around the disc are both fine; the mean of both hits it."""

    class TwoWays(ObjectiveAlgebra):
        name = "two ways"

        def __call__(self, trajectory):
            wide = (trajectory.future[..., 1].abs() - 1.0).square()
            return wide + (trajectory.future[..., 0] - 2.0).square()

    world = Point()
    planner = ICEM(ICEMConfig(samples=256, elites=64, iterations=1, horizon=H))
    plan = planner.plan(world, start(50), TwoWays(), [DISC], generators=generators(50))
    evaluated = world.rollout(start(50), world.asked[0])
    safe = (DISC.margin(evaluated) > 0).all(-1).all(-1)
    costs = TwoWays()(evaluated).sum((2, 3))
    elites = torch.where(safe, costs, math.inf).argsort(1)[:, :64]
    rows = torch.arange(50)[:, None]
    mean = world.asked[0][rows, elites].mean(1, keepdim=True)
    mean_margin = DISC.margin(world.rollout(start(50), mean)).amin((1, 2, 3))
    assert (mean_margin <= 0).float().mean() > 0.2
    assert set(plan.status) == {"certified"}
    cheapest = torch.where(safe, costs, math.inf).amin(1)
    assert torch.allclose(plan.cost, cheapest)


@pytest.mark.parametrize("planner", PLANNERS, ids=lambda p: type(p).__name__)
def test_from_inside_a_zone_the_least_violating_way_leads_out(planner):
    inside = torch.tensor([[[1.2, 0.0]]]).expand(20, 1, 2)
    plan = planner.plan(Point(), inside, goal(), [DISC], generators=generators(20))
    assert set(plan.status) == {"infeasible"}
    # Of those that violate as little, up to a thousandth, the cheapest is taken.
    assert torch.allclose(plan.margins[DISC.name], torch.tensor(-0.3), atol=5e-4)
    distance = (plan.states[:, 0] - torch.tensor([1.0, 0.0])).norm(dim=-1)
    assert (distance[:, -1] > 0.5).all()
    assert (distance[:, 3] > 0.3).all()


class Drifting(Point):
    """Believes that whoever rests is carried to the right; nobody is."""

    def rollout(self, state, actions, futures=1, generator=None) -> Trajectory:
        still = super().rollout(state, actions, futures, generator)
        states = still.states.clone()
        states[..., 0] += 0.01 * torch.arange(states.shape[-2])
        return Trajectory(states=states, actions=actions)


@pytest.mark.parametrize("planner", PLANNERS, ids=lambda p: type(p).__name__)
def test_a_hair_inside_a_zone_nobody_waits_to_be_carried_out(planner):
    # Rest and every way out share the depth of the present, and then are safe.
    inside = torch.tensor([[[1.497, 0.0]]]).expand(8, 1, 2)
    plan = planner.plan(Drifting(), inside, goal(), [DISC], generators=generators(8))
    assert set(plan.status) == {"infeasible"}
    assert (plan.states[:, 0, -1, 0] > 1.8).all(), "towards the goal, not resting"


@pytest.mark.parametrize("planner", PLANNERS, ids=lambda p: type(p).__name__)
@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("rails", [(), (DISC,)], ids=["free", "guarded"])
def test_candidates_with_unknown_outcome_rank_last(planner, value, rails):
    world = BrokenPoint(value=value)
    plan = planner.plan(world, start(4), goal(), rails, generators=generators(4))
    assert (plan.actions[..., 0] >= 0).all()
    assert torch.isfinite(plan.cost).all()
    assert set(plan.status) == {"certified"}


@pytest.mark.parametrize("planner", PLANNERS, ids=lambda p: type(p).__name__)
@pytest.mark.parametrize("rails", [(), (DISC,)], ids=["free", "guarded"])
def test_a_model_that_knows_nothing_gives_rest_and_no_certificate(planner, rails):
    world = BrokenPoint(everything=True)
    # Even an objective that does not read the states must not look fine.
    plan = planner.plan(world, start(2), Effort(), rails, generators=generators(2))
    assert set(plan.status) == {"infeasible"}
    assert (plan.actions == 0).all()
    assert torch.isinf(plan.cost).all()
    assert all((margin == -math.inf).all() for margin in plan.margins.values())


@pytest.mark.parametrize("planner", PLANNERS, ids=lambda p: type(p).__name__)
def test_a_plan_does_not_depend_on_the_batch_around_it(planner):
    states = torch.randn(5, 1, 2, generator=torch.Generator().manual_seed(1))
    init = 0.1 * torch.randn(5, H, 2, generator=torch.Generator().manual_seed(2))
    objective = goal()
    together = planner.plan(
        Point(), states, objective, [DISC], init=init, generators=generators(5)
    )
    for env in range(5):
        alone = planner.plan(
            Point(),
            states[env : env + 1],
            objective,
            [DISC],
            init=init[env : env + 1],
            generators=generators(1, first=env),
        )
        assert torch.allclose(alone.actions[0], together.actions[env], atol=1e-6)
        assert torch.allclose(alone.cost[0], together.cost[env], atol=1e-6)
        assert alone.status[0] == together.status[env]


def test_equal_generators_give_equal_plans_and_others_do_not():
    plans = [
        SMALL.plan(Point(), START, goal(), generators=generators(1, first=seed))
        for seed in (0, 0, 1)
    ]
    assert torch.equal(plans[0].actions, plans[1].actions)
    assert not torch.equal(plans[0].actions, plans[2].actions)


def test_the_warm_start_is_evaluated_and_never_made_worse():
    tiny = ICEM(ICEMConfig(samples=16, elites=4, iterations=2, horizon=H))
    good = ICEM(ICEMConfig(samples=256, iterations=6, horizon=H)).plan(
        Point(), START, goal(), [DISC], generators=generators(1)
    )
    cold = tiny.plan(Point(), START, goal(), [DISC], generators=generators(1, 7))
    warm = tiny.plan(
        Point(), START, goal(), [DISC], init=good.actions, generators=generators(1, 7)
    )
    assert warm.cost <= good.cost + 1e-6
    assert warm.cost < cold.cost


def test_the_mean_is_a_candidate_of_the_last_iteration_only():
    world = Point()
    config = ICEMConfig(samples=32, elites=4, iterations=3, horizon=H, momentum=0.0)
    ICEM(config).plan(world, START, goal(), generators=generators(1))
    costs = [goal()(world.rollout(START, a)).sum((2, 3))[0] for a in world.asked[:3]]
    elites = world.asked[1][0, costs[1].argsort(stable=True)[:4]]
    mean = elites.mean(0)
    assert any(torch.allclose(mean, a, atol=1e-6) for a in world.asked[2][0])
    first = world.asked[0][0, costs[0].argsort(stable=True)[:4]].mean(0)
    assert not any(torch.allclose(first, a, atol=1e-6) for a in world.asked[1][0])


def test_margins_hold_in_every_future():
    config = ICEMConfig(samples=128, iterations=4, horizon=H, futures=8)
    plan = ICEM(config).plan(
        WindyPoint(), start(20), goal(), [DISC], generators=generators(20)
    )
    worst = DISC.margin(
        WindyPoint().rollout(
            start(20),
            plan.actions[:, None],
            futures=8,
            generator=torch.Generator().manual_seed(config.futures_seed),
        )
    ).amin((1, 2, 3))
    assert plan.states.shape == (20, 8, H + 1, 2)
    assert (worst > 0).all()
    assert torch.allclose(worst, plan.margins[DISC.name], atol=1e-6)
    assert plan.evaluations % (8 * H) == 0


def test_a_tighter_guardrail_keeps_more_distance_and_costs_more():
    planner = ICEM(ICEMConfig(samples=256, iterations=6, horizon=H))
    plans = [
        planner.plan(Point(), start(20), goal(), [rail], generators=generators(20))
        for rail in (DISC, DISC.tighten(0.3))
    ]
    distances = [
        (plan.states - torch.tensor([1.0, 0.0])).norm(dim=-1).amin((1, 2))
        for plan in plans
    ]
    assert (distances[1] > 0.8).all()
    assert plans[1].cost.mean() > plans[0].cost.mean()


def test_several_guardrails_are_reported_by_name():
    other = KeepOutDisc(readout=POSITION, center=(0.0, 2.0), radius=0.5, name="other")
    plan = SMALL.plan(Point(), START, goal(), [DISC, other], generators=generators(1))
    assert set(plan.margins) == {DISC.name, "other"}
    again = Point().rollout(START, plan.actions[:, None])
    for rail in (DISC, other):
        expected = rail.margin(again).amin((1, 2, 3))
        assert torch.allclose(plan.margins[rail.name], expected, atol=1e-6)


@pytest.mark.parametrize("planner", PLANNERS, ids=lambda p: type(p).__name__)
def test_a_budget_overrides_the_config(planner):
    plan = planner.plan(
        Point(),
        START,
        goal(),
        budget=Budget(samples=20, iterations=1),
        generators=generators(1),
    )
    # MPPI evaluates the mean that it ends with, the hybrid descends after its search.
    extra = {MPPI: 1, Hybrid: 4 * 10}.get(type(planner), 0)
    assert plan.evaluations == (20 + extra) * H


def test_a_single_candidate_is_rest():
    planner = RandomShooting(RandomShootingConfig(samples=1, iterations=1, horizon=H))
    plan = planner.plan(Point(), START, goal(), [DISC], generators=generators(1))
    assert (plan.actions == 0).all()
    assert plan.status == ("certified",)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"state": torch.zeros(1, 2)}, "expected \\(B, T, D\\)"),
        ({"generators": generators(2)}, "2 generators for 1 environments"),
        ({"init": torch.zeros(1, H + 1, 2)}, "init has shape"),
        ({"init": torch.full((1, H, 2), math.nan)}, "init holds NaN"),
        ({"state": START.double()}, "state is torch.float64; .* torch.float32"),
        ({"state": START.long()}, "state is torch.int64"),
        ({"init": torch.zeros(1, H, 2).double()}, "init is torch.float64 on cpu"),
        ({"init": torch.zeros(1, H, 2, device="meta")}, "init is .* on meta"),
    ],
)
@pytest.mark.parametrize("planner", PLANNERS, ids=lambda p: type(p).__name__)
def test_requests_that_do_not_fit_are_refused(planner, change, message):
    request = {"state": START, "generators": generators(1)} | change
    state = request.pop("state")
    with pytest.raises(ValueError, match=message):
        planner.plan(Point(), state, goal(), **request)


def test_an_objective_of_the_wrong_shape_is_named():
    class Wrong(ObjectiveAlgebra):
        name = "wrong"

        def __call__(self, trajectory):
            return trajectory.actions.sum(-1)

    with pytest.raises(ValueError, match="'wrong' returned shape"):
        SMALL.plan(Point(), START, Wrong(), generators=generators(1))


@pytest.mark.parametrize(
    "setting",
    [
        {"samples": 0},
        {"horizon": 0},
        {"sigma": math.nan},
        {"momentum": 1.0},
        {"gamma": 0.5},
        {"keep": 2.0},
    ],
)
def test_nonsense_settings_are_refused(setting):
    with pytest.raises(ValueError, match=next(iter(setting))):
        ICEMConfig(**setting)


def test_planning_keeps_no_graph():
    start_state = torch.zeros(1, 1, 2, requires_grad=True)
    objective = LatentGoal(torch.ones(1, 2, requires_grad=True))
    plan = SMALL.plan(Point(), start_state, objective, generators=generators(1))
    assert not plan.cost.requires_grad


def test_a_tail_of_futures_lies_between_the_worst_and_the_mean():
    config = ICEMConfig(samples=128, iterations=4, horizon=H, futures=16)
    plans = {
        tail: ICEM(replace(config, tail=tail)).plan(
            WindyPoint(), start(20), goal(), [DISC], generators=generators(20)
        )
        for tail in (0.0, 0.25, 1.0)
    }
    for tail, plan in plans.items():
        assert plan.status == ("certified",) * 20
        again = WindyPoint().rollout(
            start(20),
            plan.actions[:, None],
            futures=16,
            generator=torch.Generator().manual_seed(config.futures_seed),
        )
        per_future = DISC.margin(again)[:, 0].amin(-1).sort(-1).values
        counted = per_future[:, : max(1, int(16 * tail))].mean(-1)
        torch.testing.assert_close(plan.margins[DISC.name], counted)
    costs = [plan.cost.mean() for plan in plans.values()]
    assert costs[0] > costs[1] > costs[2]
