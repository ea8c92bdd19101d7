"""Teachers follow as slowly as they say, or not at all."""

from __future__ import annotations

import copy

import pytest
import torch
from torch import nn

from telos.learning.objectives import TeacherConfig
from telos.learning.teacher import FrozenTeacher, Teacher, momentum_of, teacher_of


def network(seed: int = 0) -> nn.Sequential:
    torch.manual_seed(seed)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4, affine=False))


def weight_of(teacher: Teacher | FrozenTeacher) -> torch.Tensor:
    return next(teacher.module.parameters())


def moved(module: nn.Module, by: float) -> nn.Module:
    with torch.no_grad():
        for parameter in module.parameters():
            parameter += by
    return module


def test_a_teacher_starts_equal_and_learns_nothing_by_gradient() -> None:
    online = network()
    teacher = Teacher(online, steps=100)
    x = torch.randn(5, 3)
    torch.testing.assert_close(teacher(x), online(x))
    assert not teacher(x).requires_grad
    assert not any(p.requires_grad for p in teacher.parameters())


def test_an_update_is_the_formula() -> None:
    online = network()
    teacher = Teacher(online, steps=100, momentum=0.9, schedule="constant")
    before = weight_of(teacher).clone()
    moved(online, 1.0)
    teacher.update(0)
    torch.testing.assert_close(weight_of(teacher), 0.9 * before + 0.1 * (before + 1))
    teacher.update(99)
    torch.testing.assert_close(weight_of(teacher), before + 1 - 0.9**2)


@pytest.mark.parametrize("steps", [200, 2000])
def test_the_half_life_is_a_share_of_the_training(steps: int) -> None:
    """Of 200 steps as of 2000, a twentieth of them halves the distance."""
    online = network()
    teacher = Teacher(online, steps=steps, half_life=0.05, schedule="constant")
    before = weight_of(teacher).clone()
    assert teacher.distance() == 0
    moved(online, 1.0)
    assert teacher.distance() > 0.5
    for step in range(steps // 20):
        teacher.update(step)
    torch.testing.assert_close(weight_of(teacher), before + 0.5)


def test_published_momenta_as_half_lives() -> None:
    assert momentum_of(0.02, 2000) == pytest.approx(0.9828, abs=1e-4)
    assert momentum_of(173 / 1000, 1000) == pytest.approx(0.996, abs=1e-5)
    assert momentum_of(69 / 1000, 1000) == pytest.approx(0.99, abs=1e-4)


def test_schedules_end_where_they_should() -> None:
    at = {
        schedule: Teacher(network(), steps=100, momentum=0.9, schedule=schedule).at
        for schedule in ("linear", "cosine", "constant")
    }
    assert [at[name](0) for name in at] == pytest.approx([0.9] * 3)
    assert [at[name](50) for name in at] == pytest.approx([0.95, 0.95, 0.9])
    assert [at[name](100) for name in at] == pytest.approx([1.0, 1.0, 0.9])
    assert at["linear"](25) == pytest.approx(0.925)
    assert at["cosine"](25) == pytest.approx(1 - 0.1 * (1 + 0.5**0.5) / 2)
    assert at["linear"](1000) == at["cosine"](1000) == 1


def test_a_checkpoint_holds_the_teacher_and_not_the_network_again() -> None:
    online = network()
    teacher = Teacher(online, steps=10)
    assert {name.partition(".")[0] for name in teacher.state_dict()} == {"module"}
    assert len(teacher.state_dict()) == len(online.state_dict())


def test_resumed_equals_uninterrupted() -> None:
    def ahead(teacher: Teacher, online: nn.Module, first: int, last: int) -> None:
        for step in range(first, last):
            moved(online, 0.1 * step)
            teacher.update(step)

    online = network()
    straight = Teacher(online, steps=10)
    ahead(straight, online, 0, 4)
    stored = copy.deepcopy((straight.state_dict(), online.state_dict()))
    ahead(straight, online, 4, 10)
    other = network(seed=5)
    resumed = Teacher(other, steps=10)
    resumed.load_state_dict(stored[0])
    other.load_state_dict(stored[1])
    ahead(resumed, other, 4, 10)
    assert torch.equal(weight_of(resumed), weight_of(straight))


def test_a_teacher_standardises_by_the_batch_that_it_sees() -> None:
    teacher = Teacher(network(), steps=10).train()
    seen = teacher(10 + 3 * torch.randn(200, 3))
    assert seen.mean().abs() < 1e-4
    torch.testing.assert_close(seen.std(0), torch.ones(4), rtol=0.02, atol=0)


def test_a_frozen_teacher_stays_as_it_was() -> None:
    online = network()
    online(torch.randn(50, 3))
    teacher = FrozenTeacher(online)
    owner = nn.ModuleList([teacher]).train()
    x = torch.randn(5, 3)
    before = teacher(x)
    moved(online, 1.0)
    teacher.update(0)
    owner.train()
    assert not teacher.module.training
    assert torch.equal(teacher(x), before)
    assert not before.requires_grad
    assert not any(p.requires_grad for p in owner.parameters())


def test_who_teaches_is_what_the_objective_asks_for() -> None:
    config = TeacherConfig(half_life=0.1, schedule="cosine")
    taught = {
        target: teacher_of(target, config, network(), 50)
        for target in ("online", "stopped", "ema", "frozen", "pixels")
    }
    assert [name for name, teacher in taught.items() if teacher] == ["ema", "frozen"]
    slow = taught["ema"]
    assert isinstance(slow, Teacher)
    assert (slow.momentum, slow.schedule) == (momentum_of(0.1, 50), "cosine")
    assert isinstance(taught["frozen"], FrozenTeacher)


@pytest.mark.parametrize(
    ("given", "match"),
    [
        ({"steps": 0}, "of 0 steps is none"),
        ({"steps": 10, "half_life": 0.0}, "half-life of 0.0 of 10 steps"),
        ({"steps": 10, "momentum": 1.5}, "momentum is 1.5"),
    ],
)
def test_numbers_out_of_range_are_refused(given: dict, match: str) -> None:
    with pytest.raises(ValueError, match=match):
        Teacher(network(), **given)
