"""How fast are videos imported, next to what this machine can decode?

    python benchmarks/importing.py

Writes a LeRobot dataset of 480 x 640 videos, imports it at 64 x 64, and decodes the
same files with a plain loop of PyAV into RGB arrays. Both take turns on the same cores,
all that the process may run on, with the same settings of the decoder (threads chosen
by FFmpeg); what they cost in seconds of all cores together is compared too. Also says
how much memory an import of few and of many episodes needs at full size, where an
episode has 53 MiB. Writes results/importing.json.
"""

from __future__ import annotations

import contextlib
import io
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import av
import numpy as np
from results_file import row, write_result

from telos.cli.main import main as telos
from telos.data import EpisodeFile, EpisodeWriter
from telos.envs.world import StreamSpec, WorldSpec
from telos.types import Episode

HEIGHT, WIDTH = 480, 640
STEPS = 59
FEW, MANY = 4, 24
"""Episodes of the small and of the large dataset."""
TRIALS = 3
TARGET = 0.9
GROWTH = 1.2
"""Times as much memory as few episodes that many may need."""
PEAK = """
import sys
from telos.cli.main import main
code = main(sys.argv[1:])
for line in open("/proc/self/status"):
    if line.startswith("VmHWM"):
        print(int(line.split()[1]) * 1024)
sys.exit(code)
"""
"""Not the peak of `getrusage`, which a process inherits from its parent."""


def main() -> None:
    """Measure and write the table."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        few, many = make_dataset(folder, FEW), make_dataset(folder, MANY)
        import_(few, folder / "out.h5")  # loads what is imported when needed
        decoded, imported = [], []
        # Both in turn: a machine that is shared changes its mind within a minute.
        for _ in range(TRIALS):
            decoded.append(timed(lambda: decode(many)))
            imported.append(timed(lambda: import_(many, folder / "out.h5")))
        bare, _ = timed(lambda: decode(many, convert=False))
        peaks = [peak_bytes(each, folder / "out.h5") for each in (few, many)]
    pairs = list(zip(imported, decoded, strict=True))
    share = statistics.median(i / d for (i, _), (d, _) in pairs)
    work = statistics.median(i / d for (_, i), (_, d) in pairs)
    growth = peaks[1] / peaks[0]
    rows = [
        row("decoded into RGB by PyAV", median(decoded), "frames/s"),
        row("decoded, not converted", bare, "frames/s"),
        row("imported at 64 x 64", median(imported), "frames/s"),
        row("processor time of an import, decoding = 1", work, "times", n=TRIALS),
        row(
            "import as a share of decoding",
            share,
            "share",
            n=TRIALS,
            target=f">= {100 * TARGET:g} %",
            met=share >= TARGET,
        ),
        row(f"peak memory, {FEW} episodes", peaks[0] / 2**20, "MiB"),
        row(f"peak memory, {MANY} episodes", peaks[1] / 2**20, "MiB"),
        row(
            "growth of memory",
            growth,
            "times",
            target=f"<= {GROWTH:g}",
            met=growth <= GROWTH,
        ),
    ]
    print(write_result("importing", time.monotonic() - started, rows))


def make_dataset(folder: Path, episodes: int) -> Path:
    """A LeRobot dataset of a textured scene that moves."""
    spec = WorldSpec(
        id="film",
        action_low=np.array([-1.0, -1.0], np.float32),
        action_high=np.array([1.0, 1.0], np.float32),
        streams={"pixels": StreamSpec(shape=(HEIGHT, WIDTH, 3), dtype="uint8")},
        labels={},
        max_steps=STEPS,
    )
    rng = np.random.default_rng(0)
    coarse = rng.integers(0, 256, (HEIGHT // 8, WIDTH // 8, 3), dtype=np.uint8)
    scene = coarse.repeat(8, axis=0).repeat(8, axis=1)
    path, out = folder / f"{episodes}.h5", folder / f"{episodes}"
    with EpisodeWriter(path, spec) as writer:
        for seed in range(episodes):
            shifts = np.cumsum(rng.integers(-3, 4, (STEPS + 1, 2)), axis=0)
            frames = np.stack([np.roll(scene, s, axis=(0, 1)) for s in shifts])
            actions = rng.uniform(-1, 1, (STEPS, 2)).astype(np.float32)
            streams = {"pixels": frames}
            writer.append(Episode(observations=streams, actions=actions, seed=seed))
    run(["export", str(path), "--to", "lerobot", str(out), "--json"])
    path.unlink()
    return out


def timed(work: Callable[[], int]) -> tuple[float, float]:
    """Frames per second, and seconds of all cores per frame."""
    began, used = time.perf_counter(), time.process_time()
    frames = work()
    seconds, busy = time.perf_counter() - began, time.process_time() - used
    return frames / seconds, busy / frames


def median(found: list[tuple[float, float]]) -> float:
    """Of the frames per second."""
    return statistics.median(rate for rate, _ in found)


def decode(dataset: Path, *, convert: bool = True) -> int:
    """Number of frames that a plain loop finds in the videos."""
    frames = 0
    for path in sorted(dataset.rglob("*.mp4")):
        with av.open(str(path)) as container:
            stream = container.streams.video[0]
            stream.thread_type = "AUTO"
            for frame in container.decode(stream):
                frames += 1
                if convert:
                    frame.to_ndarray(format="rgb24")
    return frames


def import_(dataset: Path, out: Path) -> int:
    """Number of frames that `telos import` puts into a finished file."""
    run(["import", str(dataset), "--out", str(out), "--overwrite", "--json"])
    return EpisodeFile(out).num_frames


def peak_bytes(dataset: Path, out: Path) -> int:
    """Largest memory of a process that imports, everything included."""
    arguments = ["import", str(dataset), "--out", str(out), "--overwrite", "--quiet"]
    arguments += ["--image-size", "0"]
    done = subprocess.run(
        [sys.executable, "-c", PEAK, *arguments],
        check=True,
        capture_output=True,
        text=True,
    )
    return int(done.stdout.split()[-1])


def run(arguments: list[str]) -> None:
    """A verb, without what it prints."""
    with contextlib.redirect_stdout(io.StringIO()) as said:
        code = telos(arguments)
    if code:
        raise RuntimeError(f"telos {' '.join(arguments)} failed: {said.getvalue()}")


if __name__ == "__main__":
    main()
