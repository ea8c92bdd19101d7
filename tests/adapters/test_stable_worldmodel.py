"""Both directions between telos and stable-worldmodel, with fakes of its protocol.

The fakes follow version 0.1.1: solvers get the model when they are made, take `info`
with (B, ...) entries, insert S behind B and work through `batch_size` environments at
a time. benchmarks/other_planners.py runs the adapter with the library itself.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from gymnasium.spaces import Box
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.actor.worlds import DISC, BrokenPoint, Point, WindyPoint, generators, goal
from torch import Tensor

from telos.actor import (
    GRASP,
    ICEM,
    Gradient,
    GradientConfig,
    GRASPConfig,
    ICEMConfig,
    SearchConfig,
)
from telos.actor.scoring import score
from telos.adapters.stable_worldmodel import (
    ImaginedCost,
    PlanConfig,
    PlannerSolver,
    SolverPlanner,
)
from telos.adapters.stable_worldmodel.protocol import (
    constraints_from,
    margins_from,
    with_candidates,
    without_candidates,
)
from telos.data.actions import ActionScale
from telos.types import Budget, Planner

HORIZON = 8


class FakeCEM:
    """As `CEMSolver`: ignores bounds, returns the mean of the elites."""

    def __init__(self, model, batch_size=1, num_samples=64, n_steps=3, seed=0):
        self.model, self.batch_size = model, batch_size
        self.num_samples, self.n_steps = num_samples, n_steps
        self.torch_gen = torch.Generator().manual_seed(seed)

    def configure(self, *, action_space, n_envs, config):
        self._action_dim = int(np.prod(action_space.shape[1:]))
        self._n_envs, self._config = n_envs, config

    @property
    def n_envs(self):
        return self._n_envs

    @property
    def horizon(self):
        return self._config.horizon

    @property
    def action_dim(self):
        return self._action_dim * self._config.action_block

    @torch.inference_mode()
    def solve(self, info_dict, init_action=None):
        total = len(next(iter(info_dict.values())))
        mean = torch.zeros(total, self.horizon, self.action_dim)
        if init_action is not None:
            mean[:, : init_action.shape[1]] = init_action
        for first in range(0, total, self.batch_size):
            part = slice(first, first + self.batch_size)
            cut = {name: value[part] for name, value in info_dict.items()}
            mean[part] = self._solve(with_candidates(cut, self.num_samples), mean[part])
        return {"actions": mean.detach().cpu(), "costs": [0.0] * total}

    def _solve(self, info, mean):
        spread = torch.ones_like(mean)
        for _ in range(self.n_steps):
            shape = len(mean), self.num_samples, *mean.shape[1:]
            noise = torch.randn(shape, generator=self.torch_gen)
            candidates = mean[:, None] + spread[:, None] * noise
            candidates[:, 0] = mean
            costs = self.model.get_cost(info, candidates)
            assert costs.shape == shape[:2]
            best = costs.topk(8, dim=1, largest=False).indices
            elites = candidates[torch.arange(len(mean))[:, None], best]
            mean, spread = elites.mean(1), elites.std(1)
        return mean


class Answers(FakeCEM):
    """Returns what it was told to, whatever the model thinks of it."""

    def __init__(self, actions):
        self.actions = actions

    def solve(self, info_dict, init_action=None):
        self.info, self.init = info_dict, init_action
        return {"actions": self.actions}


class Bowl:
    """Cost is the squared distance of every action to a target in the info."""

    def __init__(self):
        self.seen: list[Tensor] = []

    def get_cost(self, info_dict, action_candidates):
        self.seen.append(action_candidates)
        wanted = torch.as_tensor(np.asarray(info_dict["wanted"]))
        assert wanted.shape[:2] == action_candidates.shape[:2]
        return (action_candidates - wanted[:, :, None]).square().flatten(2).sum(-1)


class FencedBowl(Bowl):
    """The first number of every action has to stay at or below a limit."""

    limit = 0.2

    def get_constraints(self, info_dict, action_candidates):
        return action_candidates[..., 0] - self.limit


def model(guardrails=(), **more) -> ImaginedCost:
    wanted = goal()
    return ImaginedCost(
        dynamics=Point(), objective=lambda info: wanted, guardrails=guardrails, **more
    )


def ask(planner: Planner, dynamics=None, guardrails=(), count=3, **more):
    state = torch.zeros(count, 1, 2)
    chosen = dynamics or Point()
    sources = generators(count)
    return planner.plan(chosen, state, goal(), guardrails, generators=sources, **more)


def answering(actions: Tensor) -> SolverPlanner:
    return SolverPlanner(
        lambda request: Answers(actions), SearchConfig(horizon=HORIZON)
    )


def cem(batch_size=None):
    def make(request):
        size = batch_size or request.num_envs
        return FakeCEM(
            request.model, size, request.samples, request.iterations, request.seed
        )

    return SolverPlanner(make, SearchConfig(horizon=HORIZON))


def configured(solver: PlannerSolver, low=-1.0, high=1.0, count=3, block=1):
    box = Box(low, high, (count, 2), np.float32)
    config = PlanConfig(horizon=HORIZON, action_block=block)
    solver.configure(action_space=box, n_envs=count, config=config)
    return solver


# --- the sign


@settings(max_examples=50, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6).filter(bool), min_size=1, max_size=20))
def test_what_is_safe_is_kept_and_back(numbers):
    margins = torch.tensor(numbers, dtype=torch.float64)
    constraints = constraints_from(margins)
    assert torch.equal(constraints < 0, margins > 0)
    assert torch.equal(constraints > 0, margins < 0)
    assert torch.equal(margins_from(constraints), margins)


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 10**6))
def test_constraints_are_kept_where_the_guardrail_holds(seed):
    draw = torch.Generator().manual_seed(seed)
    state = 2 * torch.rand(2, 1, 2, generator=draw)
    actions = 2 * torch.rand(2, 5, HORIZON, 2, generator=draw) - 1
    info = with_candidates({"state": state}, 5)
    imagined = Point().rollout(state, actions)
    margin = DISC.margin(imagined)[:, :, 0]
    constraints = model([DISC]).get_constraints(info, actions)
    assert constraints.shape == (2, 5, HORIZON)
    assert torch.equal((constraints < 0).all(-1), (margin > 0).all(-1))
    assert torch.allclose(constraints, -margin)


def test_the_info_of_environments_and_of_candidates():
    info = {"a": torch.arange(6.0).view(2, 3), "b": np.ones((2, 4)), "c": "word"}
    told = with_candidates(info, 5)
    assert told["a"].shape == (2, 5, 3)
    assert told["b"].shape == (2, 5, 4)
    back = without_candidates(told)
    assert torch.equal(back["a"], info["a"])
    assert np.array_equal(back["b"], info["b"])
    assert back["c"] == "word"


# --- dynamics, objective and guardrails as a cost model


def test_costs_are_those_that_planners_go_by():
    state = torch.zeros(2, 1, 2)
    actions = torch.rand(2, 5, HORIZON, 2) * 2 - 1
    wanted = score(Point().rollout(state, actions), goal(), [DISC])
    told = with_candidates({"state": state}, 5)
    assert torch.equal(model([DISC]).get_cost(told, actions), wanted.cost)
    assert torch.equal(model([DISC]).criterion(told, actions), wanted.cost)


def test_the_tail_of_the_futures_that_counts_is_passed_on():
    told = with_candidates({"state": torch.zeros(1, 1, 2)}, 3)
    actions = torch.rand(1, 3, HORIZON, 2)  # towards the disc
    windy = {"dynamics": WindyPoint(), "futures": 8, "guardrails": [DISC]}
    worst, half = (
        replace(model(), **windy, tail=tail).get_constraints(told, actions)
        for tail in (0.0, 0.5)
    )
    assert (half.amax(-1) < worst.amax(-1)).all()


def test_candidates_cost_what_they_do_within_their_bounds():
    told = with_candidates({"state": torch.zeros(1, 1, 2)}, 4)
    actions = 3 * torch.randn(1, 4, HORIZON, 2)
    inside = model().get_cost(told, actions.clamp(-1, 1))
    assert torch.equal(model().get_cost(told, actions), inside)
    scale = ActionScale(np.array([0.0, -10.0]), np.array([4.0, 10.0]))
    scaled = scale.from_unit(actions.clamp(-1, 1))
    in_units = model(scale=scale).get_cost(told, scaled)
    assert torch.allclose(in_units, inside, atol=1e-5)


def test_without_guardrails_there_are_no_constraints():
    told = with_candidates({"state": torch.zeros(2, 1, 2)}, 4)
    assert model().get_constraints(told, torch.zeros(2, 4, 5, 2)).shape == (2, 4, 0)


def test_costs_have_gradients():
    told = with_candidates({"state": torch.zeros(2, 1, 2)}, 4)
    actions = torch.zeros(2, 4, HORIZON, 2, requires_grad=True)
    total = model([DISC]).get_cost(told, actions).sum()
    (gradient,) = torch.autograd.grad(total, actions)
    # The goal lies to the right: more of the first number costs less.
    assert (gradient[..., 0] < 0).all()


def test_an_info_without_a_state_is_refused():
    told = with_candidates({"pixels": torch.zeros(2, 1, 2)}, 4)
    with pytest.raises(ValueError, match=r"has no 'state', only \['pixels'\]"):
        model().get_cost(told, torch.zeros(2, 4, HORIZON, 2))


# --- a solver as a planner


def test_the_plan_is_the_answer_clipped_and_evaluated():
    answer = 3 * torch.randn(3, HORIZON, 2)
    plan = ask(answering(answer))
    clipped = answer.clamp(-1, 1)
    again = Point().rollout(torch.zeros(3, 1, 2), clipped[:, None])
    assert torch.equal(plan.actions, clipped)
    assert torch.equal(plan.cost, score(again, goal(), []).cost[:, 0])
    assert torch.equal(plan.states, again.states[:, 0])
    assert plan.evaluations == HORIZON


def test_the_status_is_what_the_guardrails_say():
    away = torch.zeros(HORIZON, 2)
    through = torch.tensor([1.0, 0.0]).expand(HORIZON, 2)
    plan = ask(answering(torch.stack([away, through, -through])), guardrails=[DISC])
    assert plan.status == ("certified", "infeasible", "certified")
    assert (plan.margins[DISC.name] > 0).tolist() == [True, False, True]


def test_what_is_not_finite_rests():
    answer = torch.ones(3, HORIZON, 2)
    answer[1, 2, 0] = float("nan")
    plan = ask(answering(answer))
    assert torch.equal(plan.actions[1], torch.zeros(HORIZON, 2))
    assert torch.equal(plan.actions[0], answer[0])


def test_an_unknown_outcome_is_not_certified():
    plan = ask(answering(torch.ones(3, HORIZON, 2)), BrokenPoint(everything=True))
    assert plan.status == ("infeasible",) * 3


def test_the_solver_starts_from_what_is_left_of_the_plan():
    made: list[Answers] = []

    def make(request):
        made.append(Answers(torch.zeros(3, HORIZON, 2)))
        return made[-1]

    planner = SolverPlanner(make, SearchConfig(horizon=HORIZON))
    init = torch.rand(3, HORIZON, 2)
    ask(planner, init=init)
    ask(planner)
    assert torch.equal(made[0].init, init)
    assert torch.equal(made[1].init, torch.zeros(3, HORIZON, 2))
    assert made[0] is not made[1]


def test_the_solver_is_asked_with_the_futures_that_count():
    asked = []

    def make(request):
        asked.append((request.model.futures, request.model.tail))
        return Answers(torch.zeros(3, HORIZON, 2))

    ask(SolverPlanner(make, SearchConfig(horizon=HORIZON, futures=4, tail=0.5)))
    assert asked == [(4, 0.5)]


def test_a_search_comes_near_the_goal_and_is_counted():
    rest = ask(answering(torch.zeros(3, HORIZON, 2)))
    plan = ask(cem(), budget=Budget(samples=100, iterations=5))
    assert plan.evaluations == (5 * 100 + 1) * HORIZON
    assert (plan.cost < 0.2 * rest.cost).all()
    assert plan.actions.abs().max() <= 1
    again = ask(cem(), budget=Budget(samples=100, iterations=5))
    assert torch.equal(again.actions, plan.actions)


def test_a_solver_that_descends_gets_gradients():
    class Descends(FakeCEM):
        def solve(self, info_dict, init_action=None):
            actions = init_action[:, None].clone().requires_grad_()
            told = with_candidates(info_dict, 1)
            for _ in range(20):
                costs = self.model.get_cost(told, actions)
                assert costs.requires_grad
                (gradient,) = torch.autograd.grad(costs.sum(), actions)
                actions = (actions - 0.1 * gradient).detach().requires_grad_()
            return {"actions": actions[:, 0]}

    planner = SolverPlanner(
        lambda request: Descends(request.model), SearchConfig(horizon=HORIZON)
    )
    rest = ask(answering(torch.zeros(3, HORIZON, 2)))
    assert (ask(planner).cost < 0.9 * rest.cost).all()


def test_a_solver_has_to_ask_about_all_environments():
    with pytest.raises(ValueError, match="about 1 of 3 environments; make it with"):
        ask(cem(batch_size=1))


@pytest.mark.parametrize("budget", [Budget(seconds=1.0), Budget(evaluations=100)])
def test_a_limit_that_no_solver_knows_is_refused(budget):
    with pytest.raises(ValueError, match="limit samples and iterations instead"):
        ask(cem(), budget=budget)


@pytest.mark.parametrize("answer", [torch.zeros(3, HORIZON + 1, 2), None])
def test_an_answer_of_another_shape_is_refused(answer):
    with pytest.raises(ValueError, match=r"tensor \(B, H, A\) = \(3, 8, 2\)"):
        ask(answering(answer))


# --- a planner as a solver


def icem(**more) -> ICEM:
    return ICEM(ICEMConfig(horizon=HORIZON, samples=64, iterations=8, **more))


@pytest.mark.parametrize("as_array", [True, False])
def test_a_planner_solves_for_each_environment(as_array):
    wanted = torch.tensor([[0.5, -0.5], [0.0, 0.9], [-0.3, 0.1]])
    solver = configured(PlannerSolver(Bowl(), icem(min_sigma=0.005)))
    answer = solver.solve({"wanted": wanted.numpy() if as_array else wanted})
    assert answer["actions"].shape == (3, HORIZON, 2)
    assert (answer["actions"].mean(1) - wanted).abs().max() < 0.2
    cost = (answer["actions"] - wanted[:, None]).square().flatten(1).sum(-1)
    assert answer["costs"] == pytest.approx(cost.tolist(), rel=1e-4)
    assert answer["status"] == ["certified"] * 3
    assert answer["margins"] == [float("inf")] * 3


def test_constraints_are_kept_and_reported():
    wanted = torch.tensor([[0.9, 0.0]])
    solver = configured(PlannerSolver(FencedBowl(), icem()), count=1)
    answer = solver({"wanted": wanted})
    assert answer["status"] == ["certified"]
    assert answer["actions"][..., 0].max() < FencedBowl.limit
    held = FencedBowl.limit - answer["actions"][0, :, 0].max()
    assert answer["margins"][0] == pytest.approx(float(held), abs=1e-6)


def test_what_cannot_be_kept_is_said():
    class Never(Bowl):
        def get_constraints(self, info_dict, action_candidates):
            return torch.ones(*action_candidates.shape[:2], 1)

    solver = configured(PlannerSolver(Never(), icem()), count=1)
    answer = solver.solve({"wanted": torch.zeros(1, 2)})
    assert answer["status"] == ["infeasible"]
    assert answer["margins"] == [-1.0]


def test_actions_are_in_the_units_of_the_space():
    bowl = Bowl()
    wanted = torch.tensor([[3.0, 7.0]])
    solver = configured(PlannerSolver(bowl, icem()), low=2.0, high=8.0, count=1)
    answer = solver.solve({"wanted": wanted})
    seen = torch.cat([actions.flatten(0, -2) for actions in bowl.seen])
    assert seen.min() >= 2.0
    assert seen.max() <= 8.0
    assert (answer["actions"].mean(1) - wanted).abs().max() < 1.0


def test_blocks_of_environment_steps_are_one_model_step():
    planner = icem(action_dim=6)
    solver = configured(PlannerSolver(Bowl(), planner), count=2, block=3)
    assert (solver.action_dim, solver.horizon, solver.n_envs) == (6, HORIZON, 2)
    answer = solver.solve({"wanted": torch.zeros(2, 6)})
    assert answer["actions"].shape == (2, HORIZON, 6)


def test_a_short_beginning_is_completed_by_rest():
    bowl = Bowl()
    solver = configured(PlannerSolver(bowl, icem()), low=-2.0, high=2.0, count=1)
    start = torch.full((1, 3, 2), 1.5)
    solver.solve({"wanted": torch.zeros(1, 2)}, init_action=start)
    whole = torch.cat([start, torch.zeros(1, HORIZON - 3, 2)], 1)
    first = bowl.seen[0][0]
    assert any(torch.allclose(candidate, whole[0], atol=1e-6) for candidate in first)


def test_some_of_all_environments_can_be_asked_about():
    solver = configured(PlannerSolver(Bowl(), icem()), count=3)
    assert solver.solve({"wanted": torch.zeros(2, 2)})["actions"].shape[0] == 2


def test_descents_go_through():
    planner = Gradient(GradientConfig(horizon=HORIZON, samples=4, iterations=40))
    solver = configured(PlannerSolver(Bowl(), planner), count=1)
    answer = solver.solve({"wanted": torch.tensor([[0.4, -0.6]])})
    assert (answer["actions"] - torch.tensor([0.4, -0.6])).abs().max() < 0.1


def test_a_planner_that_looks_at_single_steps_is_refused():
    solver = configured(PlannerSolver(Bowl(), GRASP(GRASPConfig(horizon=HORIZON))))
    with pytest.raises(ValueError, match="choose a planner other than GRASP"):
        solver.solve({"wanted": torch.zeros(3, 2)})


def test_a_planner_for_another_horizon_is_refused():
    solver = configured(PlannerSolver(Bowl(), ICEM(ICEMConfig(horizon=5))))
    with pytest.raises(ValueError, match=r"plans \(H, A\) = \(5, 2\), .* \(8, 2\)"):
        solver.solve({"wanted": torch.zeros(3, 2)})


def test_before_configure_nothing_is_known():
    with pytest.raises(ValueError, match="call configure first"):
        PlannerSolver(Bowl(), icem()).solve({"wanted": torch.zeros(3, 2)})


# --- there and back


@settings(max_examples=10, deadline=None)
@given(st.integers(0, 10**6))
def test_there_and_back_costs_and_verdicts_are_the_same(seed):
    """A planner as a solver of our own cost model, and that solver as a planner."""

    def make(request):
        inner = ICEM(ICEMConfig(horizon=HORIZON, samples=24, iterations=2))
        return PlannerSolver(request.model, inner, seed=request.seed)

    state = torch.rand(2, 1, 2, generator=torch.Generator().manual_seed(seed))
    there = SolverPlanner(make, SearchConfig(horizon=HORIZON)).plan(
        Point(), state, goal(), [DISC], generators=generators(2, seed)
    )
    again = score(Point().rollout(state, there.actions[:, None]), goal(), [DISC])
    assert torch.allclose(there.cost, again.cost[:, 0])
    safe = again.feasible[:, 0].tolist()
    assert there.status == tuple("certified" if s else "infeasible" for s in safe)
