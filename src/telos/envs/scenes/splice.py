"""Possible and impossible clips in fours, made of exactly the same frames.

Two scenes that may both happen look the same to the last bit for some frames, while all
that tells them apart is out of sight. Exchanging what comes after gives two clips that
cannot happen. The four then hold every frame, and every two frames in a row, equally
often on both sides: only who remembers across the hidden frames can tell them apart.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from telos.envs.checks import check_count, check_option
from telos.envs.scenes.concepts import CONCEPTS, STAGES
from telos.envs.scenes.conditions import RUNGS, Conditions, Rung
from telos.envs.scenes.crowd import add_bystanders
from telos.envs.scenes.dice import CannotFitError, Dice
from telos.envs.scenes.film import film
from telos.envs.scenes.laws import may_be_filmed, paths_of
from telos.envs.scenes.scene import Scene
from telos.envs.scenes.states import STATE_NAMES, states_of

MEMBERS = ("P1", "P2", "I1", "I2")
HALVES = ((0, 0), (1, 1), (0, 1), (1, 0))
"""Of each member: which scene shows the first half, and which the second."""
SPLITS = {"train": 1, "validation": 2, "test": 3}
"""First number of the seed of each split: their generators never meet."""
TRIES = 1000
EDGE = 3
"""Frames at least before and after the frames that are equal."""
SLACK = 4
"""Equal frames at most beyond those that a rung asks for."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Quadruplets:
    """Q times four clips: P1 = (a0, b0), P2 = (a1, b1), I1 = (a0, b1), I2 = (a1, b0).

    a is what comes before the splice, b what comes after.
    """

    concept: str
    rung: str
    clips: np.ndarray
    """(Q, 4, T, H, W, 3) uint8 in the order of ``MEMBERS``."""
    event: np.ndarray
    """(Q,) frame of the splice: the first one that is taken from the second half."""
    hidden: np.ndarray
    """(Q,) consecutive frames around the splice that are equal in all four clips."""
    visible: np.ndarray
    """(Q,) first frame after the splice on which b0 and b1 differ."""
    states: np.ndarray
    """(Q, 4, T, K) float32, spliced as the clips are."""
    state_names: tuple[str, ...] = STATE_NAMES


def quadruplets(
    concept: str, rung: str, count: int, seed: int = 0, split: str = "test"
) -> Quadruplets:
    """Draw quadruplets of a concept.

    Args:
        concept: One of ``CONCEPTS``.
        rung: One of ``RUNGS``.
        count: Q.
        seed: Number ``i`` of a call depends on ``seed + i`` alone.
        split: ``validation`` for every choice that is made by looking at results,
            ``test`` for what is reported.

    Raises:
        ValueError: If a name is unknown or a number too small.
    """
    check_option("concept", concept, CONCEPTS)
    check_option("rung", rung, tuple(RUNGS))
    check_option("split", split, ("validation", "test"))
    check_count("count", count)
    if seed < 0:
        raise ValueError(f"seed is {seed}: expected 0 or more.")
    key = SPLITS[split], CONCEPTS.index(concept) + 1, list(RUNGS).index(rung) + 1
    found = [_quadruplet(concept, RUNGS[rung], (*key, seed + i)) for i in range(count)]
    clips, events, hidden, visible, states = zip(*found, strict=True)
    return Quadruplets(
        concept=concept,
        rung=rung,
        clips=np.stack(clips),
        event=np.array(events),
        hidden=np.array(hidden),
        visible=np.array(visible),
        states=np.stack(states),
    )


def possible_pair(concept: str, dice: Dice, hidden: int) -> tuple[Scene, Scene] | None:
    """Two scenes of a concept with their bystanders; None if this draw does not fit."""
    try:
        pair = STAGES[concept](dice, hidden)
        extra = dice.conditions.objects - max(len(scene.bodies) for scene in pair)
        pair = add_bystanders(dice, pair, max(extra, 0))
    except CannotFitError:
        return None
    if dice.coin():
        pair = pair[0].mirrored(), pair[1].mirrored()
    frames = dice.conditions.frames
    return pair if all(may_be_filmed(scene, frames) for scene in pair) else None


Found = tuple[np.ndarray, int, int, int, np.ndarray]


def _quadruplet(concept: str, rung: Rung, key: tuple[int, ...]) -> Found:
    dice = Dice(np.random.default_rng(key), rung.conditions)
    for _ in range(TRIES):
        pair = possible_pair(concept, dice, rung.hidden)
        found = _splice(pair, rung.conditions, rung.hidden) if pair else None
        if found:
            return found
    raise AssertionError(f"no quadruplet of {concept} in {TRIES} tries, seed {key}")


def _splice(
    pair: tuple[Scene, Scene], conditions: Conditions, hidden: int
) -> Found | None:
    """Four clips of two scenes, or None if they are not equal for long enough."""
    paths = [paths_of(scene, conditions.frames) for scene in pair]
    possible = film(pair, paths, conditions.size)
    run = _equal_run(possible[0], possible[1])
    if run is None or not hidden <= run[1] - run[0] <= hidden + SLACK:
        return None
    event = (run[0] + run[1] + 1) // 2
    states = [states_of(scene, path) for scene, path in zip(pair, paths, strict=True)]
    clips = np.stack([_joined(possible, event, a, b) for a, b in HALVES])
    truth = np.stack([_joined(states, event, a, b) for a, b in HALVES])
    return clips, event, run[1] - run[0], run[1], truth


def _joined(
    halves: np.ndarray | list[np.ndarray], event: int, first: int, second: int
) -> np.ndarray:
    return np.concatenate([halves[first][:event], halves[second][event:]])


def _equal_run(one: np.ndarray, other: np.ndarray) -> tuple[int, int] | None:
    """The longest run of equal frames, as (first, one past the last).

    None if too little lies before or after it, or if it is the only difference.
    """
    different = (one != other).any(axis=(1, 2, 3))
    frames = np.flatnonzero(different)
    if len(frames) < 2:
        return None
    gaps = np.diff(frames)
    widest = int(gaps.argmax())
    first, end = int(frames[widest]) + 1, int(frames[widest + 1])
    before, after = int(different[:first].sum()), int(different[end:].sum())
    return (first, end) if min(before, after) >= EDGE else None
