"""Charts and tables of what an evaluation measured: distance, margin, speed, model."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from telos.report.charts import Line, histogram, line_chart
from telos.report.reading import Json, dig, episodes, number_at, numbers_at, unit_of
from telos.report.svg import number, suits_log
from telos.report.wording import plain


def distances_of(values: Json) -> str:
    """How near episodes ended."""
    found = [number_at(e, "final_distance") for e in episodes(values)]
    known = [v for v in found if v is not None]
    radius = number_at(values, "protocol", "radius")
    if not known or radius is None:
        return ""
    return histogram(
        known,
        label="distance to the goal at the end of each episode",
        x_name=f"final distance ({unit_of(values)})",
        mark=radius,
        mark_name=f"goal radius {number(radius)}",
        bad_below=False,
    )


def margins_of(values: Json) -> str:
    """How near episodes came to a zone."""
    found = [number_at(e, "min_margin") for e in episodes(values)]
    known = [v for v in found if v is not None]
    if not known:
        return ""
    return histogram(
        known,
        label="smallest distance to the zone in each episode",
        x_name=f"smallest margin ({unit_of(values)})",
        mark=0.0,
        mark_name="zone border",
        bad_below=True,
    )


def speed_of(values: Json) -> list[tuple[str, str]]:
    """(value, meaning) of what a decision costs."""
    names = (
        ("ms_p50", "median per decision", "\u00a0ms"),
        ("ms_p95", "95 % of decisions within", "\u00a0ms"),
        ("ms_mean", "mean per decision", "\u00a0ms"),
        ("evaluations", "imagined steps per decision", ""),
    )
    found = [(number_at(values, "decisions", k), name, unit) for k, name, unit in names]
    return [(number(v) + unit, name) for v, name, unit in found if v is not None]


def speed_note_of(values: Json) -> str:
    """How times are to be read when a batch was planned at once."""
    together = number_at(values, "decisions", "num_envs")
    if together is None or together < 2:
        return ""
    return (
        f"{number(together)} episodes were planned side by side; the time of a "
        "planning call is divided by the episodes that it served."
    )


def open_loop_of(values: Json) -> list[tuple[str, str, str]]:
    """(title, note, chart) of prediction error against horizon."""
    unit = str(dig(values, "open_loop", "unit") or "")
    pairs = (
        ("latent", "persistence", "In representation space", "latent distance"),
        ("readout", "readout_persistence", "Read out as position", f"error ({unit})"),
    )
    charts = []
    for key, baseline, name, note in pairs:
        svg = _horizon_chart(values, key, baseline, f"{name}: {note}")
        if svg:
            charts.append((name, note, svg))
    return charts


def _horizon_chart(values: Json, key: str, baseline: str, label: str) -> str:
    horizons = [h or 0.0 for h in numbers_at(values, "open_loop", "horizons")]
    curves = (("model", key, False), ("copy last", baseline, True))
    lines = [
        Line(name=name, x=horizons, y=numbers_at(values, "open_loop", k), dashed=dashed)
        for name, k, dashed in curves
        if horizons and len(numbers_at(values, "open_loop", k)) == len(horizons)
    ]
    if not any(line.finite() for line in lines):
        return ""
    log = suits_log([v for line in lines for v in line.finite()])
    return line_chart(lines, label=label, x_name="steps ahead", log=log)


@dataclass(frozen=True, kw_only=True)
class ProbeRow:
    """What can be read of one label; a text is empty where nothing was measured."""

    name: str
    linear: str
    """R2 of a linear probe."""
    network: str
    untrained_linear: str
    """The same of an encoder that has learned nothing."""
    untrained_network: str
    error: str
    """Of the network, with the unit."""
    guess: str
    """Error of guessing the mean."""


def probes_of(values: Json) -> list[ProbeRow]:
    """A row for each label."""
    found = values.get("probes")
    pairs = found.items() if isinstance(found, Mapping) else ()
    return [_probe_row(str(name), probes) for name, probes in pairs]


def _probe_row(name: str, probes: object) -> ProbeRow:
    # Evaluations of before hold the network's numbers alone, without its name.
    network = dig(probes, "mlp") or probes
    unit = dig(network, "unit") or ""
    error, guess = (number_at(network, key) for key in ("error", "guess"))
    return ProbeRow(
        name=plain(name),
        linear=_score(dig(probes, "linear")),
        network=_score(network),
        untrained_linear=_score(dig(probes, "untrained_linear")),
        untrained_network=_score(dig(probes, "untrained_mlp")),
        error=f"{number(error)}\u00a0{unit}" if error is not None else "",
        guess=f"{number(guess)}\u00a0{unit}" if guess is not None else "",
    )


def _score(probe: object) -> str:
    score = number_at(probe, "r2")
    return "" if score is None else f"{score:.3f}"
