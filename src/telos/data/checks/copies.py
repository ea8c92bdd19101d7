"""Episodes that are there twice, also with a little noise or another encoding.

Two passes. First every episode gets a short signature (its first actions, or its first
picture where there are none), and neighbours among all signatures become candidates:
one matrix product per thousand episodes. Then the frames and states of each candidate
pair are compared, since a robot may well do the same twice and see something else.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from telos.data.checks.clips import (
    frame_bytes,
    thumbnail,
)
from telos.data.checks.finding import Finding, Strip, plural
from telos.data.checks.sampling import Sampling
from telos.data.preview import image_streams
from telos.data.recording import spread
from telos.data.schema import CHUNK_FRAMES
from telos.data.splits import split_by_episode
from telos.data.store import EpisodeFile

START = 64
"""Steps at the beginning of an episode that enter its signature."""
DIMS = 64
"""Numbers of a signature."""
NEAR = 0.02
"""Squared distance of signatures, as a share of the usual one, of a candidate."""
SAME = 0.05
"""Squared difference of frames and states, as a share of what they vary, of a copy."""
LOOKS = 8
"""Moments at which two episodes are compared."""
BLOCK = 1024
"""Episodes that are compared with all others at a time."""
SHOWN = 4
"""Pairs that are shown."""
HELD_OUT = 0.08
"""Share of episodes that `telos train` holds out by itself."""
LOOK_BATCH = 32
"""First frames that are held at a time."""
SIGNATURE_EPISODES = 20_000
"""Episodes that get a signature."""


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two episodes that look alike."""

    first: int
    second: int
    difference: float
    """Squared difference as a share of what varies; 0 is the same."""


def check_copies(file: EpisodeFile, sampling: Sampling) -> Iterator[Finding]:
    """Pairs of episodes that are nearly the same, and whether they cross the split."""
    if file.num_episodes < 2:
        return
    candidates, compared = _candidates(file, sampling)
    pairs = [
        pair
        for first, second in candidates[: sampling.pairs]
        if (pair := _compare(file, first, second)) is not None
    ]
    groups = _groups(pairs)
    spare = sum(len(group) - 1 for group in groups)
    across = _across(file.num_episodes, pairs)
    level = "ok" if not spare else "error" if across else "warning"
    limit = len(candidates) > sampling.pairs
    text = (
        f"{plural(spare, 'episode is', 'episodes are')} nearly the same as another"
        f"{f' (at least: {sampling.pairs} pairs were compared)' if limit else ''}; "
        f"{plural(across, 'pair lies', 'pairs lie')} across the split into training "
        "and held-out episodes"
    )
    yield Finding(
        family="copies",
        check="copies of episodes",
        level=level,
        text=text if spare else f"none among {plural(compared, 'episode')}",
        value=float(spare),
        unit="episodes",
        means="a model that is judged on what it has learned by heart looks good",
        remedy="keep one episode of each group",
        numbers={
            "compared": compared,
            "candidates": len(candidates),
            "groups": [sorted(group) for group in groups][:100],
            "pairs": pairs[:100],
            "across_split": across,
        },
        strips=_strips(file, pairs),
    )


def _candidates(
    file: EpisodeFile, sampling: Sampling
) -> tuple[list[tuple[int, int]], int]:
    """Pairs whose signatures are close, closest first, and how many were compared."""
    count = _affordable(file, sampling)
    signatures = _signatures(file, count, sampling.seed)
    norms = (signatures**2).sum(axis=1)
    usual = 2 * float((signatures.var(axis=0)).sum())
    if usual == 0:
        return [], count
    found: list[tuple[float, int, int]] = []
    for start in range(0, count, BLOCK):
        part = slice(start, min(start + BLOCK, count))
        distance = norms[part, None] + norms[None] - 2 * signatures[part] @ signatures.T
        near = np.argwhere(distance < NEAR * usual)
        near[:, 0] += start
        near = near[near[:, 0] < near[:, 1]][: 50 * sampling.pairs]
        found += [(float(distance[i - start, j]), int(i), int(j)) for i, j in near]
    return [(i, j) for _, i, j in sorted(found)], count


def _signatures(file: EpisodeFile, count: int, seed: int) -> np.ndarray:
    """(count, DIMS) projections of how the first episodes begin."""
    if file.spec.action_dim:
        begin = _beginnings(file, count)
        if np.ptp(begin, axis=0).any():
            return _projected(begin, seed)
    return _projected(_first_looks(file, count), seed)


def _beginnings(file: EpisodeFile, count: int) -> np.ndarray:
    """(count, START * A) first actions, in deviations; 0 after the end."""
    lengths = np.minimum(file.lengths[:count] - 1, START)
    starts = file.starts[:count]
    ranges = [(int(s), int(s + n)) for s, n in zip(starts, lengths, strict=True)]
    actions = file.read("actions", ranges).astype(np.float64)
    actions = np.nan_to_num(actions)
    deviation = actions.std(axis=0)
    actions = (actions - actions.mean(axis=0)) / np.where(deviation > 0, deviation, 1)
    out = np.zeros((count, START, actions.shape[1]))
    within = np.concatenate([np.arange(n) for n in lengths])
    out[np.repeat(np.arange(count), lengths), within] = actions
    return out.reshape(count, -1)


def _first_looks(file: EpisodeFile, count: int) -> np.ndarray:
    """(count, P) first frame, small; the first state where there are no images."""
    streams = image_streams(file.spec)
    starts = file.starts[:count].tolist()
    rows = [(s, s + 1) for s in starts]
    if streams:
        name = f"observations/{streams[0]}"
        batches = [rows[at : at + LOOK_BATCH] for at in range(0, count, LOOK_BATCH)]
        looks = [thumbnail(file.read(name, batch)) for batch in batches]
        return np.concatenate(looks).reshape(count, -1).astype(np.float64)
    parts = [file.read(f"observations/{n}", rows) for n in file.spec.streams]
    return np.concatenate([p.reshape(count, -1).astype(np.float64) for p in parts], 1)


def _affordable(file: EpisodeFile, sampling: Sampling) -> int:
    """Episodes whose signature is worth its price: a picture costs a whole chunk."""
    streams = image_streams(file.spec)
    count = min(file.num_episodes, SIGNATURE_EPISODES)
    if file.spec.action_dim or not streams:
        return count
    chunk = CHUNK_FRAMES * frame_bytes(file.spec.streams[streams[0]])
    return min(count, max(sampling.image_bytes // chunk, LOOK_BATCH))


def _projected(values: np.ndarray, seed: int) -> np.ndarray:
    """Random projection: squared distances stay what they are, but for a few per cent.

    Source: Johnson and Lindenstrauss 1984.
    """
    if values.shape[1] <= DIMS:
        return values
    rng = np.random.default_rng(seed)
    return values @ rng.normal(size=(values.shape[1], DIMS)) / np.sqrt(DIMS)


def _compare(file: EpisodeFile, first: int, second: int) -> Pair | None:
    """The pair, if states and frames of both agree where they can be compared."""
    length = int(min(file.lengths[first], file.lengths[second]))
    moments = spread(length, LOOKS)
    differences = [
        difference
        for name in (*_states(file), *image_streams(file.spec))
        if (difference := _difference(file, name, first, second, moments)) is not None
    ]
    if differences and max(differences) > SAME:
        return None
    if not differences and not file.spec.action_dim:
        return None
    return Pair(first=first, second=second, difference=max(differences, default=0.0))


def _states(file: EpisodeFile) -> list[str]:
    """Small float streams that the agent sees."""
    streams = file.spec.streams.items()
    return [n for n, s in streams if np.dtype(s.dtype).kind == "f"]


def _difference(
    file: EpisodeFile, stream: str, first: int, second: int, moments: np.ndarray
) -> float | None:
    """Squared difference at equal moments against that at different moments.

    Returns:
        None for a stream that stands still in both episodes.
    """
    one, other = (_looks(file, stream, e, moments) for e in (first, second))
    apart = ((one - other) ** 2).mean()
    moved = (one.var(axis=0).mean() + other.var(axis=0).mean()) * 2
    if moved <= 1e-9:
        return None
    return float(apart / moved)


def _looks(
    file: EpisodeFile, stream: str, episode: int, moments: np.ndarray
) -> np.ndarray:
    """(M, P) what a stream shows at some frames of an episode."""
    start = int(file.starts[episode])
    ranges = [(start + int(m), start + int(m) + 1) for m in moments]
    rows = file.read(f"observations/{stream}", ranges)
    small = thumbnail(rows) if rows.ndim == 4 and rows.dtype == np.uint8 else rows
    return small.reshape(len(rows), -1).astype(np.float64)


def _groups(pairs: list[Pair]) -> list[set[int]]:
    """Episodes that are connected by pairs."""
    groups: list[set[int]] = []
    for pair in pairs:
        touching = [g for g in groups if pair.first in g or pair.second in g]
        merged = {pair.first, pair.second}.union(*touching)
        groups = [g for g in groups if g not in touching] + [merged]
    return groups


def _across(num_episodes: int, pairs: list[Pair]) -> int:
    """Pairs with one side in training and one held out, as `telos train` splits."""
    _, held_out = split_by_episode(num_episodes, HELD_OUT)
    held = set(held_out.tolist())
    return sum((p.first in held) != (p.second in held) for p in pairs)


def _strips(file: EpisodeFile, pairs: list[Pair]) -> tuple[Strip, ...]:
    streams = image_streams(file.spec)
    if not streams:
        return ()
    strips = []
    for pair in pairs[:SHOWN]:
        length = int(min(file.lengths[pair.first], file.lengths[pair.second]))
        strips.append(
            Strip(
                caption=f"episodes {pair.first} and {pair.second} at the same moments",
                stream=streams[0],
                frames=tuple(
                    (episode, int(moment))
                    for moment in spread(length, 4)
                    for episode in (pair.first, pair.second)
                ),
            )
        )
    return tuple(strips)
