"""How soon does a monitor notice what cannot happen, and how often is it wrong?

    python benchmarks/monitor.py          # as published, about half an hour
    python benchmarks/monitor.py --tiny   # a look, not a result

Watchers of moving digits, 64 x 64 pixels, learn from clips of the training's digits.
They and controls then watch videos of held-out digits, frame by frame: a digit
vanishes, jumps, becomes another, stops or turns around at a random time. Thresholds are
taken from other held-out videos in which nothing is wrong, for a stated share of false
alarms; how many there are is measured on videos of their own. A detection is an alarm
within ten frames of the event; its floor is how often the same frames of the same
videos alarm where nothing was planted. Works in benchmarks/scratch/monitor and goes on
where it stopped; writes results/monitor.json.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from results_file import row, write_result
from verbs import collect, watch

from telos.cli.looking import Looking, load_looking
from telos.envs.moving_digits.planted import ANOMALIES, planted
from telos.evaluation.statistics import wilson
from telos.evaluation.surprise import SurpriseMonitor, threshold_of
from telos.runtime import choose_runtime

OBJECTIVES = ("vicreg", "pixels")
CONTROLS = ("frame-difference", "linear-extrapolation")
LENGTH = 20
"""Frames of a training clip, and of what a watcher remembers."""
RATE = 0.002
"""Share of frames that may be false alarms: one in 20 seconds at 25 frames a second."""
SOON = 10
"""Frames within which an alarm counts."""
VIDEO_FPS = 25
FASTER = 10
"""Times real time, at least."""
TIMED = 1000
"""Frames that are watched to know how fast."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How much of everything."""

    work: Path
    episodes: int = 8000
    effort: float = 0.5
    videos: int = 300
    seed: int = 0


def main() -> None:
    """Train what is missing, watch, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tiny", action="store_true")
    tiny = parser.parse_args().tiny
    scratch = Path(__file__).parent / "scratch"
    plan = (
        Plan(work=scratch / "monitor-tiny", episodes=100, effort=0.01, videos=10)
        if tiny
        else Plan(work=scratch / "monitor")
    )
    began = time.monotonic()
    choose_runtime()
    rows = []
    for name, looking in models(plan):
        made = rows_of(name, looking, plan)
        print(*(f"{r['name']}: {r['value']:.3g} {r['unit']}" for r in made), sep="\n")
        rows += made
    if not tiny:
        print(write_result("monitor", time.monotonic() - began, rows))


def models(plan: Plan) -> Iterable[tuple[str, Looking]]:
    """Watchers and controls, trained where they have to be."""
    data = collect(
        "moving-digits",
        plan.work / "digits.h5",
        plan.episodes,
        LENGTH - 1,
        *("--options", "size=64"),
    )
    for objective in OBJECTIVES:
        options = ["--objective", objective, "--effort", str(plan.effort)]
        run = plan.work / f"{objective}-{plan.seed}"
        watch(data, run, *options, "--seed", str(plan.seed))
        yield objective, load_looking(str(run), LENGTH, "cpu")
    for control in CONTROLS:
        yield control, load_looking(control, None, "cpu")


def rows_of(name: str, looking: Looking, plan: Plan) -> list[dict[str, Any]]:
    """False alarms, detections and delays of one model, and how fast it is."""
    calm = traces(looking, "nothing", plan.videos, split="validation")
    threshold = threshold_of(calm[~np.isnan(calm)], RATE)
    usual, events = watched(looking, "nothing", plan.videos)
    known = ~np.isnan(usual)
    false = wilson(int((usual > threshold)[known].sum()), int(known.sum()))
    title = f"{name}, false alarms asked for {100 * RATE:g} %"
    rows = [_rate_row(title, false)]
    floor = len(delays(usual, events, threshold)) / plan.videos
    for anomaly in ANOMALIES:
        rows += _anomaly(name, looking, anomaly, threshold, floor, plan)
    speed = frames_per_second(looking)
    rows.append(
        row(
            f"{name}, speed on {VIDEO_FPS} frames a second",
            speed / VIDEO_FPS,
            "x real time",
            target=f">= {FASTER}",
            met=speed >= FASTER * VIDEO_FPS,
        )
    )
    return rows


def _anomaly(
    name: str,
    looking: Looking,
    anomaly: str,
    threshold: float,
    floor: float,
    plan: Plan,
) -> list[dict[str, Any]]:
    seen, events = watched(looking, anomaly, plan.videos)
    found = delays(seen, events, threshold)
    detected = _rate_row(f"{name}, {anomaly}", wilson(len(found), plan.videos))
    rows = [detected | {"floor": floor}]
    if found:
        late = statistics.median(found)
        rows.append(row(f"{name}, {anomaly}: median delay", late, "frames"))
    return rows


def watched(
    looking: Looking, anomaly: str, videos: int
) -> tuple[np.ndarray, np.ndarray]:
    """Surprise (Q, T) of test videos, and the frame (Q,) of each event."""
    events = planted(anomaly, videos, size=64).event
    return traces(looking, anomaly, videos, split="test"), events


def traces(looking: Looking, anomaly: str, videos: int, split: str) -> np.ndarray:
    """(Q, T) surprise, as a monitor would have read it."""
    clips = planted(anomaly, videos, size=64, split=split).clips
    parts = [looking.watching.trace(clips[i : i + 50]) for i in range(0, videos, 50)]
    return np.concatenate(parts)


def delays(
    seen: np.ndarray, events: Sequence[int] | np.ndarray, threshold: float
) -> list[int]:
    """Frames from each event to its first alarm, of those that were noticed soon."""
    windows = (
        row[event : event + SOON] for row, event in zip(seen, events, strict=True)
    )
    alarms = (np.flatnonzero(window > threshold) for window in windows)
    return [int(frames[0]) for frames in alarms if len(frames)]


def frames_per_second(looking: Looking) -> float:
    """Of a monitor that is shown frame by frame."""
    videos = planted("nothing", max(1, TIMED // 60), size=64).clips
    frames = videos.reshape(-1, *videos.shape[2:])
    monitor = SurpriseMonitor(looking.watching.watching, window=looking.window)
    for frame in frames[:LENGTH]:
        monitor.update(frame)
    began = time.perf_counter()
    for frame in frames:
        monitor.update(frame)
    return len(frames) / (time.perf_counter() - began)


def _rate_row(name: str, rate: Any) -> dict[str, Any]:
    return row(name, rate.value, "share", n=rate.n, low=rate.low, high=rate.high)


if __name__ == "__main__":
    main()
