"""The surprise of a video as one self-contained page: the curve, and what it peaked at.

The numbers come as the JSON that `telos surprise --json` prints, pictures and film
beside it: this room opens no video and no run.
"""

from __future__ import annotations

import base64
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from telos.config import atomic_write
from telos.report.charts import WIDTH, Line, line_chart
from telos.report.inspection import Row, Tile, picture_source
from telos.report.layout import render
from telos.report.reading import Json
from telos.report.svg import number

LARGEST_FILM = 12 * 2**20
"""Bytes of a film that is put into the page; a larger one is named instead."""
WIDE = 2.4 * WIDTH


@dataclass(frozen=True, kw_only=True)
class PeakView:
    """One peak, ready to be laid out."""

    when: str
    what: str
    row: Row


def write_surprise(
    values: Json,
    out: Path,
    *,
    pictures: Mapping[int, np.ndarray],
    film: Path | None = None,
) -> int:
    """Write the page, replacing an old one as a whole; return its size in bytes.

    Args:
        values: What `telos surprise --json` prints.
        out: The page.
        pictures: Frame number -> (H, W, 3) uint8, for the frames around peaks.
        film: The annotated video, if one was made.
    """
    content = build_surprise(values, pictures=pictures, film=film).encode("utf-8")
    atomic_write(out, content)
    return len(content)


def build_surprise(
    values: Json, *, pictures: Mapping[int, np.ndarray], film: Path | None = None
) -> str:
    """The page as text; arguments as for `write_surprise`."""
    peaks = [_peak(peak, values, pictures) for peak in values["peaks"]]
    embedded = film is not None and film.stat().st_size <= LARGEST_FILM
    return render(
        "surprise.html.j2",
        name=Path(values["video"]).name,
        verdict=_verdict(values),
        tone="mixed" if peaks else "good",
        badge=_badge(len(peaks)),
        notes=values["notes"],
        facts=_facts(values),
        chart=_chart(values),
        basis=values["threshold_from"],
        peaks=peaks,
        left_out=values["num_peaks"] - len(peaks),
        film=_source(film) if film is not None and embedded else "",
        film_name=film.name if film is not None else "",
        command=shlex.join(
            ["telos", "surprise", values["video"], "--model", values["model"]]
        ),
    )


def _verdict(values: Json) -> str:
    count = values["num_peaks"]
    if not count:
        return "No frame of this video lies above the threshold."
    first = values["peaks"][0]
    what = "One moment" if count == 1 else f"{number(count)} moments"
    return f"{what} surprised the model, most of all at {first['seconds']:.2f} s."


def _badge(count: int) -> str:
    return "surprised" if count else "below the threshold"


def _facts(values: Json) -> list[tuple[str, str]]:
    height, width = values["size"]
    return [
        ("model", str(values["model"])),
        ("frames looked at", number(values["frames"])),
        ("per second", number(values["fps"])),
        ("seen as", f"{width} \u00d7 {height} pixels"),
        ("context", f"{values['window'] - 1} frames at most"),
        ("mean surprise", number(values["mean"])),
        ("largest", number(values["max"])),
        ("threshold", number(values["threshold"])),
    ]


def _chart(values: Json) -> str:
    times: Sequence[float] = values["times"]
    trace: Sequence[float | None] = values["surprise"]
    at_peak = {peak["frame"] for peak in values["peaks"]}
    marks = [v if frame in at_peak else None for frame, v in enumerate(trace)]
    lines = [Line(name="surprise", x=times, y=trace)]
    if at_peak:
        lines.append(Line(name="peaks", x=times, y=marks))
    return line_chart(
        lines,
        label="surprise of every frame over time",
        x_name="seconds",
        reference=values["threshold"],
        width=WIDE,
    )


def _peak(peak: Json, values: Json, pictures: Mapping[int, np.ndarray]) -> PeakView:
    times = values["times"]
    tiles = [
        Tile(
            source=source,
            name=f"frame {frame}, {times[frame]:.2f} seconds",
            label=f"{times[frame]:.2f} s"
            + (" \u25c0" if frame == peak["frame"] else ""),
            wide=wide,
            tall=tall,
        )
        for frame in peak["shown"]
        if frame in pictures
        for source, wide, tall in [picture_source(pictures[frame])]
    ]
    above = peak["surprise"] / values["threshold"] if values["threshold"] > 0 else 0.0
    return PeakView(
        when=f"{peak['seconds']:.2f} s",
        what=f"surprise {number(peak['surprise'])}, {number(above)} times the "
        f"threshold; above it from {times[peak['first']]:.2f} to "
        f"{times[peak['last']]:.2f} s",
        row=Row(caption="", tiles=tiles),
    )


def _source(film: Path) -> str:
    encoded = base64.b64encode(film.read_bytes()).decode("ascii")
    return f"data:video/mp4;base64,{encoded}"
