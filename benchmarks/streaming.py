"""Does a recording that lies on the disk train as fast as one in memory?

    python benchmarks/streaming.py

Cuts windows of the smallest recipe's first phase from memory, from the file, and from
the file by a thread that works ahead; all beside what the model consumes, measured in
turn in one run. Then the peak of a process that streams, for a small and a large
recording, and the rate of two processes beside that of one. Writes
results/streaming.json. `--gib` sets the pixels of the large recording; on the disk they
take about a twentieth.
"""

from __future__ import annotations

import argparse
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import h5py
import numpy as np
from results_file import limit_row, row, write_result

from telos.collect import collect
from telos.data.prefetch import Prefetch
from telos.data.recording import Recording
from telos.data.schema import create_datasets, dataset
from telos.data.store import EpisodeFile
from telos.envs import make_world
from telos.envs.world import WorldSpec
from telos.learning.config import TrainConfig, adapted
from telos.learning.distributed import team_of_processes
from telos.learning.loop import make_optimiser, train_step
from telos.learning.modules import Modules, build_modules
from telos.learning.recipes import recipe
from telos.learning.representation import RepresentationPhase
from telos.learning.training import (
    reading_ahead,
    representation_phase,
    split_episodes,
)
from telos.runtime import choose_runtime, peak_memory_bytes

EPISODES, STEPS = 80, 99
"""So that an episode has whole chunks of frames."""
FRAME_BYTES = 64 * 64 * 3
SMALL_GIB = 0.1
ROUNDS, BATCHES = 5, 8
"""Rounds in which everything is measured in turn, and batches of each round."""
PEAK_STEPS = 12
WANTED = 10.0
"""Times as many windows as the model consumes."""


def main() -> None:
    """Measure and write the table."""
    options = parsed()
    if options.peak_of is not None:
        print(peak_of(options.peak_of))
        return
    if options.share_of is not None:
        print_rate(options.share_of)
        return
    started = time.monotonic()
    with tempfile.TemporaryDirectory(dir=options.folder) as folder:
        small = recorded(Path(folder) / "small.h5", SMALL_GIB)
        rows = [*rates(small), *peaks(small, Path(folder), options.gib)]
        rows += processes(small)
    print(write_result("streaming", time.monotonic() - started, rows))


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gib", type=float, default=20.0)
    parser.add_argument("--folder", type=Path, default=None)
    for name in ("--peak-of", "--share-of"):
        parser.add_argument(name, type=Path, help="used by this script itself")
    return parser.parse_args()


def recorded(path: Path, gib: float) -> Path:
    """Two rooms, repeated until there are so many pixels."""
    world = make_world("two-rooms", num_envs=16)
    first = path.with_suffix(".first.h5")
    collect(world, world.behaviour("mixed"), first, episodes=EPISODES, steps=STEPS)
    times = round(gib * 2**30 / (FRAME_BYTES * EPISODES * (STEPS + 1)))
    with h5py.File(first, "r") as source, h5py.File(path, "w") as file:
        repeat(source, file, EpisodeFile(first).spec, max(1, times))
    return path


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
    recording: Recording, config: TrainConfig, *, in_memory: bool
) -> tuple[RepresentationPhase, Modules]:
    modules = build_modules(config, recording)
    sides = split_episodes(config, modules.model, recording, in_memory=in_memory)
    return representation_phase(config, modules, sides.train), modules


def rates(path: Path) -> list[dict]:
    """Windows per second of each way, in turn, and of the model."""
    file, runtime = EpisodeFile(path), choose_runtime()
    config = settings_of(file)
    memory, _ = phase_on(file.stream(), config, in_memory=True)
    stored, _ = phase_on(file.stream(), config, in_memory=False)
    end = 10**6
    ways: dict[str, Callable[[int], object]] = {
        "windows, from memory": memory.sampler.batch,
        "windows, from the file": stored.sampler.batch,
        "training, frames in memory": stepping(memory, runtime),
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
    sampling = found["windows, from the file"] / model
    rows.append(
        row(
            "windows from the file, beside what the model consumes",
            sampling,
            "times",
            target=f">= {WANTED:g}",
            met=sampling >= WANTED,
        )
    )
    for name in ("frames in the file", "frames in the file, read ahead"):
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


def peaks(small: Path, folder: Path, gib: float) -> list[dict]:
    """Peaks of processes of their own that train from a small and a large file."""
    large = recorded(folder / "large.h5", gib)
    found = [
        int(subprocess.run(command("--peak-of", path), check=True, stdout=-1).stdout)
        for path in (small, large)
    ]
    sizes = (SMALL_GIB, gib)
    rows = [
        row(f"peak memory, {size:g} GiB of pixels in the file", peak / 2**20, "MiB")
        for size, peak in zip(sizes, found, strict=True)
    ]
    growth = found[1] / found[0]
    return [*rows, limit_row("peak of the large one, small = 1", growth, "times", 1.1)]


def command(option: str, path: Path) -> list[str]:
    return [sys.executable, __file__, option, str(path)]


def peak_of(path: Path) -> int:
    """Peak bytes after steps of the first phase, frames in the file."""
    file, runtime = EpisodeFile(path), choose_runtime()
    config = settings_of(file)
    phase, _ = phase_on(file.stream(), config, in_memory=False)
    optimiser = make_optimiser(phase)
    with reading_ahead(phase):
        for step in range(PEAK_STEPS):
            train_step(phase, optimiser, step, runtime)
    return peak_memory_bytes()


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
