"""Does a recording that lies on the disk train as fast as one in memory?

    python benchmarks/streaming.py
    python benchmarks/streaming.py --memory --large    # peaks only; rates as they stand

Cuts windows of the smallest recipe's first phase from memory, from a scratch, from the
file, and from the file by a thread that works ahead; all beside what the model
consumes, measured in turn in one run. Then the peaks of two whole trainings with a
scratch, few steps of each phase, from a small and a large recording of noise, which
does not compress; and the rate of two processes beside that of one. Writes
results/streaming.json. `--large` makes the large recording 20 GiB instead of 2, and
needs 30 GiB of disk.

Memory is what belongs to the process alone (RssAnon of /proc/PID/status), looked at
fifty times a second. Pages of mapped files are left out: they are copies of what lies
on the disk, which the system drops when it needs the room.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from results_file import limit_row, read_rows, row, write_result

from telos.collect import collect
from telos.data.prefetch import Prefetch
from telos.data.recording import Recording
from telos.data.schema import create_datasets, dataset
from telos.data.scratch import MEMORY, Room, Scratch
from telos.data.store import EpisodeFile
from telos.envs import make_world
from telos.envs.world import WorldSpec
from telos.learning.config import TrainConfig, adapted
from telos.learning.distributed import team_of_processes
from telos.learning.loop import make_optimiser, train_step
from telos.learning.modules import Modules, build_modules
from telos.learning.phases import representation_phase
from telos.learning.recipes import recipe
from telos.learning.representation import RepresentationPhase
from telos.learning.training import split_episodes
from telos.runtime import choose_runtime

EPISODES, STEPS = 80, 99
"""So that an episode has whole chunks of frames."""
FRAME_BYTES = 64 * 64 * 3
SMALL_GIB, MEDIUM_GIB, LARGE_GIB = 0.1, 2.0, 20.0
ROUNDS, BATCHES = 5, 8
"""Rounds in which everything is measured in turn, and batches of each round."""
EFFORT = "0.004"
"""Of the trainings whose peaks are measured: about ten steps of a phase."""
LOOK_SECONDS = 0.02
WANTED = 10.0
"""Times as many windows as the model consumes."""


def main() -> None:
    """Measure and write the table."""
    options = parsed()
    if options.share_of is not None:
        print_rate(options.share_of)
        return
    started = time.monotonic()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        if options.memory:
            rows = [r for r in read_rows("streaming") if not is_of_memory(r)]
        else:
            path = recorded(Path(folder) / "rooms.h5", SMALL_GIB)
            rows = [*rates(path), *processes(path)]
        gib = LARGE_GIB if options.large else MEDIUM_GIB
        rows += peaks(Path(folder), (SMALL_GIB, gib))
    print(write_result("streaming", time.monotonic() - started, rows))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--large", action="store_true", help="20 GiB instead of 2")
    parser.add_argument("--memory", action="store_true", help="only the peaks")
    parser.add_argument("--folder", type=Path, default=None)
    parser.add_argument("--share-of", type=Path, help="used by this script itself")
    return parser.parse_args()


def recorded(path: Path, gib: float, *, noisy: bool = False) -> Path:
    """Two rooms, repeated until there are so many pixels, as they are or in noise."""
    world = make_world("two-rooms", num_envs=16)
    first = path.with_suffix(".first.h5")
    collect(world, world.behaviour("mixed"), first, episodes=EPISODES, steps=STEPS)
    if noisy:
        make_noisy(first)
    times = round(gib * 2**30 / (FRAME_BYTES * EPISODES * (STEPS + 1)))
    with h5py.File(first, "r") as source, h5py.File(path, "w") as file:
        repeat(source, file, EpisodeFile(first).spec, max(1, times))
    first.unlink()
    return path


def make_noisy(path: Path) -> None:
    """Add noise to every pixel, in place."""
    rng = np.random.default_rng(0)
    with h5py.File(path, "r+") as file:
        pixels = dataset(file, "observations/pixels")
        noise = rng.integers(0, 64, pixels.shape, dtype=np.uint8)
        pixels[:] = pixels[:] // 2 + noise


def repeat(source: h5py.File, file: h5py.File, spec: WorldSpec, times: int) -> None:
    """The same episodes again and again; compressed chunks are copied as they are."""
    for name, value in source.attrs.items():
        file.attrs[name] = value
    frames, episodes = (len(dataset(source, n)) for n in ("actions", "episodes/start"))
    create_datasets(file, spec, times * frames, times * episodes)
    for group in ("observations", "labels", "episodes"):
        for name in source[group]:
            copy(dataset(source, f"{group}/{name}"), dataset(file, f"{group}/{name}"))
    copy(dataset(source, "actions"), dataset(file, "actions"))
    starts = dataset(file, "episodes/start")
    starts[:] = starts[:] + np.repeat(frames * np.arange(times), episodes)


def copy(source: h5py.Dataset, target: h5py.Dataset) -> None:
    """Fill a dataset with repetitions of a shorter one."""
    rows = len(source)
    if source.chunks is None:
        for first in range(0, len(target), rows):
            target[first : first + rows] = source[:]
        return
    assert rows % source.chunks[0] == 0, "a chunk would hold frames of two repetitions"
    corner = (0,) * (source.ndim - 1)
    for at in range(0, rows, source.chunks[0]):
        mask, content = source.id.read_direct_chunk((at, *corner))
        for first in range(at, len(target), rows):
            target.id.write_direct_chunk((first, *corner), content, mask)


# --- rates


def settings_of(file: EpisodeFile) -> TrainConfig:
    return adapted(recipe("tiny"), file.spec)


def phase_on(
    recording: Recording, config: TrainConfig, room: Room | None
) -> tuple[RepresentationPhase, Modules]:
    modules = build_modules(config, recording)
    sides = split_episodes(config, modules.model, recording, room=room)
    return representation_phase(config, modules, sides.train), modules


def rates(path: Path) -> list[dict]:
    """Windows per second of each way, in turn, and of the model."""
    file, runtime = EpisodeFile(path), choose_runtime()
    config = settings_of(file)
    memory, _ = phase_on(file.stream(), config, MEMORY)
    scratch, _ = phase_on(file.stream(), config, Scratch(path.parent))
    stored, _ = phase_on(file.stream(), config, None)
    end = 10**6
    ways: dict[str, Callable[[int], object]] = {
        "windows, from memory": memory.sampler.batch,
        "windows, from a scratch": scratch.sampler.batch,
        "windows, from the file": stored.sampler.batch,
        "training, frames in memory": stepping(memory, runtime),
        "training, frames in a scratch": stepping(scratch, runtime),
        "training, frames in the file": stepping(stored, runtime),
    }
    with Prefetch(stored.sampler.batch, end=end) as ahead:
        ways["windows, read ahead"] = ahead.batch
        reading = stepping(stored_with(stored, ahead), runtime)
        ways["training, frames in the file, read ahead"] = reading
        seconds = in_turn(ways)
    windows = config.representation.episodes * config.representation.windows
    found = {name: windows / value for name, value in seconds.items()}
    model = found["training, frames in memory"]
    rows = [row(name, value, "windows/s") for name, value in sorted(found.items())]
    sampling = found["windows, from a scratch"] / model
    rows.append(
        row(
            "windows from a scratch, beside what the model consumes",
            sampling,
            "times",
            target=f">= {WANTED:g}",
            met=sampling >= WANTED,
        )
    )
    straight = found["windows, from the file"] / model
    rows.append(
        row("windows from the file, beside what the model consumes", straight, "times")
    )
    ways_to_read = ("a scratch", "the file", "the file, read ahead")
    for name in (f"frames in {way}" for way in ways_to_read):
        share = found[f"training, {name}"] / model
        rows.append(row(f"speed beside frames in memory: {name}", share, "share"))
    return rows


def stored_with(phase: RepresentationPhase, ahead: Prefetch) -> RepresentationPhase:
    """The same phase on batches that are read ahead."""
    return RepresentationPhase(phase.model, phase.inverse, ahead, phase.config)


def stepping(phase: RepresentationPhase, runtime) -> Callable[[int], object]:
    optimiser = make_optimiser(phase)
    return lambda step: train_step(phase, optimiser, step, runtime)


def in_turn(ways: dict[str, Callable[[int], object]]) -> dict[str, float]:
    """Median seconds of a call; every way has its turn in every round."""
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(ROUNDS):
        for name, way in ways.items():
            way(number * (BATCHES + 1))  # begins reading ahead
            began = time.perf_counter()
            for step in range(BATCHES):
                way(number * (BATCHES + 1) + 1 + step)
            seconds[name].append((time.perf_counter() - began) / BATCHES)
    return {name: statistics.median(values) for name, values in seconds.items()}


# --- memory


def peaks(folder: Path, sizes: tuple[float, float]) -> list[dict]:
    """Peaks of trainings from a small and a large file, each a process of its own."""
    rows, found = [], []
    for gib in sizes:
        path = recorded(folder / "noisy.h5", gib, noisy=True)
        peak, seconds = peak_of(path)
        found.append(peak)
        what = f"{gib:g} GiB of noise ({path.stat().st_size / 2**30:.3g} GiB of disk)"
        rows.append(row(f"peak memory, {what}", peak / 2**20, "MiB"))
        rows.append(row(f"whole training with few steps, {gib:g} GiB", seconds, "s"))
        path.unlink()
    growth = found[1] / found[0]
    return [*rows, limit_row("peak of the large one, small = 1", growth, "times", 1.1)]


def is_of_memory(line: Mapping[str, Any]) -> bool:
    """Whether a row is one of `peaks`."""
    return line["name"].startswith(("peak", "whole training"))


def peak_of(path: Path) -> tuple[int, float]:
    """Peak bytes and seconds of `telos train` with all phases and read-outs."""
    run = path.with_suffix("")
    arguments = ["--out", str(run), "--frames", "scratch", "--effort", EFFORT]
    arguments += ["--critic", "paths", "--overwrite", "--quiet"]
    command = [sys.executable, "-m", "telos", "train", str(path), *arguments]
    began, peak = time.perf_counter(), 0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as process:
        while process.poll() is None:
            peak = max(peak, own_bytes(process.pid))
            time.sleep(LOOK_SECONDS)
    if process.returncode:
        raise RuntimeError(f"{' '.join(command)} failed")
    return peak, time.perf_counter() - began


def own_bytes(pid: int) -> int:
    """Memory that a process shares with no file; 0 once it has ended."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return 1024 * int(line.split()[1])
    return 0


# --- processes


def processes(path: Path) -> list[dict]:
    """Windows per second of one process with all threads, and of two with half each."""
    launch = [sys.executable, "-m", "torch.distributed.run", "--standalone"]
    launch += ["--nproc-per-node"]
    found: dict[int, list[float]] = {1: [], 2: []}
    for _ in range(3):
        for count, values in found.items():
            arguments = [*launch, str(count), __file__, "--share-of", str(path)]
            done = subprocess.run(arguments, check=True, stdout=-1, stderr=-3)
            values.append(float(done.stdout))
    one, two = (statistics.median(values) for values in found.values())
    return [
        row("training, one process", one, "windows/s"),
        row("training, two processes", two, "windows/s"),
        row("two processes, one = 1", two / one, "times"),
    ]


def print_rate(path: Path) -> None:
    """Windows per second of this team; its leading process says it."""
    file, runtime = EpisodeFile(path), choose_runtime()
    config = settings_of(file)
    with team_of_processes(runtime.device) as team:
        modules = build_modules(config, file.stream())
        sides = split_episodes(config, modules.model, file.stream())
        phase = representation_phase(config, modules, sides.train, team)
        optimiser = make_optimiser(phase)
        steps = ROUNDS * BATCHES
        for step in range(3):
            train_step(phase, optimiser, step, runtime, team)
        began = time.perf_counter()
        for step in range(3, 3 + steps):
            train_step(phase, optimiser, step, runtime, team)
        seconds = (time.perf_counter() - began) / steps
        if team.leads:
            windows = config.representation.episodes * config.representation.windows
            print(windows / seconds)


if __name__ == "__main__":
    main()
