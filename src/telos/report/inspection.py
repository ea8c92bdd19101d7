"""What `telos inspect` found in an episode file, as one self-contained page.

The findings come as the JSON that `telos inspect --json` prints, the pictures beside
it: this room opens no episode file.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from markupsafe import Markup, escape

from telos.config import atomic_write
from telos.report.bars import spike_bars
from telos.report.charts import Line, bar_chart, line_chart
from telos.report.layout import render
from telos.report.reading import Json
from telos.report.replay import png
from telos.report.svg import number, percent

LARGEST_SIDE = 192
"""Longer side of a picture in the page, pixels; larger ones are averaged down."""
TONES = {"error": "bad", "warning": "mixed", "ok": "good"}
ADVICE = {
    "error": "do not train on this yet",
    "warning": "look before you train",
    "ok": "ready to train on",
}
"""What follows from the worst level that was found."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Shot:
    """One frame of a recording."""

    episode: int
    frame: int
    image: np.ndarray
    """(H, W, 3) uint8."""


@dataclass(frozen=True, kw_only=True)
class Tile:
    """A frame, ready to be laid out."""

    source: str
    """Data address of a PNG."""
    name: str
    """What it is, for people who do not see it."""
    label: str
    """Its number below it."""
    wide: int
    tall: int


@dataclass(frozen=True, kw_only=True)
class Row:
    """Frames side by side."""

    caption: str
    tiles: Sequence[Tile]


@dataclass(frozen=True, kw_only=True)
class Plot:
    """A chart with its name."""

    name: str
    note: str
    svg: str


@dataclass(frozen=True, kw_only=True)
class Card:
    """One finding, ready to be laid out."""

    anchor: str
    check: str
    level: str
    tone: str
    text: str
    means: str
    remedy: Markup
    measure: str
    """The number that the level follows from, with its unit."""
    plots: Sequence[Plot]
    rows: Sequence[Row]


def write_inspection(
    values: Json,
    out: Path,
    *,
    strips: Sequence[Sequence[Sequence[Shot]]],
    sheet: Mapping[str, Sequence[Sequence[Shot]]],
) -> int:
    """Write the page, replacing an old one as a whole; return its size in bytes.

    Args:
        values: What `telos inspect --json` prints.
        out: The page.
        strips: For each of the checks in ``values``, the frames of its strips.
        sheet: Stream -> rows of frames that show the recording.
    """
    content = build_inspection(values, strips=strips, sheet=sheet).encode("utf-8")
    atomic_write(out, content)
    return len(content)


def build_inspection(
    values: Json,
    *,
    strips: Sequence[Sequence[Sequence[Shot]]],
    sheet: Mapping[str, Sequence[Sequence[Shot]]],
) -> str:
    """The page as text; arguments as for `write_inspection`."""
    cards = [
        _card(f"finding-{index}", check, shots)
        for index, (check, shots) in enumerate(
            zip(values["checks"], strips, strict=True)
        )
    ]
    worst = next((c.level for c in cards if c.level == "error"), None)
    worst = worst or next((c.level for c in cards if c.level == "warning"), "ok")
    return render(
        "inspection.html.j2",
        name=Path(values["path"]).name,
        verdict=_verdict(values["errors"], values["warnings"]),
        tone=TONES[worst],
        badge=ADVICE[worst],
        facts=_facts(values),
        loud=[card for card in cards if card.level != "ok"],
        quiet=[card for card in cards if card.level == "ok"],
        sheet={name: [_row("", row) for row in rows] for name, rows in sheet.items()},
        actions=_actions(values["actions"]),
        streams=[_stream(stream) for stream in values["streams"]],
        looked_at=values["looked_at"],
        command=shlex.join(["telos", "inspect", values["path"], "--page", "page.html"]),
    )


def _verdict(errors: int, warnings: int) -> str:
    """How many findings are bad, in words."""
    named = ((errors, "error"), (warnings, "warning"))
    parts = [f"{count} {word}{'s' * (count > 1)}" for count, word in named if count]
    return f"{' and '.join(parts) or 'Nothing suspicious was found'}."


def _facts(values: Json) -> list[tuple[str, str]]:
    steps = values["steps"]
    length = number(steps["min"])
    if steps["min"] != steps["max"]:
        median = number(steps["median"])
        length += f" to {number(steps['max'])}, median {median}"
    facts = [
        ("world", str(values["world"])),
        ("episodes", number(values["episodes"])),
        ("frames", number(values["frames"])),
        ("steps of an episode", length),
        ("file", f"{values['bytes'] / 2**20:.1f} MiB"),
        ("recorded", str(values["created"])),
        ("data", str(values["digest"])[:19]),
    ]
    options = values["options"]
    if options:
        told = ", ".join(f"{name} {value}" for name, value in options.items())
        facts.append(("options", told[:200]))
    return facts


def _card(anchor: str, check: Json, shots: Sequence[Sequence[Shot]]) -> Card:
    captions = [strip["caption"] for strip in check["strips"]]
    return Card(
        anchor=anchor,
        check=check["check"],
        level=check["level"],
        tone=TONES[check["level"]],
        text=_sentence(check["text"]),
        means=_sentence(check["means"]),
        remedy=_with_code(_sentence(check["remedy"])),
        measure=_measure(check["value"], check["unit"]),
        plots=[_plot(chart) for chart in check["charts"]],
        rows=[_row(c, row) for c, row in zip(captions, shots, strict=True)],
    )


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}." if text else ""


def _with_code(text: str) -> Markup:
    """Escaped text in which what stands between backticks is code."""
    parts = text.split("`")
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if index % 2 else escape(part)
        for index, part in enumerate(parts)
    )


def _measure(value: float | None, unit: str) -> str:
    if value is None:
        return ""
    if unit.startswith("share"):
        return (
            f"{percent(value, 1 if value < 0.1 else 0)} {unit.removeprefix('share ')}"
        )
    noun, _, rest = unit.partition(" ")
    noun = noun.removesuffix("s") if value == 1 else noun
    return f"{number(value)} {noun} {rest}".strip()


def _plot(chart: Json) -> Plot:
    if "counts" in chart:
        svg = bar_chart(
            chart["edges"],
            chart["counts"],
            label=chart["title"],
            x_name=chart["x_name"],
        )
    else:
        lines = [
            Line(name=c["name"], x=chart["x"], y=c["y"], low=c["low"], high=c["high"])
            for c in chart["curves"]
        ]
        svg = line_chart(lines, label=chart["title"], x_name=chart["x_name"])
    return Plot(name=chart["title"], note=chart.get("note", ""), svg=svg)


def _row(caption: str, shots: Sequence[Shot]) -> Row:
    return Row(caption=caption, tiles=[_tile(shot) for shot in shots])


def _tile(shot: Shot) -> Tile:
    source, wide, tall = picture_source(shot.image)
    return Tile(
        source=source,
        name=f"episode {shot.episode}, frame {shot.frame}",
        label=f"{shot.episode} : {shot.frame}",
        wide=wide,
        tall=tall,
    )


def picture_source(image: np.ndarray) -> tuple[str, int, int]:
    """Data address, width and height of a (H, W, 3) uint8 picture, made smaller."""
    image = _smaller(image)
    address = f"data:image/png;base64,{png(np.ascontiguousarray(image))}"
    return address, image.shape[1], image.shape[0]


def _smaller(image: np.ndarray) -> np.ndarray:
    """Average boxes until the longer side fits."""
    box = -(-max(image.shape[:2]) // LARGEST_SIDE)
    if box == 1:
        return image
    rows, columns = image.shape[0] // box, image.shape[1] // box
    cut = image[: rows * box, : columns * box]
    return cut.reshape(rows, box, columns, box, 3).mean(axis=(1, 3)).astype(np.uint8)


def _actions(actions: Sequence[Json]) -> list[tuple[int, str, list[str]]]:
    """Dimension, histogram, and low, high, mean and deviation."""
    return [
        (
            dim,
            spike_bars(action["histogram"], f"histogram of action dimension {dim}"),
            [number(action[name]) for name in ("low", "high", "mean", "std")],
        )
        for dim, action in enumerate(actions)
    ]


def _stream(stream: Json) -> tuple[str, str, str, str]:
    shape = " \u00d7 ".join(map(str, stream["shape"])) or "number"
    return stream["name"], shape, stream["dtype"], stream["unit"]
