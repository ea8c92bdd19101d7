"""Objectives: closed forms, algebra, timing."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from telos.cost import (
    Effort,
    GoalReadout,
    LatentGoal,
    ObjectiveAlgebra,
    Running,
    Scaled,
    Smoothness,
    Sum,
    Terminal,
    identity_readout,
)
from telos.types import Objective, Trajectory

B, S, K, H, D, A = 2, 3, 4, 5, 6, 2


def make_trajectory(seed: int = 0, horizon: int = H) -> Trajectory:
    generator = torch.Generator().manual_seed(seed)
    return Trajectory(
        states=torch.randn(B, S, K, horizon + 1, D, generator=generator),
        actions=torch.rand(B, S, horizon, A, generator=generator) * 2 - 1,
    )


POSITION = identity_readout(D, [0, 1], unit="m")
ALL = [
    LatentGoal(torch.zeros(B, D)),
    GoalReadout(POSITION, torch.ones(B, 2)),
    Effort(),
    Smoothness(),
    Smoothness(torch.ones(B, A)),
    Terminal(Effort()),
    Running(Effort()),
    Effort() + 2.0 * LatentGoal(torch.zeros(1, D)),
]


@pytest.mark.parametrize("objective", ALL, ids=lambda o: o.name)
def test_every_objective_keeps_the_contract(objective):
    trajectory = make_trajectory()
    assert isinstance(objective, Objective)
    assert objective(trajectory).shape == (B, S, K, H)
    terms = objective.terms(trajectory)
    assert tuple(terms) == objective.parts
    assert all(term.shape == (B, S, K, H) for term in terms.values())


def test_latent_goal_is_the_mean_square_per_environment():
    trajectory = make_trajectory()
    goal = torch.stack([torch.zeros(D), torch.full((D,), 3.0)])
    energy = LatentGoal(goal)(trajectory)
    state = trajectory.states[1, 2, 3, 4]
    expected = sum((float(x) - 3.0) ** 2 for x in state) / D
    assert energy[1, 2, 3, 3] == pytest.approx(expected, rel=1e-5)


def test_goal_readout_is_squared_distance_in_units_of_scale():
    states = torch.zeros(1, 1, 1, 2, D)
    states[..., 1, :2] = torch.tensor([3.0, 4.0])
    trajectory = Trajectory(states=states, actions=torch.zeros(1, 1, 1, A))
    objective = GoalReadout(POSITION, torch.zeros(1, 2), scale=5.0)
    assert objective(trajectory).item() == pytest.approx(1.0)


def test_effort_and_smoothness_of_known_actions():
    actions = torch.tensor([[[[1.0, -1.0], [1.0, 1.0], [0.0, 1.0]]]])
    trajectory = Trajectory(states=torch.zeros(1, 1, 1, 4, D), actions=actions)
    assert Effort()(trajectory).flatten().tolist() == [1.0, 1.0, 0.5]
    assert Smoothness()(trajectory).flatten().tolist() == [0.0, 2.0, 0.5]
    held = Smoothness(torch.tensor([[0.0, -1.0]]))
    assert held(trajectory).flatten().tolist() == [0.5, 2.0, 0.5]


@given(weight=st.floats(-10, 10), other=st.floats(-10, 10))
def test_algebra_is_linear(weight, other):
    trajectory = make_trajectory()
    goal, effort = LatentGoal(torch.zeros(B, D)), Effort()
    total = (weight * goal + effort * other)(trajectory)
    expected = weight * goal(trajectory) + other * effort(trajectory)
    assert torch.allclose(total, expected, atol=1e-5)


def test_sum_flattens_and_reports_unweighted_terms():
    trajectory = make_trajectory()
    total = Effort() + 3.0 * Smoothness() + 0.5 * LatentGoal(torch.zeros(B, D))
    assert total.parts == ("effort", "smoothness", "latent goal")
    assert len(total.objectives) == 3
    expected = Smoothness()(trajectory)
    assert torch.equal(total.terms(trajectory)["smoothness"], expected)


def test_equal_names_are_refused():
    with pytest.raises(ValueError, match="called effort"):
        Effort() + Effort()
    assert (Effort() + Effort(name="fuel")).parts == ("effort", "fuel")


@pytest.mark.parametrize("weight", [math.nan, math.inf])
def test_weights_must_be_finite(weight):
    with pytest.raises(ValueError, match="not finite"):
        weight * Effort()


def test_an_objective_cannot_be_multiplied_by_an_objective():
    with pytest.raises(TypeError):
        Effort() * Effort()


@pytest.mark.parametrize("horizon", [1, 2, 5])
@pytest.mark.parametrize(
    "inner",
    [Effort(), Smoothness(), Smoothness(torch.ones(B, A)), Effort() + Smoothness()],
)
def test_terminal_equals_the_last_energy_although_it_looks_at_the_end_only(
    inner, horizon
):
    trajectory = make_trajectory(horizon=horizon)
    if horizon == 1 and inner.span > 1:
        inner = Smoothness(torch.ones(B, A))
    energy = Terminal(inner)(trajectory)
    assert torch.equal(energy[..., -1], inner(trajectory)[..., -1])
    assert (energy[..., :-1] == 0).all()


def test_terminal_evaluates_a_pointwise_objective_once_per_candidate():
    seen = []

    class Spy(ObjectiveAlgebra):
        name = "spy"

        def __call__(self, trajectory):
            seen.append(trajectory.future.shape[3])
            return trajectory.future.sum(-1)

    Terminal(Spy())(make_trajectory())
    assert seen == [1]


def test_terminal_of_an_unknown_objective_sees_everything():
    class Foreign:
        name = "foreign"

        def __call__(self, trajectory):
            return trajectory.future.sum(-1).cumsum(-1)

        def terms(self, trajectory):
            return {self.name: self(trajectory)}

    trajectory = make_trajectory()
    energy = Terminal(Foreign())(trajectory)
    expected = trajectory.future.sum((-1, -2))
    assert torch.allclose(energy[..., -1], expected, atol=1e-5)


@pytest.mark.parametrize("growth", [0.5, 1.0, 2.0])
def test_running_weights_are_geometric_and_sum_to_one(growth):
    actions = torch.ones(1, 1, H, A)
    trajectory = Trajectory(states=torch.zeros(1, 1, 1, H + 1, D), actions=actions)
    weights = Running(Effort(), growth)(trajectory).flatten()
    assert weights.sum().item() == pytest.approx(1.0)
    assert (weights[1:] / weights[:-1]).tolist() == pytest.approx([growth] * (H - 1))


def test_wrong_number_of_goals_names_both_numbers():
    with pytest.raises(ValueError, match="3 goals, but 2 environments"):
        LatentGoal(torch.zeros(3, D))(make_trajectory())


@pytest.mark.parametrize(
    "make",
    [
        lambda: LatentGoal(torch.zeros(D)),
        lambda: GoalReadout(POSITION, torch.zeros(B, 3)),
        lambda: GoalReadout(POSITION, torch.zeros(B, 2), scale=0.0),
        lambda: Running(Effort(), growth=0.0),
        lambda: Sum(()),
        lambda: Scaled(Effort(), math.nan),
    ],
)
def test_nonsense_is_refused_at_construction(make):
    with pytest.raises(ValueError):
        make()


def test_permuting_candidates_permutes_energies():
    trajectory = make_trajectory()
    order = torch.tensor([2, 0, 1])
    shuffled = Trajectory(
        states=trajectory.states[:, order], actions=trajectory.actions[:, order]
    )
    for objective in ALL:
        assert torch.equal(objective(shuffled), objective(trajectory)[:, order])


class Counted(ObjectiveAlgebra):
    """Says how often it was asked."""

    def __init__(self, name: str) -> None:
        self.name, self.asked = name, 0

    def __call__(self, trajectory: Trajectory) -> torch.Tensor:
        self.asked += 1
        return trajectory.future.square().sum(-1)


def test_what_several_parts_weigh_is_evaluated_once():
    goal, trajectory = Counted("goal"), make_trajectory()
    parts = [Terminal(goal), 0.5 * Running(goal, growth=1.2), 0.1 * Effort()]
    apart = sum(part(trajectory) for part in parts)
    terms = {k: v for part in parts for k, v in part.terms(trajectory).items()}
    goal.asked = 0
    both = Sum(tuple(parts))
    torch.testing.assert_close(both(trajectory), apart)
    assert goal.asked == 1
    found = both.terms(trajectory)
    assert goal.asked == 2
    assert tuple(found) == tuple(terms) == both.parts
    for name, energy in terms.items():
        torch.testing.assert_close(found[name], energy)


def test_objectives_that_only_look_alike_are_not_confused():
    one, other, trajectory = Counted("one"), Counted("other"), make_trajectory()
    both = Terminal(one) + Running(other)
    expected = Terminal(one)(trajectory) + Running(other)(trajectory)
    one.asked = other.asked = 0
    torch.testing.assert_close(both(trajectory), expected)
    assert (one.asked, other.asked) == (1, 1)
