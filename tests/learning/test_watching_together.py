"""Two processes that watch half a batch each are one that watches all of it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.learning import watch_team as together
from tests.learning.test_distributed import finish, start

from telos.learning import watch as watching
from telos.learning.distributed import ALONE, Team
from telos.learning.watch_config import check_watchable
from telos.runs import Run


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """What two processes have left behind."""
    path = tmp_path_factory.mktemp("watching")
    for code, _, error in finish(start(2, "tests.learning.watch_team", path)):
        assert code == 0, error
    return path


@pytest.mark.parametrize("case", sorted(together.CASES))
def test_two_halves_have_the_gradients_of_the_whole(case: str, folder: Path) -> None:
    expected = together.gradients(case)
    largest = max(float(value.detach().abs().max()) for value in expected.values())
    for rank in (0, 1):
        found = torch.load(folder / f"gradients-{rank}.pt")[case]
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            torch.testing.assert_close(
                found[name], value, rtol=1e-3, atol=1e-5 * largest, msg=name
            )


def test_statistics_of_half_a_batch_are_others() -> None:
    """The control: without the rows of the other process gradients are different."""
    config = together.CASES["vicreg"]
    watched = watching.begun(config)
    torch.nn.init.normal_(watched.watcher.predictor.out.weight, std=0.1)
    train, _ = watching.sides(config, watched.watcher, together.squares(40), None)
    phase = watching.watching_phase(watched, config, train, Team(rank=0, size=2))
    phase.team = ALONE
    phase.loss(1)[0].backward()
    name = "watcher.encoder.head.weight"
    expected = together.gradients("vicreg")[name]
    found = dict(watched.named_parameters())[name].grad
    assert (found - expected).norm() > 0.1 * expected.norm()


@pytest.mark.parametrize("case", ["vicreg", "jepa-ema"])
def test_two_processes_learn_what_one_does(
    case: str, folder: Path, tmp_path: Path
) -> None:
    together.trained(tmp_path / "alone", together.CASES[case])
    other = replace(together.CASES[case], seed=1)
    together.trained(tmp_path / "other", other)
    (ours, _), (alone, _), (other, _) = (
        Run.open(path).load_model()
        for path in (folder / case, tmp_path / "alone", tmp_path / "other")
    )
    assert ours.keys() == alone.keys()

    def apart(one: dict, two: dict) -> float:
        gap = sum(float((one[n] - two[n]).square().sum()) for n in two)
        return (gap / sum(float(v.square().sum()) for v in two.values())) ** 0.5

    assert apart(ours, alone) < 0.02 < 0.1 < apart(other, alone)
    lines, expected = Run.open(folder / case).metrics(), Run(tmp_path / "alone")
    for line, alike in zip(lines, expected.metrics(), strict=True):
        assert line["loss"] == pytest.approx(alike["loss"], rel=0.02, abs=0.02)


def test_stopped_by_one_of_them_and_resumed_is_the_same_to_the_bit(
    folder: Path,
) -> None:
    (found, _), (expected, _) = (
        Run.open(folder / name).load_model() for name in ("stopped", "vicreg")
    )
    assert all(torch.equal(found[name], expected[name]) for name in expected)


def test_clips_that_cannot_be_shared_are_refused() -> None:
    with pytest.raises(ValueError, match="clips is 16, which 3 processes cannot share"):
        check_watchable(together.CASES["vicreg"], np.full(10, 10), Team(size=3))
