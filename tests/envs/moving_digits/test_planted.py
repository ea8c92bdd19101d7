"""Planted anomalies: usual until the event, wrong from then on, each in its own way."""

from __future__ import annotations

import numpy as np
import pytest

from telos.envs.moving_digits.planted import ANOMALIES, CALM, FAR, planted

COUNT = 12


def centres(clips: np.ndarray) -> np.ndarray:
    """(Q, T, 2) centre of the ink, sides of the image; NaN where there is none."""
    ink = clips[..., 0].astype(float)
    across = (np.arange(ink.shape[-1]) + 0.5) / ink.shape[-1]
    with np.errstate(invalid="ignore"):
        total = ink.sum(axis=(2, 3))
        x = (ink.sum(axis=2) @ across) / total
        y = (ink.sum(axis=3) @ across) / total
    return np.stack([x, y], axis=-1)


@pytest.mark.parametrize("size", [32, 64])
@pytest.mark.parametrize("anomaly", list(ANOMALIES))
def test_everything_is_usual_until_the_event(anomaly: str, size: int) -> None:
    usual = planted("nothing", COUNT, size=size, seed=5)
    wrong = planted(anomaly, COUNT, size=size, seed=5)
    np.testing.assert_array_equal(usual.event, wrong.event)
    assert (usual.event >= CALM).all()
    assert (usual.event <= 60 - CALM).all()
    assert len(set(usual.event)) > 3
    for before, after, event in zip(usual.clips, wrong.clips, usual.event, strict=True):
        np.testing.assert_array_equal(before[:event], after[:event])
        assert (before[event] != after[event]).any()


def test_what_is_wrong_is_what_the_name_says() -> None:
    usual = planted("nothing", COUNT, seed=0)
    rows, at = np.arange(COUNT), usual.event
    was = centres(usual.clips)
    steps = {}
    for anomaly in ("jumps", "stops", "turns", "changes"):
        now = centres(planted(anomaly, COUNT, seed=0).clips)
        steps[anomaly] = np.linalg.norm(now[rows, at] - was[rows, at - 1], axis=-1)
    assert (steps["jumps"] > FAR / 2).all()
    np.testing.assert_allclose(steps["stops"], 0, atol=1e-6)
    # Nothing moves faster than it did, whatever the direction.
    assert (steps["turns"] < 0.06).all()
    assert (steps["turns"] > 0).all()
    gone = planted("vanishes", COUNT, seed=0).clips
    assert all((clip[event:] == 0).all() for clip, event in zip(gone, at, strict=True))
    changed = planted("changes", COUNT, seed=0).clips[rows, at].astype(int)
    assert (np.abs(changed - usual.clips[rows, at]).max(axis=(1, 2, 3)) > 100).all()


def test_the_seed_alone_decides_and_splits_share_nothing() -> None:
    many, one = planted("turns", 4, seed=3), planted("turns", 1, seed=5)
    np.testing.assert_array_equal(many.clips[2], one.clips[0])
    other = planted("turns", 4, seed=3, split="validation")
    seen = {clip.tobytes() for clip in many.clips}
    assert not seen & {clip.tobytes() for clip in other.clips}


def test_wrong_requests_are_refused() -> None:
    with pytest.raises(ValueError, match="anomaly is 'explodes'"):
        planted("explodes", 1)
    with pytest.raises(ValueError, match="at least 40 frames"):
        planted("stops", 1, frames=39)
    with pytest.raises(ValueError, match="split is 'train'"):
        planted("stops", 1, split="train")
    with pytest.raises(ValueError, match="size is 48"):
        planted("stops", 1, size=48)
