"""`telos surprise`: what in this video did the model not expect?"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import tyro

from telos.cli.common import CommonOptions

if TYPE_CHECKING:
    import numpy as np

    from telos.cli.looking import Looking
    from telos.evaluation.surprise import Footage, Peak

EXAMPLES = """
telos surprise clip.mp4 --model runs/physics --out clip.html --film clip-surprise.mp4
telos surprise clip.mp4 --model runs/physics --threshold-from calm.mp4 physics.h5
telos surprise clip.mp4 --model frame-difference --fps 10 --json
telos surprise IntPhys/dev --model runs/physics --layout intphys
"""

MOST_PEAKS = 8
"""Peaks with pictures on the page."""
AROUND = (-3, -2, -1, 0, 1, 2)
"""Frames that are shown around a peak."""
FILM_SIDE, PICTURE_SIDE = 480, 160
"""Longer side of the film and of pictures on the page, pixels."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """Surprise over time for a video of any size and rate, or a benchmark's score.

    A model that `telos watch` has trained predicts every frame from those before it;
    surprise is how far off it was. Frames above the threshold are marked. Take the
    threshold from videos in which nothing odd happens: without them the video is
    compared with itself, and no false-alarm rate is known.
    """

    video: tyro.conf.Positional[Path]
    """Video (.mp4, .mkv, .webm, .mov, .avi); with --layout a benchmark's folder."""
    model: str
    """Run folder of `telos watch`; or frame-difference, copy-last or
    linear-extrapolation, which understand nothing and are there to compare with."""
    out: Path | None = None
    """Write a self-contained page (.html)."""
    film: Path | None = None
    """Write the video with its surprise below it (.mp4)."""
    threshold_from: tuple[Path, ...] = ()
    """Videos or episode files in which nothing odd happens."""
    rate: float = 0.01
    """Share of their frames that may be above the threshold."""
    false_alarms_per_hour: float | None = None
    """The same as alarms per hour of video, instead of --rate."""
    fps: float | None = None
    """Frames per second to look at; all by default. Train and look at the same rate."""
    window: int | None = None
    """Frames to look at; as many as the model was trained on by default."""
    memory: int | None = None
    """Frames of context within the window; all by default."""
    layout: Literal["none", "intphys", "intphys2", "grasp", "inflevel"] = "none"
    """Score a benchmark's folder that is laid out like this."""
    step: int | None = None
    """Every so many frames of a benchmark's videos are looked at; by default what its
    published numbers use."""
    overwrite: bool = False
    """Replace an existing page and film."""
    common: tyro.conf.OmitArgPrefixes[CommonOptions]


def run(command: Command) -> dict[str, Any]:
    """Look, mark, draw and print."""
    from telos.cli.looking import load_looking
    from telos.runtime import choose_runtime

    for path in (command.out, command.film):
        if path is not None and path.exists() and not command.overwrite:
            raise FileExistsError(f"{path} exists: replace it with --overwrite")
    runtime = choose_runtime(command.common.device)
    looking = load_looking(command.model, command.window, str(runtime.device))
    with _progress(command) as say:
        if command.layout != "none":
            facts = _benchmark(command, looking, say)
        else:
            facts = _video(command, looking, say)
    if not command.common.json:
        (_show_video if command.layout == "none" else _show_benchmark)(facts)
    return facts


def _video(
    command: Command, looking: Looking, say: Callable[[str], None]
) -> dict[str, Any]:
    from telos.evaluation.surprise import find_peaks, read_video

    if command.video.suffix == ".h5":
        raise ValueError(
            f"{command.video} holds episodes, and a video is looked at here: give a "
            f"video, and take the threshold from episodes with --threshold-from "
            f"{command.video}"
        )
    say(f"looking at {command.video}")
    footage = read_video(
        command.video, size=looking.size, fps=command.fps, shortest=looking.window
    )
    trace = looking.watching.trace(footage.frames[None], command.memory)[0]
    threshold, basis = _threshold(command, looking, footage, trace, say)
    peaks = find_peaks(trace, threshold)
    facts = _facts(command, looking, footage, trace, peaks)
    facts |= {"threshold": threshold, "threshold_from": basis}
    if command.film is not None:
        say("film")
        _write_film(command.film, footage, trace, threshold)
    if command.out is not None:
        say("page")
        _write_page(command, facts, footage)
    return facts


def _threshold(
    command: Command,
    looking: Looking,
    footage: Footage,
    trace: np.ndarray,
    say: Callable[[str], None],
) -> tuple[float, str]:
    """The threshold, and in words what it rests on."""
    from telos.cli.looking import calm_surprise
    from telos.evaluation.surprise import alarm_share, own_threshold, threshold_of

    if not command.threshold_from:
        if command.false_alarms_per_hour is not None:
            raise ValueError(
                "a false-alarm rate needs videos in which nothing odd happens: give "
                "them with --threshold-from"
            )
        return (
            own_threshold(trace),
            "what stands out of this video alone, at no known rate of false alarms",
        )
    hourly = command.false_alarms_per_hour
    rate = alarm_share(None if hourly else command.rate, hourly, footage.fps)
    calm = calm_surprise(
        looking,
        command.threshold_from,
        fps=command.fps,
        memory=command.memory,
        say=say,
    )
    wanted = f"{hourly:g} an hour" if hourly else f"{100 * rate:g} % of frames"
    names = ", ".join(path.name for path in command.threshold_from)
    return (
        threshold_of(calm, rate),
        f"at most {wanted} of calm videos lie above it, by {len(calm)} frames of "
        f"{names}",
    )


def _facts(
    command: Command,
    looking: Looking,
    footage: Footage,
    trace: np.ndarray,
    peaks: list[Peak] | Any,
) -> dict[str, Any]:
    import numpy as np

    return {
        "video": str(command.video),
        "model": looking.name,
        "frames": len(trace),
        "fps": footage.fps,
        "size": looking.size,
        "window": looking.window,
        "notes": list(footage.notes),
        "mean": float(np.nanmean(trace)),
        "max": float(np.nanmax(trace)),
        "times": footage.times.tolist(),
        "surprise": [None if np.isnan(v) else float(v) for v in trace],
        "num_peaks": len(peaks),
        "peaks": [
            {
                "frame": peak.frame,
                "seconds": float(footage.times[peak.frame]),
                "surprise": peak.surprise,
                "first": peak.first,
                "last": peak.last,
                "shown": [
                    peak.frame + at
                    for at in AROUND
                    if 0 <= peak.frame + at < len(trace)
                ],
            }
            for peak in peaks[:MOST_PEAKS]
        ],
        "out": None if command.out is None else str(command.out),
        "film": None if command.film is None else str(command.film),
    }


def _write_film(
    path: Path, footage: Footage, trace: np.ndarray, threshold: float
) -> None:
    from telos.evaluation.surprise.film import annotated
    from telos.evaluation.surprise.videos import display_frames
    from telos.evaluation.video import stream_mp4

    pictures = display_frames(footage.path, footage.times, FILM_SIDE)
    stream_mp4(path, annotated(pictures, trace, threshold), footage.fps)


def _write_page(command: Command, facts: dict[str, Any], footage: Footage) -> None:
    from telos.config import jsonable
    from telos.evaluation.surprise.videos import display_frames
    from telos.report import write_surprise

    assert command.out is not None
    wanted = {frame for peak in facts["peaks"] for frame in peak["shown"]}
    pictures = {}
    if wanted:
        frames = display_frames(footage.path, footage.times, PICTURE_SIDE)
        pictures = {n: picture for n, picture in enumerate(frames) if n in wanted}
    write_surprise(jsonable(facts), command.out, pictures=pictures, film=command.film)


def _benchmark(
    command: Command, looking: Looking, say: Callable[[str], None]
) -> dict[str, Any]:
    from telos.evaluation.surprise.layouts import READERS, read_layout, score_cases

    if command.out or command.film or command.threshold_from:
        raise ValueError(
            "--out, --film and --threshold-from are for a video; with --layout use "
            "--json to keep the scores"
        )
    cases = read_layout(command.layout, command.video)
    step = READERS[command.layout][1] if command.step is None else command.step
    scores = score_cases(
        looking.watching,
        cases,
        size=looking.size,
        step=step,
        memory=command.memory,
        say=say,
    )
    return {
        "benchmark": command.layout,
        "folder": str(command.video),
        "model": looking.name,
        "step": step,
        "concepts": list(scores),
    }


@contextmanager
def _progress(command: Command) -> Iterator[Callable[[str], None]]:
    """Say on a terminal what is being done."""
    if command.common.json or command.common.quiet:
        yield lambda stage: None
        return
    from rich.console import Console

    with Console().status("loading") as status:
        yield lambda stage: status.update(stage)


def _show_video(facts: dict[str, Any]) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    console.print(
        f"{facts['frames']} frames at {facts['fps']:.3g} per second, mean surprise "
        f"{facts['mean']:.3g}, largest {facts['max']:.3g}"
    )
    for note in facts["notes"]:
        console.print(f"[dim]note:[/dim] {note}")
    console.print(f"threshold {facts['threshold']:.3g}: {facts['threshold_from']}")
    for peak in facts["peaks"]:
        console.print(f"  {peak['seconds']:8.2f} s  surprise {peak['surprise']:.3g}")
    if not facts["num_peaks"]:
        console.print("nothing above the threshold")
    for path in (facts["out"], facts["film"]):
        if path:
            console.print(f"wrote {path}")


def _show_benchmark(facts: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(
        "concept", "pairs", "quadruplets", "AUROC mean", "AUROC max", "scenes"
    )
    for scores in facts["concepts"]:
        table.add_row(
            scores.concept,
            _percent(scores.pairwise),
            _percent(scores.contrast),
            f"{scores.auroc_mean:.3f}",
            f"{scores.auroc_max:.3f}",
            str(scores.scenes),
        )
    Console(highlight=False).print(table)


def _percent(interval: Any) -> str:
    if interval is None:
        return "-"
    low, high = 100 * interval.low, 100 * interval.high
    return f"{100 * interval.mean:.1f} % [{low:.1f}, {high:.1f}]"
