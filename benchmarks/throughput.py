"""How fast does the encoder learn, next to what this machine can multiply?

    python benchmarks/throughput.py

Times steps of the first phase of the smallest recipe on frames of two rooms, counts
their arithmetic, and says where the rest of the time goes. Writes
results/throughput.json.
"""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import torch
from results_file import row, write_result
from torch.profiler import ProfilerActivity, profile
from torch.utils.flop_counter import FlopCounterMode

from telos.cli.main import main as telos
from telos.data.store import EpisodeFile
from telos.learning.config import adapted
from telos.learning.loop import make_optimiser, train_step
from telos.learning.modules import build_modules
from telos.learning.phases import representation_phase
from telos.learning.recipes import recipe
from telos.learning.representation import RepresentationPhase
from telos.learning.training import split_episodes
from telos.runtime import choose_runtime

EPISODES, STEPS = 80, 100
SIDE = 2048
"""Of the square matrices whose product gives the peak."""
REPEATS = 40
KINDS = {
    "convolutions": ("convolution", "mkldnn_convolution", "im2col"),
    "matrix products": ("addmm", "mm", "bmm", "baddbmm", "linear"),
    "softmax": ("softmax",),
    "optimiser": ("_foreach", "_fused", "lerp", "addcdiv", "addcmul"),
}


def main() -> None:
    """Measure and write the table."""
    started = time.monotonic()
    runtime = choose_runtime()
    phase = representation()
    optimiser = make_optimiser(phase)

    def step(number: int) -> None:
        train_step(phase, optimiser, number, runtime)

    # Both in turn: a machine that is shared changes its mind within a minute.
    peaks, rates = [], []
    left, right = torch.randn(2, SIDE, SIDE).unbind()
    for trial in range(5):
        peaks.append(2 * SIDE**3 / median_seconds(lambda _: left @ right, 3))
        rates.append(1 / median_seconds(step, REPEATS // 4, first=trial))
    peak, rate = statistics.median(peaks), statistics.median(rates)
    with FlopCounterMode(display=False) as counter:
        step(0)
    done = rate * counter.get_total_flops()
    rows = [
        row("training, first phase", rate * phase.samples_per_step, "frames/s"),
        row("matrix product, peak", peak / 1e9, "GFLOP/s"),
        row("arithmetic of a training step", done / 1e9, "GFLOP/s"),
        row("share of the peak", done / peak, "share"),
        *(row(f"time: {k}", v, "share") for k, v in spent(phase, step).items()),
    ]
    print(write_result("throughput", time.monotonic() - started, rows))


def representation() -> RepresentationPhase:
    """The first phase of the smallest recipe, on a small recording."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "rooms.h5"
        telos(["collect", "two-rooms", "--out", str(path), "--quiet",
               "--episodes", str(EPISODES), "--steps", str(STEPS)])  # fmt: skip
        file = EpisodeFile(path)
        config = adapted(recipe("tiny"), file.spec)
        recording = file.load()
    modules = build_modules(config, recording)
    train = split_episodes(config, modules.model, recording).train
    return representation_phase(config, modules, train)


def median_seconds(call: Callable[[int], Any], times: int, first: int = 0) -> float:
    """Seconds of a call, the median, after two that warm up."""
    seconds = []
    for number in range(times + 2):
        began = time.perf_counter()
        call(first * times + number)
        seconds.append(time.perf_counter() - began)
    return statistics.median(seconds[2:])


def spent(
    phase: RepresentationPhase, step: Callable[[int], Any]
) -> Mapping[str, float]:
    """Shares of a step's time by kind of operation; `elementwise` is what is left."""
    began = time.perf_counter()
    for number in range(REPEATS):
        phase.sampler.batch(number)
    windows = time.perf_counter() - began
    with profile(activities=[ProfilerActivity.CPU]) as found:
        for number in range(REPEATS):
            step(number)
    events = [e for e in found.key_averages() if e.self_cpu_time_total > 0]
    total = sum(e.self_cpu_time_total for e in events)
    shares = {"cutting windows": windows * 1e6 / total}
    for kind, names in KINDS.items():
        counted = [e for e in events if any(name in e.key for name in names)]
        shares[kind] = sum(e.self_cpu_time_total for e in counted) / total
        events = [e for e in events if e not in counted]
    shares["elementwise, reductions, copies"] = 1 - sum(shares.values())
    return shares


if __name__ == "__main__":
    main()
