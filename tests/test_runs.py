"""A run survives kill -9, damage and full disks, and resumes bit for bit."""

from __future__ import annotations

import errno
import json
import math
import os
import signal
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from telos.runs import (
    Interrupt,
    Run,
    flatten_generators,
    flatten_optimizer,
    load_tensors,
    restore_generators,
    restore_optimizer,
    save_tensors,
    sole_writer,
)


@dataclass(frozen=True, kw_only=True)
class Config:
    rate: float = 0.1
    steps: int = 3


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return Run.create(tmp_path / "run", Config())


def save(run: Run, step: int, value: float | None = None) -> Path:
    filled = torch.full((64,), float(step if value is None else value))
    return run.save_checkpoint(step, "dynamics", {"w": filled}, {"note": step})


# --- the folder


def test_a_run_comes_back_as_it_was_created(run: Run) -> None:
    again = Run.open(run.path)
    assert again.config(Config) == Config()
    environment = again.environment()
    assert environment["format"] == "telos-run"
    assert {"commit", "argv", "machine", "versions", "created"} <= environment.keys()


def test_an_existing_run_is_replaced_only_when_asked(run: Run) -> None:
    save(run, 4000)
    message = (
        r"already holds the checkpoint 000001-dynamics-4000.*--resume.*--overwrite"
    )
    with pytest.raises(FileExistsError, match=message):
        Run.create(run.path, Config())
    (run.path / "notes.txt").write_text("mine")
    fresh = Run.create(run.path, Config(steps=9), overwrite=True)
    assert fresh.latest_checkpoint() is None
    assert fresh.config(Config).steps == 9
    assert (run.path / "notes.txt").read_text() == "mine"


def test_a_foreign_folder_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "thesis.tex").write_text("years of work")
    with pytest.raises(FileExistsError, match="never overwritten"):
        Run.create(tmp_path, Config(), overwrite=True)
    with pytest.raises(FileExistsError, match="never overwritten"):
        Run.create(tmp_path / "thesis.tex", Config(), overwrite=True)
    assert (tmp_path / "thesis.tex").read_text() == "years of work"


def test_a_deletion_that_was_cut_short_can_be_repeated(run: Run) -> None:
    (run.path / "config.json").unlink()
    Run.create(run.path, Config(steps=9), overwrite=True)
    assert Run.open(run.path).config(Config).steps == 9


def test_open_refuses_what_is_no_run(tmp_path: Path, run: Run) -> None:
    with pytest.raises(FileNotFoundError, match="no run folder"):
        Run.open(tmp_path / "nothing")
    with pytest.raises(ValueError, match="is not a run folder"):
        Run.open(tmp_path)
    (run.path / "env.json").write_text('{"format": "telos-run", "version": 99}')
    with pytest.raises(ValueError, match="version 99.*reads version 1"):
        Run.open(run.path)


# --- metrics


def test_metrics_are_lines_with_null_for_what_json_lacks(run: Run) -> None:
    run.log(1, "dynamics", loss=0.5, skill=math.nan, scale=torch.tensor(2.0))
    (line,) = run.metrics()
    assert line.pop("seconds") >= 0
    assert line == {
        "step": 1,
        "phase": "dynamics",
        "loss": 0.5,
        "skill": None,
        "scale": 2.0,
    }
    with pytest.raises(ValueError, match="'seconds'"):
        run.log(2, "dynamics", seconds=1.0)


def test_a_torn_last_line_is_skipped_and_a_damaged_one_named(run: Run) -> None:
    run.log(1, "dynamics", loss=0.5)
    path = run.path / "metrics.jsonl"
    whole = path.read_text()
    path.write_text(whole + whole[:10])
    assert len(run.metrics()) == 1
    path.write_text(whole + whole[:10] + "\n" + whole)
    with pytest.raises(ValueError, match="line 2 is damaged"):
        run.metrics()


def test_resuming_drops_metrics_after_the_checkpoint(run: Run) -> None:
    for step in range(1, 4):
        run.log(step, "representation", loss=step)
    run.log(1, "dynamics", loss=10)  # steps restart: the order of lines decides
    save(run, 1)
    run.log(2, "dynamics", loss=20)
    with (run.path / "metrics.jsonl").open("a") as file:
        file.write('{"step": 3, "pha')
    again = Run.open(run.path)
    latest = again.resume()
    assert latest is not None
    assert latest.step == 1
    again.log(2, "dynamics", loss=21)
    assert [line["loss"] for line in again.metrics()] == [1, 2, 3, 10, 21]


def test_resuming_a_run_without_checkpoint_starts_from_nothing(run: Run) -> None:
    run.log(1, "dynamics", loss=1)
    assert run.resume() is None
    assert run.metrics() == []


def test_time_goes_on_where_it_stopped(run: Run) -> None:
    run._started -= 100.0
    save(run, 1)
    again = Run.open(run.path)
    again.resume()
    assert 100.0 <= again.seconds < 110.0


# --- checkpoints


def test_a_checkpoint_keeps_bits_names_and_dtypes(run: Run) -> None:
    tensors = {
        "a/b": torch.randn(3, 4)[:, 1:3],  # not contiguous
        "step": torch.tensor(7, dtype=torch.int64),
        "rng": torch.Generator().manual_seed(1).get_state(),
        "half": torch.randn(5).bfloat16(),
        "empty": torch.zeros(0, 2),
        "flags": torch.tensor([True, False]),
    }
    state = {"float": 0.1 + 0.2, "nested": {"list": [1, None]}}
    run.save_checkpoint(7, "critic", tensors, state)
    latest = run.latest_checkpoint()
    assert latest is not None
    assert (latest.step, latest.phase, latest.state) == (7, "critic", state)
    assert latest.tensors.keys() == tensors.keys()
    for name, tensor in tensors.items():
        assert latest.tensors[name].dtype == tensor.dtype
        assert torch.equal(latest.tensors[name], tensor)


def test_the_newest_two_are_kept(run: Run) -> None:
    for step in range(1, 5):
        save(run, step)
    names = sorted(p.name for p in (run.path / "checkpoints").iterdir())
    assert names == [
        "000003-dynamics-3.safetensors",
        "000004-dynamics-4.safetensors",
    ]


def damage_by_truncation(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-40])


def damage_by_one_bit(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def damage_by_emptying(path: Path) -> None:
    path.write_bytes(b"")


DAMAGES = [damage_by_truncation, damage_by_one_bit, damage_by_emptying]


@pytest.mark.parametrize("damage", DAMAGES)
def test_a_damaged_newest_checkpoint_gives_way_to_the_one_before(damage, run) -> None:
    save(run, 1)
    damage(save(run, 2))
    with pytest.warns(UserWarning, match="000002"):
        latest = run.latest_checkpoint()
    assert latest is not None
    assert latest.step == 1
    save(run, 3)  # the damaged one must not push out the good one
    names = sorted(p.name[:6] for p in (run.path / "checkpoints").iterdir())
    assert names == ["000001", "000003"]


@pytest.mark.filterwarnings("ignore:.*Looking for the one before")
def test_only_damaged_checkpoints_are_an_error_not_a_fresh_start(run: Run) -> None:
    damage_by_emptying(save(run, 1))
    with pytest.raises(ValueError, match="all 1 checkpoints.*damaged.*--overwrite"):
        run.resume()


def test_foreign_tensor_files_are_named(tmp_path: Path) -> None:
    from safetensors.torch import save_file

    save_file({"x": torch.zeros(2)}, tmp_path / "other.safetensors")
    with pytest.raises(ValueError, match="not written by telos"):
        load_tensors(tmp_path / "other.safetensors")
    (tmp_path / "text.safetensors").write_text("hello, I am a text")
    with pytest.raises(ValueError, match="not a safetensors file"):
        load_tensors(tmp_path / "text.safetensors")
    with pytest.raises(FileNotFoundError, match="no tensor file"):
        load_tensors(tmp_path / "none.safetensors")


def test_a_full_disk_keeps_the_older_checkpoints(run: Run, monkeypatch) -> None:
    save(run, 1)
    save(run, 2)

    def full(*arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(os, "replace", full)
        with pytest.raises(OSError, match="disk is full"):
            save(run, 3)
    latest = run.latest_checkpoint()
    assert latest is not None
    assert latest.step == 2
    assert len(list((run.path / "checkpoints").iterdir())) == 2


KILLER = """
import os, signal, sys, time, warnings
import torch
from telos.runs import Run

def write_for_ever(run):
    step = 0
    while True:
        step += 1
        run.log(step, "dynamics", loss=step)
        filled = torch.full((500_000,), float(step))
        run.save_checkpoint(step, "dynamics", {"w": filled}, {"note": step})

warnings.simplefilter("error")  # nothing is ever found damaged
run = Run.open(sys.argv[1])
for attempt in range(12):
    child = os.fork()
    if child == 0:
        write_for_ever(run)
    while not list(run.path.glob("checkpoints/*.safetensors")):
        time.sleep(0.001)
    time.sleep(0.02 + 0.0071 * attempt)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    latest = run.resume()
    assert (latest.tensors["w"] == latest.step).all()
    assert latest.state == {"note": latest.step}
    assert run.metrics()[-1]["step"] == latest.step
"""


def test_kill_9_in_the_middle_of_saving_loses_nothing(run: Run) -> None:
    done = subprocess.run(
        [sys.executable, "-c", KILLER, str(run.path)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    save(run, 1)  # cleans up what the killed writers left
    assert not list((run.path / "checkpoints").glob(".tmp-*"))


# --- the final model


def test_two_processes_do_not_write_to_one_folder(tmp_path: Path) -> None:
    holding = (
        "import sys; from pathlib import Path; from telos.runs import sole_writer\n"
        "with sole_writer(Path(sys.argv[1])):\n"
        "    print('held', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", holding, str(tmp_path)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        with (
            pytest.raises(BlockingIOError, match="another process is writing to"),
            sole_writer(tmp_path),
        ):
            pass
        other.kill()
        other.wait()
        with sole_writer(tmp_path):
            pass
    assert list(tmp_path.iterdir()) == [], "a lock leaves nothing behind"


def test_a_run_that_is_being_written_is_not_replaced(run: Run) -> None:
    with sole_writer(run.path), pytest.raises(BlockingIOError, match="another process"):
        Run.create(run.path, Config(), overwrite=True)
    assert Run.open(run.path).config(Config) == Config()


def test_the_model_comes_back_with_its_configuration(run: Run) -> None:
    with pytest.raises(FileNotFoundError, match="has not finished.*--resume"):
        run.load_model()
    run.save_model({"w": torch.arange(3.0)}, {"width": 3})
    tensors, config = run.load_model()
    assert torch.equal(tensors["w"], torch.arange(3.0))
    assert config == {"width": 3}
    assert json.loads((run.path / "model.json").read_text()) == {"width": 3}
    with pytest.raises(FileExistsError, match="a finished model"):
        Run.create(run.path, Config())


# --- state of training


def train(net, optimizer, generator, steps: int) -> None:
    for _ in range(steps):
        x = torch.randn(16, 4, generator=generator)
        loss = (net(x) - x.sum(-1, keepdim=True)).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def fresh(rate: float = 1e-2):
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.Linear(8, 1))
    groups = [
        {"params": list(net[0].parameters()), "lr": rate},
        {"params": list(net[1].parameters()), "lr": rate / 3, "weight_decay": 0.1},
    ]
    optimizer = torch.optim.AdamW(groups, betas=(0.8, 0.95), amsgrad=True)
    return net, optimizer, torch.Generator().manual_seed(3)


def test_ten_steps_equal_five_saved_and_five_more_bit_for_bit(run: Run) -> None:
    whole = fresh()
    train(*whole, steps=10)

    net, optimizer, generator = fresh()
    train(net, optimizer, generator, steps=5)
    moments, settings = flatten_optimizer(optimizer)
    tensors = {
        **{f"net/{k}": v for k, v in net.state_dict().items()},
        **moments,
        **flatten_generators({"data": generator}),
    }
    run.save_checkpoint(5, "dynamics", tensors, {"optimizer": settings})

    latest = Run.open(run.path).resume()
    assert latest is not None
    net, optimizer, generator = fresh(rate=99.0)  # the stored settings must win
    torch.nn.init.zeros_(net[0].weight)
    weights = {k: latest.tensors[f"net/{k}"] for k in net.state_dict()}
    net.load_state_dict(weights)
    restore_optimizer(optimizer, latest.tensors, latest.state["optimizer"])
    restore_generators({"data": generator}, latest.tensors)
    train(net, optimizer, generator, steps=5)

    for resumed, uninterrupted in zip(
        net.parameters(), whole[0].parameters(), strict=True
    ):
        assert torch.equal(resumed, uninterrupted)
    assert optimizer.param_groups[0]["betas"] == (0.8, 0.95)


def test_an_optimiser_of_another_model_is_refused() -> None:
    _, optimizer, _ = fresh()
    tensors, settings = flatten_optimizer(optimizer)
    other = torch.optim.AdamW([torch.zeros(1, requires_grad=True)])
    with pytest.raises(ValueError, match="of another model"):
        restore_optimizer(other, tensors, settings)


def test_a_missing_random_state_is_refused() -> None:
    with pytest.raises(ValueError, match="'generator/data'"):
        restore_generators({"data": torch.Generator()}, {})


def test_a_description_with_nan_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        save_tensors(tmp_path / "a.safetensors", {}, {"x": math.nan})


# --- Ctrl-C


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_first_signal_asks_the_second_one_stops(number, capsys) -> None:
    before = signal.getsignal(number)
    with Interrupt() as interrupt:
        assert not interrupt.requested
        os.kill(os.getpid(), number)
        assert interrupt.requested
        assert "again to stop at once" in capsys.readouterr().err
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), number)
    assert signal.getsignal(number) is before


# --- TensorBoard


def test_tensorboard_is_optional(run: Run) -> None:
    try:
        import tensorboard  # noqa: F401
    except ImportError:
        with pytest.raises(ImportError, match=r"telos\[track\]"):
            run.mirror_to_tensorboard()
        return
    run.mirror_to_tensorboard()
    run.log(1, "dynamics", loss=0.5)
    assert list((run.path / "tensorboard").iterdir())
