"""Windows: aligned, even over positions, and a function of (seed, step) alone."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from telos.data import ActionScale, Recording, WindowSampler
from telos.envs.world import StreamSpec, WorldSpec
from telos.types import Episode

LOW, HIGH = np.float32([-2, 0]), np.float32([2, 10])


def counting_spec() -> WorldSpec:
    return WorldSpec(
        id="counting",
        action_low=LOW,
        action_high=HIGH,
        streams={"code": StreamSpec(shape=(2, 1, 3), dtype="uint8")},
        labels={},
        max_steps=50,
    )


def counting(lengths: tuple[int, ...]) -> Recording:
    """Frame t of episode e shows (e, t); the action leaving it encodes t."""
    episodes = []
    for number, steps in enumerate(lengths):
        code = np.zeros((steps + 1, 2, 1, 3), np.uint8)
        code[:, 0], code[:, 1] = number, np.arange(steps + 1)[:, None, None]
        time = np.arange(steps)
        unit = np.stack([time / 50, -time / 50], axis=1)
        actions = (LOW + (unit + 1) / 2 * (HIGH - LOW)).astype(np.float32)
        episodes.append(Episode(observations={"code": code}, actions=actions))
    return Recording.from_episodes(episodes, counting_spec())


@given(
    length=st.integers(1, 4),
    frame_skip=st.integers(1, 3),
    shared=st.sampled_from([1, 2, 4]),
    step=st.integers(0, 1000),
)
def test_frames_and_actions_are_aligned(
    length: int, frame_skip: int, shared: int, step: int
) -> None:
    recording = counting((12, 13, 20))
    sampler = WindowSampler(
        recording,
        length=length,
        batch=8,
        frame_skip=frame_skip,
        windows_per_episode=shared,
    )
    window = sampler.batch(step)
    code = window.observations["code"]
    assert code.shape == (8, length + 1, 2, 1, 3)
    assert code.dtype == torch.uint8
    assert window.actions.shape == (8, length, frame_skip * 2)
    assert window.actions.dtype == torch.float32
    assert (code[:, :, 0, 0, 0] == window.episodes[:, None]).all()
    times = code[:, :, 1, 0, 0].long()
    assert (times.diff(dim=1) == frame_skip).all()
    leaving = times[:, :-1, None] + torch.arange(frame_skip)
    blocks = window.actions.reshape(8, length, frame_skip, 2)
    torch.testing.assert_close(blocks[..., 0], leaving / 50)
    torch.testing.assert_close(blocks[..., 1], -leaving / 50)
    groups = window.episodes.reshape(-1, shared)
    assert (groups == groups[:, :1]).all()


def test_a_batch_is_a_function_of_seed_and_step() -> None:
    recording = counting((12, 13, 20))

    def codes(seed: int, step: int) -> torch.Tensor:
        sampler = WindowSampler(recording, length=3, batch=16, seed=seed)
        return sampler.batch(step).observations["code"]

    sampler = WindowSampler(recording, length=3, batch=16, seed=5)
    for step in (4, 2, 2):
        assert torch.equal(sampler.batch(step).observations["code"], codes(5, step))
    assert not torch.equal(codes(5, 2), codes(5, 3))
    assert not torch.equal(codes(5, 2), codes(6, 2))


def drawn_positions(sampler: WindowSampler, batches: int) -> dict[tuple, int]:
    counts: dict[tuple, int] = {}
    for step in range(batches):
        first = sampler.batch(step).observations["code"][:, 0, :, 0, 0].tolist()
        for episode, time in first:
            counts[episode, time] = counts.get((episode, time), 0) + 1
    return counts


@pytest.mark.parametrize("shared", [1, 4])
def test_every_start_position_is_equally_likely(shared: int) -> None:
    sampler = WindowSampler(
        counting((4, 7, 11)), length=3, batch=100, windows_per_episode=shared
    )
    counts = drawn_positions(sampler, 150)
    positions = {(e, t) for e, n in enumerate((2, 5, 9)) for t in range(n)}
    assert set(counts) == positions
    assert sampler.num_positions == len(positions) == 16
    # 15000 draws over 16 cells: standard deviation at most 2 * 29.6 when 4 share.
    values = np.array(list(counts.values()))
    np.testing.assert_allclose(values, 15000 / 16, atol=5 * 29.6 * np.sqrt(shared))


def test_weights_choose_episodes() -> None:
    recording = counting((4, 7, 11))
    sampler = WindowSampler(recording, length=3, batch=100, weights=[0, 3, 1])
    counts = drawn_positions(sampler, 50)
    share = sum(n for (e, _), n in counts.items() if e == 1) / 5000
    assert (0, 0) not in counts
    assert share == pytest.approx(15 / 24, abs=0.03)


def test_actions_never_contain_the_missing_last_one() -> None:
    sampler = WindowSampler(counting((2, 2, 3)), length=2, batch=64)
    for step in range(20):
        assert torch.isfinite(sampler.batch(step).actions).all()


def test_some_short_episodes_warn_and_all_short_is_an_error() -> None:
    recording = counting((3, 9, 4))
    with pytest.warns(UserWarning, match="2 of 3 episodes are shorter than the 7"):
        sampler = WindowSampler(recording, length=3, batch=8, frame_skip=2)
    assert set(sampler.batch(0).episodes.tolist()) == {1}
    with pytest.raises(ValueError, match="all 3 episodes.*21 frames.*longest has 10"):
        WindowSampler(recording, length=10, batch=8, frame_skip=2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"length": 0}, "length is 0"),
        ({"batch": 0}, "batch is 0"),
        ({"frame_skip": 0}, "frame_skip is 0"),
        ({"windows_per_episode": 3}, "batch of 8 is not divisible by 3"),
        ({"weights": [1]}, r"shape \(1,\), expected \(2,\)"),
        ({"weights": [0, 0]}, "zero for every"),
        ({"weights": [-1, 2]}, "not negative"),
    ],
)
def test_wrong_arguments(arguments: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        WindowSampler(counting((9, 9)), **{"length": 2, "batch": 8, **arguments})


def test_scale_is_the_spec_s() -> None:
    scale = ActionScale.of_spec(counting_spec())
    unit = scale.to_unit(np.float32([[-2, 0], [2, 10], [0, 5]]))
    np.testing.assert_array_equal(unit, [[-1, -1], [1, 1], [0, 0]])
