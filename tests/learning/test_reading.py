"""Trained from memory, a scratch or the file: the same bits; and which is chosen."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
import pytest
import torch
from tests.data.worlds import DriftWorld
from tests.learning.worlds import tiny_config, tiny_model

from telos.cli.main import OK, USER_ERROR, main
from telos.collect import collect
from telos.data import EpisodeFile
from telos.data.frames import LazyFrames
from telos.data.recording import Recording
from telos.data.scratch import MEMORY, Room, Scratch
from telos.learning import reading as reading_module
from telos.learning import training
from telos.learning.config import RepresentationConfig, TrainConfig, with_critic
from telos.learning.latents import GOAL, LATENT, encode_recording, prepare_recording
from telos.learning.loop import Interrupted
from telos.learning.modules import build_modules
from telos.learning.reading import choose_reading
from telos.perception.backbone import BackboneConfig
from telos.runs import Run
from telos.runtime import Runtime

CPU = Runtime(device="cpu", dtype="float32", threads=1, reasons=())


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> EpisodeFile:
    path = tmp_path_factory.mktemp("drift") / "drift.h5"
    world = DriftWorld(num_envs=4)
    collect(world, world.behaviour("random"), path, episodes=12, steps=20)
    return EpisodeFile(path)


def config_of(file: EpisodeFile, **changes: object) -> TrainConfig:
    model = tiny_model(
        streams={"pixels": (20, 20, 3), "state": (2,)},
        backbone=BackboneConfig(downsample=2, channels=8, width=16),
        **changes,
    )
    chosen = RepresentationConfig(steps=6, episodes=8, windows=2)
    return tiny_config(model=model, representation=chosen, data=str(file.path))


@pytest.fixture(scope="module")
def in_memory(tmp_path_factory, file: EpisodeFile) -> Run:
    run = Run.create(tmp_path_factory.mktemp("memory") / "run", config_of(file))
    training.train(run, config_of(file), file.load(), CPU)
    return run


def assert_same(run: Run, other: Run) -> None:
    (left, told), (right, ours) = run.load_model(), other.load_model()
    assert left.keys() == right.keys()
    assert all(torch.equal(left[name], right[name]) for name in left)
    assert told == ours


@pytest.mark.parametrize("place", ["memory", "scratch", "file"])
def test_a_training_from_anywhere_is_one_from_memory(
    place: str, file: EpisodeFile, in_memory: Run, tmp_path: Path
) -> None:
    run = Run.create(tmp_path / "run", config_of(file))
    room = {"memory": MEMORY, "scratch": Scratch(tmp_path), "file": None}[place]
    training.train(run, config_of(file), file.stream(), CPU, room=room)
    assert_same(run, in_memory)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_shortest_ways_in_a_scratch_are_those_in_memory(
    file: EpisodeFile, tmp_path: Path
) -> None:
    config = with_critic(config_of(file), "paths")
    found = []
    for name, room in (("a", MEMORY), ("b", Scratch(tmp_path))):
        run = Run.create(tmp_path / name, config)
        training.train(run, config, file.stream(), CPU, room=room)
        found.append(run)
    assert_same(*found)


def test_a_training_keeps_nothing_of_every_frame_in_memory(
    file: EpisodeFile, tmp_path: Path, monkeypatch
) -> None:
    """Whatever phases and read-outs are given lies in the scratch."""
    seen = []

    def spied(function):
        def call(*arguments, **named):
            seen.extend(a for a in arguments if isinstance(a, Recording))
            return function(*arguments, **named)

        return call

    for name in ("frame_phase", "latent_phase", "fit_readouts"):
        monkeypatch.setattr(training, name, spied(getattr(training, name)))
    run = Run.create(tmp_path / "run", config_of(file))
    scratch = Scratch(tmp_path)
    training.train(run, config_of(file), file.stream(), CPU, room=scratch)
    assert len(seen) >= 5
    for recording in seen:
        rows = [*recording.observations.values(), *recording.labels.values()]
        for array in (*rows, recording.actions):
            assert scratch.keep(array) is array, array.shape


@pytest.mark.parametrize("place", ["scratch", "file"])
def test_stopped_and_resumed_elsewhere_than_in_memory(
    place: str, file: EpisodeFile, in_memory: Run, tmp_path: Path, monkeypatch
) -> None:
    from tests.learning.test_training import StopAfter

    room: Room | None = Scratch(tmp_path) if place == "scratch" else None
    config = config_of(file)
    run = Run.create(tmp_path / "run", config)
    with monkeypatch.context() as patch:
        patch.setattr(training, "Interrupt", lambda: StopAfter(4))
        with pytest.raises(Interrupted):
            training.train(run, config, file.stream(), CPU, room=room)
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    training.train(run, config, file.stream(), CPU, room=room, resume=True)
    assert_same(run, in_memory)


@pytest.mark.parametrize("history", [1, 3])
def test_latents_of_the_file_are_those_of_memory(
    history: int, file: EpisodeFile
) -> None:
    config = config_of(file, history=history)
    model = build_modules(config, file.stream()).model.eval()
    loaded = prepare_recording(model, file.load())
    streamed = prepare_recording(model, file.stream())
    assert isinstance(loaded.observations["pixels"], np.ndarray)
    assert isinstance(streamed.observations["pixels"], LazyFrames)
    assert streamed.observations["pixels"].shape[1:] == (10, 10, 3)
    left, right = encode_recording(model, loaded), encode_recording(model, streamed)
    for name in (LATENT, GOAL):
        found, expected = right.observations[name], left.observations[name]
        np.testing.assert_array_equal(found, expected)


def test_frames_that_break_off_stop_the_training_with_their_message(
    tmp_path: Path,
) -> None:
    world = DriftWorld(num_envs=4)
    path = tmp_path / "drift.h5"
    collect(world, world.behaviour("random"), path, episodes=12, steps=20)
    file = EpisodeFile(path)
    recording = file.stream()
    with path.open("r+b") as raw:
        raw.truncate(path.stat().st_size // 3)
    run = Run.create(tmp_path / "run", config_of(file))
    with pytest.raises(ValueError, match=r"drift\.h5 is truncated or damaged"):
        training.train(run, config_of(file), recording, CPU, room=None)


# --- the choice


def choose(free: float, monkeypatch, disk: float = 0.0, **changes: object):
    monkeypatch.setattr(reading_module, "available_memory_bytes", lambda: int(free))
    monkeypatch.setattr(reading_module.shutil, "disk_usage", lambda p: Usage(int(disk)))
    model = tiny_model(
        streams={"pixels": (64, 64, 3)}, backbone=BackboneConfig(downsample=2)
    )
    spec = DriftWorld().spec
    streams = {"pixels": type(spec.streams["pixels"])(shape=(64, 64, 3), dtype="uint8")}
    spec = type(spec)(**{**vars(spec), "streams": streams})
    return choose_reading(model, spec, 2**20, folder=Path("runs/a"), **changes)


class Usage(NamedTuple):
    free: int


GIB = 2.0**30


def test_frames_stay_in_memory_while_they_take_less_than_half(monkeypatch) -> None:
    """2^20 frames of 32 x 32 x 3 bytes are 3 GiB."""
    assert choose(6 * GIB, monkeypatch).place == "memory"
    roomy = choose(12 * GIB, monkeypatch)
    assert roomy.reason == "frames: in memory (3 GiB of the 12 GiB that are free)"
    tight = choose(5.9 * GIB, monkeypatch)
    assert tight.place == "file"
    assert tight.room() is None
    assert tight.reason == (
        "frames: read from the file (in memory they would take 3 GiB of the 5.9 GiB "
        "that are free, more than 50%)"
    )
    assert choose(11 * GIB, monkeypatch, processes=2).place == "file"


def test_what_memory_has_no_room_for_goes_to_the_disk(monkeypatch) -> None:
    """A frame takes 3 KiB of pixels and less than 100 bytes of all else."""
    roomy = choose(GIB, monkeypatch, disk=6.5 * GIB)
    assert roomy.place == "scratch"
    assert roomy.reason.startswith("frames: in a scratch file (3.")
    assert roomy.reason.endswith(
        "of the 6.5 GiB free in runs/a; in memory 3 GiB of the 1 GiB that are free, "
        "more than 50%)"
    )
    assert choose(GIB, monkeypatch, disk=6 * GIB).place == "file"
    assert choose(GIB, monkeypatch, disk=12 * GIB, processes=2).place == "file"


def test_the_choice_can_be_forced(monkeypatch) -> None:
    forced = choose(GIB, monkeypatch, wanted="memory")
    assert forced.place == "memory"
    assert forced.room() is MEMORY
    assert "as asked for" in forced.reason
    assert choose(99 * GIB, monkeypatch, wanted="file").place == "file"
    tight = choose(99 * GIB, monkeypatch, wanted="scratch", disk=4 * GIB)
    assert tight.place == "scratch"
    with pytest.raises(ValueError, match=r"2\.9 GiB free in runs/a.*--frames file"):
        choose(99 * GIB, monkeypatch, wanted="scratch", disk=2.9 * GIB)


def test_the_command_line_says_where_frames_lie(
    file: EpisodeFile, tmp_path: Path, capsys
) -> None:
    out = tmp_path / "run"
    args = ["train", str(file.path), "--out", str(out), "--frames", "file"]
    few = ["--effort", "0.002", "--critic", "expectile", "--streams", "pixels"]
    assert main([*args, *few]) == OK
    assert "frames: read from the file" in capsys.readouterr().err
    args[-1] = "scratch"
    assert main([*args, "--overwrite", *few]) == OK
    assert "frames: in a scratch file" in capsys.readouterr().err
    args[-1] = "file"
    assert main([*args, "--scratch", str(tmp_path / "no"), *few]) == USER_ERROR
    assert "is no folder" in capsys.readouterr().err
    assert main([*args, "--dry-run", "--overwrite", *few]) == OK
    assert "frames           read from the file" in capsys.readouterr().out
