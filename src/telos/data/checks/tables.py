"""Findings on the tables of a recording: values that are no numbers, seeds, lengths."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from telos.data.checks.clips import Clips, frame_bytes, small_columns
from telos.data.checks.finding import Finding, bars, grade, plural, share
from telos.data.store import EpisodeFile
from telos.envs.world import StreamSpec

SLAB_BYTES = 16 * 2**20
"""Bytes that are read at a time."""
UNEVEN = 0.5
"""Share of all steps in the longest twentieth of the episodes that is worth a word."""
SHORT = 0.05
"""Share of steps in episodes too short for a window that is worth a warning."""


def check_values(file: EpisodeFile, clips: Clips) -> Iterator[Finding]:
    """NaN and infinity: small rows are read in full, large ones in the clips alone."""
    small = small_columns(file.spec)
    bad = {name: _bad_rows(file, name, spec) for name, spec in small.items()}
    large = {
        n: s for n, s in file.spec.streams.items() if f"observations/{n}" not in small
    }
    for name, spec in large.items():
        if np.dtype(spec.dtype).kind == "f":
            ranges = clips.places.ranges(file.starts)
            path = f"observations/{name}"
            bad[path] = _rows_of(file.read(path, [span]) for span in ranges)
    bad["actions"] = _bad_actions(file)
    found = {name: rows for name, rows in bad.items() if rows}
    text = ", ".join(f"{name} in {plural(rows, 'row')}" for name, rows in found.items())
    yield Finding(
        family="values",
        check="non-finite values",
        level="error" if found else "ok",
        text=f"NaN or infinity: {text}" if found else "every value is a finite number",
        value=sum(found.values()),
        unit="rows",
        means="one NaN reaches every weight of the network within a step",
        remedy="import again without these episodes, or repair the source",
        numbers={"rows": bad},
    )


def check_seeds(file: EpisodeFile) -> Iterator[Finding]:
    """Seeds that occur twice."""
    seeds, counts = np.unique(file.seeds, return_counts=True)
    repeated = file.num_episodes - len(seeds)
    first, last = seeds[0], seeds[-1]
    fine = f"all different, {first} to {last}"
    text = (
        f"{plural(repeated, 'episode repeats', 'episodes repeat')} the seed of another"
    )
    yield Finding(
        family="copies",
        check="seeds",
        level="warning" if repeated else "ok",
        text=text if repeated else fine,
        value=repeated,
        unit="episodes",
        means="the same episode twice, perhaps once in training and once held out, "
        "where it makes every score look better than it is",
        remedy="record with other seeds: `telos collect ... --append --seed N`",
        numbers={"repeated": seeds[counts > 1][:100].tolist()},
    )


def check_lengths(file: EpisodeFile, window: int) -> Iterator[Finding]:
    """Episodes too short for a window, and lengths that are very uneven.

    Args:
        file: The recording.
        window: Transitions of a training window.
    """
    steps = file.lengths - 1
    short = steps < window
    lost = float(steps[short].sum() / max(steps.sum(), 1))
    text = (
        f"{plural(int(short.sum()), 'episode')} of {file.num_episodes:,} shorter than "
        f"a window of {plural(window, 'step')}, with {share(lost)} of all steps"
    )
    chart = bars(steps, "Lengths of episodes", "steps")
    numbers = {
        "window": window,
        "short": int(short.sum()),
        "min": int(steps.min()),
        "median": float(np.median(steps)),
        "max": int(steps.max()),
    }
    yield Finding(
        family="values",
        check="short episodes",
        level="error" if short.all() else grade(lost, SHORT),
        text=text if short.any() else f"all give windows of {plural(window, 'step')}",
        value=float(short.mean()),
        unit="share of episodes",
        means="a window lies within one episode: what is shorter is never trained on",
        remedy="record longer episodes, or train with less `--history` and "
        "`--frame-skip`",
        numbers=numbers,
        charts=(chart,) if short.any() else (),
    )
    yield from _uneven(steps)


def _uneven(steps: np.ndarray) -> Iterator[Finding]:
    """Whether a few long episodes hold most of the steps."""
    longest = np.sort(steps)[::-1][: max(len(steps) // 20, 1)]
    held = float(longest.sum() / max(steps.sum(), 1))
    few = len(steps) < 20
    text = (
        f"the longest {plural(len(longest), 'episode holds', 'episodes hold')} "
        f"{share(held)} of all steps (lengths {steps.min():,} to {steps.max():,}, "
        f"median {np.median(steps):,.0f})"
    )
    yield Finding(
        family="values",
        check="spread of lengths",
        level="ok" if few else grade(held, UNEVEN),
        text=text,
        value=held,
        unit="share of steps",
        means="start positions are drawn evenly over steps: the model sees "
        "mostly those few episodes",
        remedy="cut them into pieces, or weight episodes: `WindowSampler(weights=...)`",
        numbers={"longest": len(longest)},
        charts=() if few or held < UNEVEN else (bars(steps, "Lengths", "steps"),),
    )


def _bad_rows(file: EpisodeFile, name: str, spec: StreamSpec) -> int:
    if np.dtype(spec.dtype).kind != "f":
        return 0
    size = max(SLAB_BYTES // max(frame_bytes(spec), 1), 1)
    return _rows_of(
        file.read(name, [(first, min(first + size, file.num_frames))])
        for first in range(0, file.num_frames, size)
    )


def _rows_of(slabs: Iterator[np.ndarray]) -> int:
    """Rows with a value that is not finite."""
    return sum(
        int((~np.isfinite(slab)).reshape(len(slab), -1).any(axis=1).sum())
        for slab in slabs
    )


def _bad_actions(file: EpisodeFile) -> int:
    """Rows of actions that are not finite, the last rows of episodes apart."""
    width = max(4 * file.spec.action_dim, 1)
    size = max(SLAB_BYTES // width, 1)
    last = file.starts + file.lengths - 1
    bad = 0
    for first in range(0, file.num_frames, size):
        end = min(first + size, file.num_frames)
        bad_values = ~np.isfinite(file.read("actions", [(first, end)]))
        wrong = np.array(bad_values.any(axis=1))
        wrong[last[(last >= first) & (last < end)] - first] = False
        bad += int(wrong.sum())
    return bad
