"""Statistics, action scales and splits against closed forms and numpy."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from tests.data.worlds import SIZE, drift_spec, make_episode

from telos.data import (
    ActionScale,
    EpisodeFile,
    EpisodeWriter,
    Recording,
    StreamStatistics,
    layout_keys,
    of_recording,
    split_by_episode,
)
from telos.data import statistics as statistics_module
from telos.data.stored import StoredFrames


@given(
    st.lists(st.floats(-1e6, 1e6), min_size=1, max_size=60),
    st.lists(st.integers(0, 59), max_size=6),
    st.randoms(use_true_random=False),
)
def test_merging_any_split_in_any_order_gives_the_whole(
    values: list[float], cuts: list[int], shuffle: random.Random
) -> None:
    array = np.array(values)[:, None] * [1.0, -3.0]
    ends = sorted({cut for cut in cuts if 0 < cut < len(values)})
    parts = [StreamStatistics.of_array(p) for p in np.split(array, ends)]
    shuffle.shuffle(parts)
    while len(parts) > 1:
        at = shuffle.randrange(len(parts) - 1)
        parts[at : at + 2] = [parts[at].merge(parts[at + 1])]
    (merged,) = parts
    assert merged.count == len(values)
    size = np.abs(array).max(initial=1.0)
    np.testing.assert_allclose(merged.mean, array.mean(0), atol=1e-12 * size)
    np.testing.assert_allclose(merged.std, array.std(0), atol=1e-9 * size)
    np.testing.assert_array_equal(merged.min, array.min(0))
    np.testing.assert_array_equal(merged.max, array.max(0))


@pytest.mark.parametrize("slab", [1, 7, 10**6])
def test_statistics_are_those_of_one_pass_over_the_file(
    slab: int, tmp_path: Path, monkeypatch
) -> None:
    """Each row is read once, and however few at a time, nothing changes."""
    with EpisodeWriter(tmp_path / "a.h5", drift_spec()) as writer:
        for seed in range(3):
            writer.append(make_episode(seed, 9))
    file = EpisodeFile(tmp_path / "a.h5")
    whole = of_recording(file.load())
    read: list[int] = []
    stored_read = StoredFrames.read
    monkeypatch.setattr(
        StoredFrames,
        "read",
        lambda self, rows: read.extend(rows.tolist()) or stored_read(self, rows),
    )
    streamed = file.stream()
    read.clear()
    monkeypatch.setattr(statistics_module, "SLAB_VALUES", slab * SIZE * SIZE * 3)
    found = of_recording(streamed)
    assert read == list(range(30))
    assert found.keys() == whole.keys()
    for name, numbers in found.items():
        assert numbers.count == whole[name].count
        for field in ("mean", "m2", "min", "max"):
            np.testing.assert_allclose(
                getattr(numbers, field), getattr(whole[name], field), rtol=1e-9
            )


def test_a_large_offset_does_not_cost_precision() -> None:
    values = 1e9 + np.array([[4.0], [7], [13], [16]])
    assert StreamStatistics.of_array(values).std == pytest.approx(np.sqrt(22.5))


def test_normalise_is_reversible_and_spares_constant_dimensions() -> None:
    rng = np.random.default_rng(0)
    array = np.column_stack([rng.normal(3, 5, 100), np.full(100, 0.1)])
    array = array.astype(np.float32)
    statistics = StreamStatistics.of_array(array)
    assert statistics.constant.tolist() == [False, True]
    for values in (array, torch.from_numpy(array)):
        normalised = statistics.normalise(values)
        assert normalised.dtype == values.dtype
        np.testing.assert_allclose(np.asarray(normalised[:, 0].mean()), 0, atol=1e-5)
        np.testing.assert_allclose(np.asarray(normalised)[:, 0].std(), 1, atol=1e-5)
        np.testing.assert_allclose(np.asarray(normalised)[:, 1], 0, atol=1e-5)
        back = statistics.denormalise(normalised)
        np.testing.assert_allclose(np.asarray(back), array, rtol=1e-5, atol=1e-5)


def test_zero_streams_stay_zero() -> None:
    statistics = StreamStatistics.of_array(np.zeros((5, 2), np.float32))
    np.testing.assert_array_equal(statistics.normalise(np.zeros((3, 2))), 0)


def test_images_give_one_value_per_channel() -> None:
    images = np.random.default_rng(0).integers(0, 255, (50, 8, 6, 3), dtype=np.uint8)
    statistics = StreamStatistics.of_array(images)
    assert statistics.count == 50 * 8 * 6
    np.testing.assert_allclose(statistics.mean, images.mean((0, 1, 2)))
    np.testing.assert_allclose(statistics.std, images.std((0, 1, 2)))
    np.testing.assert_array_equal(statistics.min, images.min((0, 1, 2)))
    np.testing.assert_array_equal(statistics.max, images.max((0, 1, 2)))
    assert statistics.normalise(torch.from_numpy(images)).dtype == torch.float32


def test_statistics_survive_json() -> None:
    before = StreamStatistics.of_array(np.random.default_rng(0).normal(size=(9, 3)))
    after = StreamStatistics.from_dict(json.loads(json.dumps(before.to_dict())))
    for name in ("count", "mean", "m2", "min", "max"):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name))


@pytest.mark.parametrize("bad", [np.zeros((0, 2)), np.array([[np.nan]])])
def test_statistics_of_nothing_or_nan(bad: np.ndarray) -> None:
    with pytest.raises(ValueError, match="no rows|NaN"):
        StreamStatistics.of_array(bad)


def test_statistics_of_a_recording_leave_out_missing_actions() -> None:
    episodes = [make_episode(0, 3), make_episode(1, 5)]
    recording = Recording.from_episodes(episodes, drift_spec())
    statistics = of_recording(recording)
    assert list(of_recording(recording, ["actions"])) == ["actions"]
    with pytest.raises(ValueError, match=r"no streams \['sound'\]"):
        of_recording(recording, ["sound"])
    assert set(statistics) == {
        "observations/pixels",
        "observations/state",
        "labels/position",
        "actions",
    }
    actions = np.concatenate([e.actions for e in episodes])
    assert statistics["actions"].count == 8
    np.testing.assert_allclose(statistics["actions"].mean, actions.mean(0), rtol=1e-5)


@given(st.lists(st.floats(-1, 1, width=32), min_size=2, max_size=2))
def test_action_scale_is_reversible(unit: list[float]) -> None:
    scale = ActionScale(np.array([-2.0, 5.0]), np.array([2.0, 6.0]))
    for values in (np.float32(unit), torch.tensor(unit)):
        actions = scale.from_unit(values)
        assert actions.dtype == values.dtype
        assert (np.asarray(actions) >= scale.low).all()
        np.testing.assert_allclose(
            np.asarray(scale.to_unit(actions)), unit, atol=2e-6, rtol=0
        )


WITHIN = st.floats(-1, 1, width=32)
BOUND = st.floats(-1000, 1000, width=32)


@given(BOUND, BOUND, st.lists(WITHIN, min_size=1, max_size=9))
def test_actions_never_leave_their_bounds(
    one: float, other: float, unit: list[float]
) -> None:
    """Not by a rounding either; -1 and 1 are the bounds, and the way back is there."""
    assume(one != other)
    low, high = min(one, other), max(one, other)
    scale = ActionScale(np.array([low]), np.array([high]))
    column = [[value] for value in (-1.0, *unit, 1.0)]
    for values in (np.float32(column), torch.tensor(column, dtype=torch.float32)):
        actions = scale.from_unit(values)
        found = np.asarray(actions)
        assert ((found >= low) & (found <= high)).all()
        assert (found[0], found[-1]) == (low, high)
        # How much of [-1, 1] one rounding of an action is.
        rounding = 2 * max(abs(low), abs(high)) / (high - low) * 2.0**-23
        back = np.asarray(scale.to_unit(actions))
        np.testing.assert_allclose(back, column, atol=4 * (rounding + 2.0**-23))


def test_narrow_bounds_far_from_zero_hold_too() -> None:
    """Where a step of float32 is no longer small beside the range."""
    rng = np.random.default_rng(0)
    low = rng.normal(size=20_000).astype(np.float32)
    high = low + np.float32(10) ** rng.uniform(-6, 1, 20_000).astype(np.float32)
    scale = ActionScale(low, high)
    unit = rng.uniform(-1, 1, (20, 20_000)).astype(np.float32)
    for values in (unit, torch.from_numpy(unit)):
        actions = np.asarray(scale.from_unit(values))
        assert ((actions >= low) & (actions <= high)).all()


def test_actions_beyond_one_stay_beyond_the_bounds() -> None:
    scale = ActionScale(np.array([-2.0]), np.array([6.0]))
    actions = scale.from_unit(np.array([[-2.0], [2.0]]))
    np.testing.assert_array_equal(actions, [[-6], [10]])


def test_action_scale_of_blocks_and_codec() -> None:
    scale = ActionScale.of_spec(drift_spec(), frame_skip=3)
    np.testing.assert_array_equal(scale.low, [-2, -1, -2, -1, -2, -1])
    again = ActionScale.from_dict(json.loads(json.dumps(scale.to_dict())))
    np.testing.assert_array_equal(again.high, scale.high)


@pytest.mark.parametrize(
    ("low", "high", "message"),
    [
        ([0.0], [np.inf], "not finite"),
        ([1.0], [1.0], "must be below"),
        ([1.0], [1.0, 2.0], "shapes"),
    ],
)
def test_unusable_bounds(low: list[float], high: list[float], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        ActionScale(np.array(low), np.array(high))


@given(st.integers(2, 200), st.floats(0.01, 0.5), st.integers(0, 5))
def test_splits_are_disjoint_complete_and_repeatable(
    count: int, fraction: float, seed: int
) -> None:
    train, held_out = split_by_episode(count, fraction, seed)
    assert sorted([*train, *held_out]) == list(range(count))
    assert len(held_out) == max(1, round(fraction * count))
    again = split_by_episode(count, fraction, seed)
    np.testing.assert_array_equal(again[1], held_out)


def test_seeds_give_different_splits() -> None:
    assert not np.array_equal(
        split_by_episode(100, seed=0)[1], split_by_episode(100, seed=1)[1]
    )


@given(st.lists(st.integers(0, 9), min_size=20, max_size=60), st.integers(0, 5))
def test_equal_layouts_stay_on_one_side(walls: list[int], seed: int) -> None:
    walls = [*walls, 100, 101]
    keys = layout_keys([{"wall": wall} for wall in walls])
    train, held_out = split_by_episode(len(walls), 0.1, seed, groups=keys)
    sides = {walls[i] for i in train}, {walls[i] for i in held_out}
    assert not sides[0] & sides[1]
    assert len(held_out) >= round(0.1 * len(walls))


@given(
    groups=st.lists(st.sampled_from("abcdef"), min_size=20, max_size=60),
    fraction=st.floats(0.05, 0.3),
    seed=st.integers(0, 5),
)
def test_groups_are_held_out_one_by_one_until_there_are_enough(
    groups: list[str], fraction: float, seed: int
) -> None:
    groups = [*groups, "x", "y"]
    names = list(dict.fromkeys(groups))
    held_out: list[int] = []
    for number in np.random.default_rng(seed).permutation(len(names)):
        if len(held_out) < max(1, round(fraction * len(groups))):
            held_out += [i for i, key in enumerate(groups) if key == names[number]]
    if len(held_out) < len(groups):
        found = split_by_episode(len(groups), fraction, seed, groups=groups)[1]
        assert found.tolist() == sorted(held_out)


@pytest.mark.parametrize(
    ("count", "fraction", "groups", "message"),
    [
        (1, 0.5, None, "one side would be empty"),
        (0, 0.5, None, "one side would be empty"),
        (3, 0.9, None, "one side would be empty"),
        (4, 0.0, None, "between 0 and 1"),
        (4, 1.0, None, "between 0 and 1"),
        (4, 0.5, ["a"] * 4, "1 groups of episodes"),
        (4, 0.5, ["a"], "1 groups for 4 episodes"),
    ],
)
def test_empty_sides(
    count: int, fraction: float, groups: list[str] | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        split_by_episode(count, fraction, groups=groups)
