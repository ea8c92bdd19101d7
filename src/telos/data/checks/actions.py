"""Findings on what was commanded: constants, bounds, few values, what was not tried."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from telos.data.checks.clips import Clips
from telos.data.checks.finding import Bars, Finding, grade, histogram, share
from telos.envs.world import WorldSpec

SATURATED = 0.98
"""Share of its bound from which an action counts as saturated."""
MANY = 0.5
"""Share of saturated steps that is worth a warning."""
STILL = 1e-3
"""Deviation, as a share of the range, below which a dimension is nearly constant."""
BEYOND = 1e-4
"""Permitted excess over a bound, as a share of the range."""
FEW = 16
"""Distinct values of a dimension from which it counts as continuous."""
ENOUGH = 4 * FEW
"""Actions below which few distinct values mean nothing."""
CELLS = 8
"""Bins along each side of the histogram of a pair of dimensions."""
EMPTY = 0.25
"""Share of reachable cells that must be visited."""
TIED = 0.95
"""Correlation from which two dimensions are one."""
DIMS = 24
"""Dimensions whose pairs are looked at."""
BINS = 32


def no_actions() -> Finding:
    """What the checks on actions say of plain video."""
    return Finding(
        family="actions",
        check="actions",
        level="ok",
        text="none: a plain video, from which no effect of actions can be learned",
        value=0,
        unit="dimensions",
    )


def check_actions(clips: Clips, spec: WorldSpec) -> Iterator[Finding]:
    """Every finding on the actions of some whole episodes.

    Args:
        clips: Where they were taken.
        spec: Their bounds.
    """
    actions = clips.acts
    if not spec.action_dim:
        yield no_actions()
        return
    if not len(actions):
        return
    low, high = np.asarray(spec.action_low), np.asarray(spec.action_high)
    yield _constant(actions, high - low)
    yield _saturated(actions, low, high)
    yield _beyond(actions, low, high)
    yield _distinct(actions, low, high)
    yield from _coverage(actions, low, high)


def _constant(actions: np.ndarray, reach: np.ndarray) -> Finding:
    spread = np.ptp(actions, axis=0)
    deviation = actions.std(axis=0, dtype=np.float64) / reach
    still = np.flatnonzero(spread == 0)
    nearly = np.flatnonzero((spread > 0) & (deviation < STILL))
    said = [f"{_dims(still)} never {_change(still)}"] if len(still) else []
    if len(nearly):
        said.append(
            f"{_dims(nearly)} hardly {_change(nearly)} (deviation below {share(STILL)} "
            "of the range)"
        )
    return Finding(
        family="actions",
        check="constant actions",
        level="warning" if said else "ok",
        text="; ".join(said) if said else "every dimension varies",
        value=len(still) + len(nearly),
        unit="dimensions",
        means="nothing can be learned about them, yet a planner may use them: it then "
        "acts where the model has never seen anything",
        remedy="leave these dimensions out in the source, or record behaviour that "
        "uses them",
        numbers={
            "constant": still.tolist(),
            "nearly": nearly.tolist(),
            "deviation": deviation.tolist(),
        },
    )


def _dims(chosen: np.ndarray) -> str:
    names = ", ".join(map(str, chosen[:8])) + (" ..." if len(chosen) > 8 else "")
    return f"dimension {names}" if len(chosen) == 1 else f"dimensions {names}"


def _change(chosen: np.ndarray) -> str:
    return "changes" if len(chosen) == 1 else "change"


def _saturated(actions: np.ndarray, low: np.ndarray, high: np.ndarray) -> Finding:
    middle, reach = (high + low) / 2, (high - low) / 2
    shares = (np.abs(actions - middle) >= SATURATED * reach).mean(axis=0)
    worst = int(shares.argmax())
    many = shares[worst] > MANY
    return Finding(
        family="actions",
        check="saturated actions",
        level="warning" if many else "ok",
        text=f"{'' if many else 'at most: '}dimension {worst} is at its bound in "
        f"{share(shares[worst])} of steps",
        value=float(shares[worst]),
        unit="share of steps",
        means="a model of bang-bang data is asked by the planner about actions between "
        "the bounds, which it never saw",
        remedy="record with gentler or noisier behaviour, or give the bounds that the "
        "robot really has",
        numbers={"shares": shares.tolist()},
        charts=(_histogram(actions, low, high, worst),) if many else (),
    )


def _beyond(actions: np.ndarray, low: np.ndarray, high: np.ndarray) -> Finding:
    slack = BEYOND * (high - low)
    outside = ((actions < low - slack) | (actions > high + slack)).mean(axis=0)
    inner = (actions.max(axis=0) - actions.min(axis=0)) / (high - low)
    worst = int(outside.argmax())
    text = (
        f"dimension {worst} leaves its bounds in {share(outside[worst])} of steps "
        f"({actions[:, worst].min():.3g} to {actions[:, worst].max():.3g}, bounds "
        f"{low[worst]:.3g} to {high[worst]:.3g})"
    )
    return Finding(
        family="actions",
        check="action bounds",
        level="error" if outside[worst] > 0 else "ok",
        text=text if outside[worst] > 0 else "every action lies within its bounds",
        value=float(outside[worst]),
        unit="share of steps",
        means="training clips what lies outside: the model is told of another action "
        "than the one that was taken",
        remedy="import with bounds that hold all actions, or store what was executed",
        numbers={"outside": outside.tolist(), "used_range": inner.tolist()},
    )


def _distinct(actions: np.ndarray, low: np.ndarray, high: np.ndarray) -> Finding:
    """Dimensions with few values, such as discrete actions stored as numbers."""
    counts = [len(np.unique(column)) for column in actions.T]
    few = np.array(
        [d for d, count in enumerate(counts) if 1 < count < FEW], dtype=np.int64
    )
    known = len(actions) >= ENOUGH
    said = ", ".join(f"{d} has {counts[d]}" for d in few[:8])
    fewest = min((c for c in counts if c > 1), default=0)
    return Finding(
        family="actions",
        check="distinct actions",
        level="warning" if known and len(few) else "ok",
        text=f"few values: dimension {said}"
        if known and len(few)
        else f"at least {fewest:,} different values in every dimension that varies",
        value=fewest,
        unit="values",
        means="the planner searches a continuum of which the model knows a few points; "
        "what lies between is invented",
        remedy="if the actions are discrete by nature, plan over these values alone; a "
        "gripper that opens and closes is fine",
        numbers={"distinct": counts},
        charts=tuple(_histogram(actions, low, high, int(d)) for d in few[:2])
        if known
        else (),
    )


def _coverage(
    actions: np.ndarray, low: np.ndarray, high: np.ndarray
) -> Iterator[Finding]:
    """Pairs of dimensions: cells that were visited, and correlation."""
    varies = np.flatnonzero(np.ptp(actions, axis=0) > 0)[:DIMS]
    if len(varies) < 2:
        return
    unit = np.clip((actions[:, varies] - low[varies]) / (high - low)[varies], 0, 1)
    cells = np.minimum((unit * CELLS).astype(np.int64), CELLS - 1)
    expected = _expected(len(actions))
    pairs = [(i, j) for i in range(len(varies)) for j in range(i)]
    seen = {
        pair: len(np.unique(CELLS * cells[:, pair[0]] + cells[:, pair[1]])) / expected
        for pair in pairs
    }
    (i, j), least = min(seen.items(), key=lambda item: item[1])
    first, second = int(varies[j]), int(varies[i])
    yield Finding(
        family="actions",
        check="action coverage",
        level=grade(1 - least, 1 - EMPTY),
        text=f"dimensions {first} and {second} together visit {share(min(least, 1))} "
        f"of the cells that as many even actions would visit (of {CELLS} x {CELLS})",
        value=min(least, 1.0),
        unit="share of cells",
        means="a planner looks for actions everywhere within the bounds; where none "
        "were tried it exploits the model's errors",
        remedy="record with exploring behaviour, or narrow the bounds to what was used",
        numbers={"pair": [first, second], "cells": CELLS**2, "expected": expected},
    )
    yield _tied(actions, varies)


def _expected(count: int) -> float:
    """Cells that so many actions visit on average when all cells are alike."""
    return float(CELLS**2 * -np.expm1(count * np.log1p(-1 / CELLS**2)))


def _tied(actions: np.ndarray, varies: np.ndarray) -> Finding:
    """Dimensions that always move together."""
    matrix = np.abs(np.corrcoef(actions[:, varies].astype(np.float64).T))
    np.fill_diagonal(matrix, 0)
    i, j = divmod(int(matrix.argmax()), len(varies))
    worst, first, second = float(matrix[i, j]), int(varies[i]), int(varies[j])
    first, second = min(first, second), max(first, second)
    return Finding(
        family="actions",
        check="correlated actions",
        level=grade(worst, TIED),
        text=f"dimensions {first} and {second} have a correlation of {worst:.2f}, the "
        "largest of all",
        value=worst,
        unit="absolute correlation",
        means="the model cannot tell which of them does what, and a planner moves them "
        "apart",
        remedy="store one of them, or record behaviour that moves them separately",
        numbers={"pair": [first, second]},
    )


def _histogram(
    actions: np.ndarray, low: np.ndarray, high: np.ndarray, dim: int
) -> Bars:
    edges = np.linspace(float(low[dim]), float(high[dim]), BINS + 1)
    return Bars(
        title=f"Action dimension {dim}",
        x_name="within its bounds",
        edges=edges.tolist(),
        counts=histogram(actions[:, dim], float(low[dim]), float(high[dim]), BINS),
    )


def action_rows(clips: Clips, spec: WorldSpec) -> list[dict[str, object]]:
    """Bounds, mean, deviation and histogram of every action dimension."""
    actions, rows = clips.acts, []
    for dim in range(spec.action_dim):
        low, high = float(spec.action_low[dim]), float(spec.action_high[dim])
        values = actions[:, dim].astype(np.float64)
        rows.append(
            {
                "low": low,
                "high": high,
                "mean": float(values.mean()),
                "std": float(values.std()),
                "histogram": histogram(values, low, high, BINS),
            }
        )
    return rows
