"""Masks: rectangular, disjoint, as often at the end of a clip as at its beginning."""

from __future__ import annotations

import numpy as np
import pytest

from telos.perception.masking import Grid, MaskConfig, Masks, sample_masks

IMAGE = Grid(frames=1, rows=8, columns=8)
VIDEO = Grid(frames=5, rows=6, columns=8)
CONFIGS = {
    "blocks": MaskConfig(kind="blocks"),
    "tubes": MaskConfig(kind="tubes", targets=6),
    "random": MaskConfig(kind="random", target_share=(0.7, 0.9)),
    "future": MaskConfig(kind="future", target_share=(0.2, 0.6)),
}


def masks(kind: str, grid: Grid = VIDEO, count: int = 6, seed: int = 0) -> Masks:
    return sample_masks(CONFIGS[kind], grid, count, np.random.default_rng(seed))


def coverage(kind: str, part: str, draws: int = 300) -> np.ndarray:
    """(frames, rows, columns) how often a patch is in a part of a mask."""
    total = np.zeros(VIDEO.size)
    for seed in range(draws):
        np.add.at(total, getattr(masks(kind, seed=seed), part).ravel(), 1)
    return (total / total.sum()).reshape(VIDEO.frames, VIDEO.rows, VIDEO.columns)


@pytest.mark.parametrize("kind", sorted(CONFIGS))
@pytest.mark.parametrize("seed", range(5))
def test_what_is_predicted_is_not_seen(kind: str, seed: int) -> None:
    found = masks(kind, seed=seed)
    assert found.context.ndim == 2
    assert found.targets.ndim == 3
    assert found.targets.shape[1] == (4 if kind == "blocks" else 1)
    assert found.context.shape[1] >= 4
    assert found.targets.shape[2] >= 1
    for seen, sets in zip(found.context, found.targets, strict=True):
        assert len(set(seen)) == len(seen)
        assert (np.diff(seen) > 0).all()
        assert not set(seen) & set(sets.ravel())
        assert all(len(set(one)) == len(one) for one in sets)
    both = np.concatenate([found.context.ravel(), found.targets.ravel()])
    assert both.min() >= 0
    assert both.max() < VIDEO.size


@pytest.mark.parametrize("kind", ["blocks", "tubes", "random"])
@pytest.mark.parametrize("part", ["context", "targets"])
def test_ends_are_drawn_as_often_as_beginnings(kind: str, part: str) -> None:
    found = coverage(kind, part)
    for axis, name in enumerate(("frames", "rows", "columns")):
        along = found.sum(tuple(other for other in range(3) if other != axis))
        np.testing.assert_allclose(along, along[::-1], rtol=0.12, err_msg=name)
    np.testing.assert_allclose(found.sum((1, 2)), 1 / VIDEO.frames, rtol=0.02)


def test_every_place_is_hidden_alike_at_random() -> None:
    np.testing.assert_allclose(coverage("random", "targets"), 1 / VIDEO.size, rtol=0.15)


def test_cutting_sorted_indices_off_would_show(monkeypatch) -> None:
    """The control: the published way to make a batch rectangular."""

    def cut(sets: list[np.ndarray], rng: object) -> np.ndarray:
        least = min(map(len, sets))
        return np.stack([one[:least] for one in sets])

    monkeypatch.setattr("telos.perception.masking._even", cut)
    late = coverage("tubes", "targets").sum((1, 2))[-1]
    assert late < 0.9 / VIDEO.frames


def test_blocks_are_blocks() -> None:
    found = masks("blocks", IMAGE, count=20)
    for sets in found.targets:
        for one in sets:
            rows, columns = np.unravel_index(one, (8, 8))
            height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
            assert height * width == len(one)
            assert 0.6 <= height / width <= 1.75
            assert 0.1 <= len(one) / 64 <= 0.26


def test_tubes_pass_through_all_frames() -> None:
    config = MaskConfig(kind="tubes", targets=3)
    one = sample_masks(config, VIDEO, 1, np.random.default_rng(0))
    frames = np.split(one.targets[0, 0], VIDEO.frames)
    for number, frame in enumerate(frames):
        np.testing.assert_array_equal(frame - number * VIDEO.places, frames[0])
    together = np.concatenate([one.context[0], one.targets[0, 0]])
    assert sorted(together) == list(range(VIDEO.size))


def test_the_future_is_seen_by_nobody() -> None:
    lengths = set()
    for seed in range(40):
        found = masks("future", seed=seed)
        assert found.context.max() < found.targets.min()
        assert found.targets.max() == VIDEO.size - 1
        lengths.add(found.targets.shape[2] // VIDEO.places)
    assert lengths == {1, 2, 3}


def test_masks_are_those_of_their_seed() -> None:
    one, same, other = masks("blocks"), masks("blocks"), masks("blocks", seed=1)
    np.testing.assert_array_equal(one.context, same.context)
    np.testing.assert_array_equal(one.targets, same.targets)
    assert not np.array_equal(one.targets, other.targets)


@pytest.mark.parametrize(
    ("config", "grid", "words"),
    [
        (
            MaskConfig(kind="tubes", target_share=(1.0, 1.0)),
            IMAGE,
            "leave fewer than 4",
        ),
        (MaskConfig(kind="blocks"), Grid(frames=1, rows=2, columns=1), "leave fewer"),
        (MaskConfig(kind="random", target_share=(0.001, 0.001)), IMAGE, "none to pred"),
        (MaskConfig(kind="future"), IMAGE, "1 of 1 frames and leave 0 patches to see"),
        (MaskConfig(kind="future", target_share=(1, 1)), VIDEO, "5 of 5 frames"),
        (MaskConfig(least_context=65), IMAGE, "fewer than 65"),
        (MaskConfig(kind="diagonal"), IMAGE, "'diagonal' are unknown"),
    ],
)
def test_masks_that_leave_nothing_are_refused(
    config: MaskConfig, grid: Grid, words: str
) -> None:
    with pytest.raises(ValueError, match=words):
        sample_masks(config, grid, 3, np.random.default_rng(0))


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"target_share": (0.0, 0.2)}, "target_share"),
        ({"context_share": (0.9, 1.2)}, "context_share"),
        ({"target_share": (0.5, 0.2)}, "rising shares"),
        ({"aspect": (0.0, 1.0)}, "aspect"),
        ({"targets": 0}, "targets is 0"),
        ({"least_context": 0}, "least_context is 0"),
    ],
)
def test_numbers_that_make_no_mask_are_refused(changes: dict, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        MaskConfig(**changes)
