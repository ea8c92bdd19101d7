"""Two processes with half a batch each are one process with the whole batch."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.learning import team as together
from tests.learning.worlds import tiny_config, write_walks

from telos.learning.checks import check_shared
from telos.learning.distributed import ALONE, Team
from telos.runs import Run

ROOT = Path(__file__).parents[2]


def start(size: int, *args: object) -> list[subprocess.Popen]:
    """Processes that find each other, as `torchrun` starts them."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    shared = {
        **os.environ,
        "OMP_NUM_THREADS": "1",
        "MASTER_ADDR": "127.0.0.1",
        "MASTER_PORT": str(port),
        "WORLD_SIZE": str(size),
        "LOCAL_WORLD_SIZE": str(size),
    }
    return [
        subprocess.Popen(
            [sys.executable, "-m", *map(str, args)],
            env={**shared, "RANK": str(rank), "LOCAL_RANK": str(rank)},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for rank in range(size)
    ]


def finish(processes: list[subprocess.Popen]) -> list[tuple[int, str, str]]:
    """Exit code, output and errors of each, in order of rank."""
    said = [process.communicate(timeout=120) for process in processes]
    return [(p.returncode, *texts) for p, texts in zip(processes, said, strict=True)]


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """What two processes have left behind."""
    path = tmp_path_factory.mktemp("team")
    for code, _, error in finish(start(2, "tests.learning.team", path)):
        assert code == 0, error
    return path


# --- gradients


@pytest.mark.parametrize("case", sorted(together.CASES))
def test_two_halves_have_the_gradients_of_the_whole(case: str, folder: Path) -> None:
    expected = together.gradients(case)
    assert len(expected) > 3
    # What stands before a standardisation has no gradient but what rounding leaves.
    largest = max(float(value.detach().abs().max()) for value in expected.values())
    for rank in (0, 1):
        found = torch.load(folder / f"gradients-{rank}.pt")[case]
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            torch.testing.assert_close(
                found[name], value, rtol=1e-4, atol=1e-6 * largest, msg=name
            )


def test_a_batch_statistic_of_half_a_batch_is_another_one(folder: Path) -> None:
    """The control: without the rows of the other process gradients are different."""
    name, config = together.CASES["vicreg"]
    modules = together.build_modules(config, together.walks(20))
    half = together.phase_of(name, config, modules, Team(rank=0, size=2))
    half._team = ALONE
    loss, _ = half.loss(1)
    loss.backward()
    found = {n: p.grad for n, p in modules.named_parameters() if p.grad is not None}
    expected = together.gradients("vicreg")
    key = "model.head.weight"
    error = (found[key] - expected[key]).norm() / expected[key].norm()
    assert error > 0.1


def test_a_loss_that_is_not_finite_anywhere_stops_all(folder: Path) -> None:
    for rank in (0, 1):
        told = torch.load(folder / f"gradients-{rank}.pt")
        assert told["bad batch"]["refused"]


# --- whole trainings


@pytest.fixture(scope="module")
def alone(tmp_path_factory) -> Run:
    path = tmp_path_factory.mktemp("alone") / "run"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(together.loops, "LOG_EVERY", 2)
        together.trained(path, ALONE)
    return Run.open(path)


def apart(run: Run, other: Run) -> float:
    """Distance of two runs' weights, as a share of their length."""
    (found, _), (expected, _) = run.load_model(), other.load_model()
    assert found.keys() == expected.keys()
    names = [n for n in expected if not n.startswith("readout/")]
    gap = sum(float((found[n] - expected[n]).square().sum()) for n in names)
    return (gap / sum(float(expected[n].square().sum()) for n in names)) ** 0.5


def test_two_processes_learn_what_one_does(
    folder: Path, alone: Run, tmp_path: Path, monkeypatch
) -> None:
    """Up to what Adam makes of gradients that are zero but for rounding."""
    whole = Run.open(folder / "whole")
    other = replace(together.training_config(), seed=1)
    monkeypatch.setattr(together, "training_config", lambda: other)
    together.trained(tmp_path / "other", ALONE)
    assert apart(whole, alone) < 0.01 < 0.1 < apart(Run.open(tmp_path / "other"), alone)
    (_, told), (_, ours) = whole.load_model(), alone.load_model()
    assert told["critic"] == ours["critic"]
    assert told["typical_change"] == pytest.approx(ours["typical_change"], rel=0.01)


def test_their_logs_agree(folder: Path, alone: Run) -> None:
    lines, expected = Run.open(folder / "whole").metrics(), alone.metrics()
    assert len(lines) == len(expected)
    for line, ours in zip(lines, expected, strict=True):
        assert line.keys() == ours.keys()
        assert (line["phase"], line["step"]) == (ours["phase"], ours["step"])
        assert line["loss"] == pytest.approx(ours["loss"], rel=0.01, abs=0.01)


def test_one_process_alone_writes_the_folder(folder: Path, alone: Run) -> None:
    names = {path.name for path in (folder / "whole").iterdir()}
    assert names == {path.name for path in alone.path.iterdir()}
    verdicts = json.loads((folder / "whole" / "diagnostics.json").read_text())
    assert [v["about"] for v in verdicts] == ["representation", "critic"]


@pytest.mark.parametrize("stop", together.STOPS)
def test_stopped_by_one_of_them_and_resumed_is_the_same_to_the_bit(
    stop: int, folder: Path
) -> None:
    stopped, whole = Run.open(folder / f"stopped-{stop}"), Run.open(folder / "whole")
    (found, _), (expected, _) = stopped.load_model(), whole.load_model()
    assert found.keys() == expected.keys()
    assert all(torch.equal(found[name], expected[name]) for name in expected)
    steps = [(line["phase"], line["step"]) for line in whole.metrics()]
    assert [(line["phase"], line["step"]) for line in stopped.metrics()] == steps


# --- what cannot be shared


def test_rows_that_cannot_be_shared_are_refused() -> None:
    assert [Team(rank=r, size=3).part(9, "x") for r in range(3)] == [
        slice(0, 3),
        slice(3, 6),
        slice(6, 9),
    ]
    message = "representation.episodes is 16, which 3 processes cannot share evenly"
    with pytest.raises(ValueError, match=message):
        check_shared(tiny_config(), Team(size=3))
    check_shared(tiny_config(), Team(size=8))


def test_alone_everything_is_as_it_was() -> None:
    rows = torch.arange(4.0, requires_grad=True)
    assert ALONE.gather(rows) is rows
    assert ALONE.mean(rows) is rows
    assert (ALONE.any(True), ALONE.any(False)) == (True, False)
    assert ALONE.led(lambda: "said") == "said"
    assert ALONE.part(7, "x") == slice(0, 7)


# --- the command line


def train_arguments(data: Path, out: Path, *more: object) -> list[object]:
    options = ["--effort", "0.01", "--critic", "paths", "--device", "cpu"]
    return ["telos", "train", data, "--out", out, *options, *more]


def test_a_refusal_is_said_once_and_ends_all(tmp_path: Path) -> None:
    data = write_walks(tmp_path / "walks.h5")
    out = tmp_path / "run"
    refused = finish(start(3, *train_arguments(data, out)))
    assert [code for code, _, _ in refused] == [2] * 3
    assert "dynamics.batch is 512, which 3 processes" in refused[0][2]
    assert all(not said and not errors for _, said, errors in refused[1:])
    assert not out.exists()


@pytest.mark.slow
def test_torchrun_trains_is_stopped_and_goes_on(tmp_path: Path) -> None:
    data, out = write_walks(tmp_path / "walks.h5"), tmp_path / "run"
    runner = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    runner += ["--nproc-per-node", "2", "-m"]

    def launched(*args: object) -> subprocess.Popen:
        return subprocess.Popen(
            [*runner, *map(str, args)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )

    first = launched(*train_arguments(data, out))
    end = time.monotonic() + 60
    while not (out / "metrics.jsonl").exists():
        assert first.poll() is None, first.communicate()
        assert time.monotonic() < end
        time.sleep(0.01)
    first.send_signal(signal.SIGINT)
    _, said = first.communicate(timeout=60)
    assert f"torchrun --nproc-per-node 2 -m telos train --resume {out}" in " ".join(
        said.split()
    )
    assert not (out / "model.safetensors").exists()
    again = launched("telos", "train", "--resume", out, "--device", "cpu", "--json")
    answer, errors = again.communicate(timeout=120)
    assert again.returncode == 0, errors
    assert json.loads(answer)["run"] == str(out)
    assert Run.open(out).load_model()[0]
