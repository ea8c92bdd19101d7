"""The JSON of an attribution as a few lines for a terminal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def lines(values: Mapping[str, Any]) -> list[str]:
    """A row per rung, then the verdict."""
    unit = values["protocol"]["unit"]
    width = max(len(rung["title"]) for rung in values["rungs"])
    head = f"{'':<{width}}  success               rank  offered  picked  regret"
    rows = [_line(rung, width, unit) for rung in values["rungs"]]
    return [head, *rows, "", values["sentence"]]


def _line(rung: Mapping[str, Any], width: int, unit: str) -> str:
    success, decisions = rung["success"], rung["decisions"]
    rate = (
        f"{100 * success['value']:5.1f} % [{100 * success['low']:.1f}, "
        f"{100 * success['high']:.1f}]"
    )
    rank, offered, picked, regret = (
        None if decisions[key] is None else decisions[key]["mean"]
        for key in ("correlation", "offered", "picked", "regret")
    )
    cells = (
        f"{'-' if rank is None else f'{rank:.2f}':>4}",
        f"{'-' if offered is None else f'{100 * offered:.0f} %':>7}",
        f"{'-' if picked is None else f'{100 * picked:.0f} %':>6}",
        f"{'-' if regret is None else f'{regret:.2f} {unit}'}",
    )
    seen = rung["open_loop"]
    worse = "" if seen is None else f"  {_worse_words(seen)}"
    return f"{rung['title']:<{width}}  {rate:<20}  {'  '.join(cells)}{worse}"


def _worse_words(seen: Mapping[str, Any]) -> str:
    """From where on "nothing changes" predicts better, in words."""
    measured = {"latent": seen["worse_latent"]}
    if "readout" in seen:
        measured["read-out"] = seen["worse_readout"]
    horizon = seen["horizons"][-1]
    told = [
        f"{name} {'never' if step is None else f'at step {step}'}"
        for name, step in measured.items()
    ]
    return f"worse than persistence: {', '.join(told)} of {horizon} steps"
