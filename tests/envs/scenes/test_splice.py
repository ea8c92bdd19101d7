"""Quadruplets: made of the same frames, and only who remembers can tell them apart."""

from __future__ import annotations

from collections import Counter
from functools import cache

import numpy as np
import pytest

from telos.envs.scenes import CONCEPTS, RUNGS, Quadruplets, quadruplets, track
from telos.envs.scenes.splice import SLACK

COUNT = 4
TESTED = ("easy", "hard", "camera")


@cache
def drawn(concept: str, rung: str) -> Quadruplets:
    return quadruplets(concept, rung, COUNT, seed=11)


every = pytest.mark.parametrize("concept", CONCEPTS)
on_rungs = pytest.mark.parametrize("rung", TESTED)


@every
@on_rungs
def test_members_are_joined_from_two_clips_that_are_equal_around_the_splice(
    concept: str, rung: str
) -> None:
    fours = drawn(concept, rung)
    hidden, frames = RUNGS[rung].hidden, RUNGS[rung].conditions.frames
    for clips, event, equal, visible in zip(
        fours.clips, fours.event, fours.hidden, fours.visible, strict=True
    ):
        first, second = clips[:2]
        np.testing.assert_array_equal(clips[2], [*first[:event], *second[event:]])
        np.testing.assert_array_equal(clips[3], [*second[:event], *first[event:]])
        same = (first == second).all(axis=(1, 2, 3))
        assert same[visible - equal : visible].all()
        assert same[event - 1]
        assert same[event]
        assert not same[visible]
        assert not same[visible - equal - 1]
        assert hidden <= equal <= hidden + SLACK
        assert (~same[:event]).sum() >= 3
        assert (~same[event:]).sum() >= 3
        assert len(same) == frames


def windows(clips: np.ndarray, width: int) -> Counter[tuple[int, bytes]]:
    """How often each run of frames occurs, with the time at which it does."""
    times = range(clips.shape[1] - width + 1)
    return Counter((t, clip[t : t + width].tobytes()) for clip in clips for t in times)


@every
@on_rungs
def test_no_window_as_long_as_the_occlusion_tells_possible_from_impossible(
    concept: str, rung: str
) -> None:
    fours = drawn(concept, rung)
    for clips, equal in zip(fours.clips, fours.hidden, strict=True):
        for width in (1, 2, int(equal), int(equal) + 1):
            assert windows(clips[:2], width) == windows(clips[2:], width)
        # One frame more reaches from what was seen before to what is seen after.
        longer = int(equal) + 2
        assert windows(clips[:2], longer) != windows(clips[2:], longer)


@every
def test_differences_of_frames_have_no_contrast(concept: str) -> None:
    clips = drawn(concept, "hard").clips.astype(np.int64)
    surprise = np.abs(np.diff(clips, axis=2)).sum(axis=(2, 3, 4, 5))
    contrast = surprise[:, 2] + surprise[:, 3] - surprise[:, 0] - surprise[:, 1]
    assert (contrast == 0).all()


@every
@pytest.mark.parametrize("rung", RUNGS)
def test_who_keeps_track_is_surprised_by_impossible_clips_alone(
    concept: str, rung: str
) -> None:
    fours = quadruplets(concept, rung, 2, seed=40)
    surprise = track(fours.states)
    assert (surprise[:, :2] == 0).all()
    assert (surprise[:, 2:].max(axis=-1) > 0.01).all()
    for row, event in zip(surprise, fours.event, strict=True):
        assert (row[:, :event] == 0).all()
    # A look at the true states is not enough: without a memory nothing is surprising.
    alone = track(fours.states[:, :, -1:])
    assert (alone == 0).all()


@every
def test_bystanders_camera_and_noise_are_the_same_in_all_four(concept: str) -> None:
    fours = drawn(concept, "hard")
    names = list(fours.state_names)
    at = [names.index(f"{part}0") for part in ("x", "y", "vx", "vy", "shape")]
    bystander = fours.states[..., at]
    if concept != "permanence":  # there the second scene has a body less
        np.testing.assert_array_equal(bystander, bystander[:, :1].repeat(4, 1))
    # Noise is new in every frame, the hidden ones included, and still equal in all.
    before, splice = (
        fours.clips[0, :, fours.event[0] - 1],
        fours.clips[0, :, fours.event[0]],
    )
    assert (before != splice).mean() > 0.5
    np.testing.assert_array_equal(splice, splice[:1].repeat(4, 0))


@every
def test_events_are_spread_over_time(concept: str) -> None:
    events = quadruplets(concept, "occlusion4", 12, seed=0).event
    assert len(set(events.tolist())) >= 5
    assert np.ptp(events) >= 6


def test_a_quadruplet_depends_on_its_seed_alone() -> None:
    many = quadruplets("solidity", "easy", 4, seed=3)
    one = quadruplets("solidity", "easy", 1, seed=5)
    np.testing.assert_array_equal(many.clips[2], one.clips[0])
    np.testing.assert_array_equal(many.states[2], one.states[0])
    other = quadruplets("solidity", "easy", 1, seed=6)
    assert (other.clips != one.clips).any()


def test_splits_rungs_and_concepts_never_share_a_clip() -> None:
    found = [
        clip.tobytes()
        for concept in ("permanence", "collision")
        for rung in ("easy", "held-out-lanes")
        for split in ("validation", "test")
        for four in quadruplets(concept, rung, 3, seed=0, split=split).clips
        for clip in four
    ]
    # P2 of permanence is an empty stage: even that has colours of its own.
    assert len(set(found)) == len(found)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"concept": "magic"}, "'permanence'"),
        ({"rung": "harder"}, "'easy'"),
        ({"count": 0}, "at least 1"),
        ({"seed": -1}, "0 or more"),
        ({"split": "train"}, "'validation'"),
    ],
)
def test_bad_input_is_named(change: dict[str, object], message: str) -> None:
    usual = {"concept": "gravity", "rung": "easy", "count": 1, "seed": 0}
    with pytest.raises(ValueError, match=message):
        quadruplets(**{**usual, **change})


@pytest.mark.slow
@every
@pytest.mark.parametrize("rung", ["easy", "medium", "hard"])
def test_a_hundred_quadruplets_of_each(concept: str, rung: str) -> None:
    fours = quadruplets(concept, rung, 100, seed=1000)
    surprise = track(fours.states).mean(axis=-1)
    assert (surprise[:, :2] == 0).all()
    assert (surprise[:, 2:] > 0).all()
