"""Controls are at chance on exact quadruplets, and not by being blind."""

from __future__ import annotations

import numpy as np
import pytest
from tests.evaluation.surprise.stimuli import (
    EVENT,
    HIDDEN,
    Remembers,
    events,
    permanence,
    visible,
)

from telos.evaluation.surprise import (
    Windows,
    choose_memory,
    exactness,
    reduce_trace,
    require_disjoint,
    score_quadruplets,
    trace_sets,
)
from telos.evaluation.surprise.contrast import contrast
from telos.evaluation.surprise.controls import (
    CopyLast,
    FrameDifference,
    GeometryScore,
    GeometrySignal,
    LimitedMemory,
    LinearExtrapolation,
    MahalanobisNovelty,
    NeighbourNovelty,
    OtherContext,
    RandomFeatures,
    ShuffledContext,
    block_pixels,
)
from telos.evaluation.surprise.controls.geometry import SIGNALS, signals

COUNT = 12


@pytest.fixture(scope="module")
def clips() -> np.ndarray:
    return permanence(COUNT)


@pytest.fixture(scope="module")
def usual() -> np.ndarray:
    """Possible clips to fit on."""
    return permanence(COUNT, seed=1)[:, :2].reshape(-1, *permanence(1).shape[2:])


def accuracy(watching, clips: np.ndarray, **options) -> float:
    trace = trace_sets(watching, clips, **options)
    return score_quadruplets(trace, visible(len(clips))).contrast.mean


def test_the_stimuli_are_exact(clips) -> None:
    found = exactness(clips, events(COUNT))
    found.require("splice", "frames", "pairs")
    assert found.equal.tolist() == [len(HIDDEN)] * COUNT


def test_what_understands_is_right_and_needs_its_memory(clips) -> None:
    assert accuracy(Remembers(), clips) == 1.0
    # The square was last seen before the first hidden frame.
    assert accuracy(LimitedMemory(Remembers(), len(HIDDEN) + 1), clips) == 1.0
    assert accuracy(LimitedMemory(Remembers(), 2), clips) == 0.5
    assert accuracy(Remembers(), clips, memory=len(HIDDEN)) == 0.5


CONTROLS = {
    "frame difference": lambda usual: FrameDifference(),
    "copy last": lambda usual: CopyLast(),
    "linear": lambda usual: LinearExtrapolation(),
    "mahalanobis, pixels": lambda usual: MahalanobisNovelty(block_pixels, usual),
    "mahalanobis, random": lambda usual: MahalanobisNovelty(RandomFeatures(), usual),
    "neighbours": lambda usual: NeighbourNovelty(block_pixels, usual),
    "other context": lambda usual: OtherContext(Remembers(), usual[0]),
}


@pytest.mark.parametrize("name", sorted(CONTROLS))
def test_additive_controls_have_no_contrast(name: str, clips, usual) -> None:
    control = CONTROLS[name](usual)
    trace = trace_sets(control, clips)
    clip = reduce_trace(trace)
    assert np.abs(contrast(clip)).max() <= 1e-9 * np.abs(clip).max()
    assert score_quadruplets(trace, visible(COUNT)).contrast.mean == 0.5
    # ... and it does tell clips apart, so that this is no matter of blindness.
    assert np.ptp(clip) > 0 or name == "other context"


@pytest.mark.parametrize("signal", SIGNALS)
def test_geometry_within_the_hidden_part_has_no_contrast(signal, clips) -> None:
    trace = trace_sets(GeometrySignal(block_pixels, signal), clips)
    clip = reduce_trace(trace)
    assert np.abs(contrast(clip)).max() <= 1e-6 * max(np.abs(clip).max(), 1e-9)


def test_geometry_altogether_is_at_chance(clips, usual) -> None:
    assert accuracy(GeometryScore(block_pixels, usual), clips) == 0.5


def test_the_largest_frame_difference_wins_where_the_mean_does_not(clips) -> None:
    """max(P2) is 0 and max(I1) = max(I2) = max(P1): 100 % without physics."""
    scores = score_quadruplets(trace_sets(FrameDifference(), clips), visible(COUNT))
    assert scores.contrast.mean == 0.5
    assert scores.contrast_max.mean == 1.0


def test_residue_of_rendering_is_found(clips) -> None:
    leaky = clips.copy()
    leaky[3, 2:, EVENT, 0, 0, 0] += 1
    found = exactness(leaky, events(COUNT))
    assert np.flatnonzero(~found.frames).tolist() == [3]
    assert np.flatnonzero(~found.pairs).tolist() == [3]
    with pytest.raises(ValueError, match="1 of 12 quadruplets break 'pairs'.*number 3"):
        found.require("splice", "pairs")
    unequal = clips.copy()
    unequal[2, [0, 2], EVENT - 1, 0, 0, 0] += 1
    found = exactness(unequal, events(COUNT))
    assert np.flatnonzero(~found.splice).tolist() == [2]
    assert found.frames.all()
    assert found.equal[2] == 0


def test_a_visible_splice_has_equal_frames_and_other_pairs(clips) -> None:
    """Cut at the first frame after the wall, pairs of frames tell the difference."""
    late = clips.copy()
    cut = HIDDEN.stop + 1
    late[:, 2] = np.concatenate([clips[:, 0, :cut], clips[:, 1, cut:]], axis=1)
    late[:, 3] = np.concatenate([clips[:, 1, :cut], clips[:, 0, cut:]], axis=1)
    found = exactness(late, np.full(COUNT, cut))
    assert found.frames.all()
    assert not found.pairs.any()


def test_splits_must_not_share_clips(clips) -> None:
    other = permanence(3, seed=7)
    require_disjoint({"validation": other, "test": clips})
    with pytest.raises(ValueError, match=r"1 item\(s\) of 'test' are also in 'train'"):
        require_disjoint({"train": clips[:1], "test": clips})


def test_the_memory_is_chosen_on_validation_clips_only(clips) -> None:
    validation = permanence(6, seed=5)
    found = choose_memory(
        Remembers(),
        [2, None, 3],
        validation={"permanence": validation},
        test={"permanence": clips},
    )
    assert found.memory is None
    assert found.accuracy == {"2": 0.5, "all": 1.0, "3": 0.5}
    with pytest.raises(ValueError, match="draw them from other seeds"):
        choose_memory(Remembers(), [2], validation={"a": clips}, test={"a": clips[:2]})


def test_a_shuffled_context_keeps_what_and_forgets_when() -> None:
    class Order:
        """Surprised by every step back in brightness that it was shown."""

        def trace(self, clips, memory=None):
            light = clips.astype(float).mean(axis=(2, 3, 4))
            back = (np.diff(light, axis=1) < 0).cumsum(axis=1)
            return np.pad(back.astype(float), ((0, 0), (1, 0)), constant_values=np.nan)

    ramp = np.arange(10, dtype=np.uint8)[None, :, None, None, None]
    ramp = np.broadcast_to(ramp, (2, 10, 4, 4, 3)).copy()
    assert np.nanmax(Order().trace(ramp)) == 0
    shuffled = ShuffledContext(Order(), seed=3)
    assert np.nanmax(shuffled.trace(ramp)) > 0
    np.testing.assert_array_equal(shuffled.trace(ramp), shuffled.trace(ramp))
    # A context of one frame has no order.
    assert np.nanmax(shuffled.trace(ramp, memory=1)) == 0


def test_signals_of_a_known_path() -> None:
    """Straight on, then a right angle, at unit speed."""
    straight = np.stack([np.arange(6.0), np.zeros(6)], axis=-1)
    up = np.array([[5.0, 1.0], [5.0, 2.0]])
    found = signals(np.concatenate([straight, up])[None])
    np.testing.assert_allclose(found["step"][0, 1:], 1.0)
    np.testing.assert_allclose(
        found["turn"][0, 2:], [0, 0, 0, 0, np.pi / 2, 0], atol=1e-6
    )
    np.testing.assert_allclose(
        found["acceleration"][0, 2:], [0, 0, 0, 0, np.sqrt(2), 0], atol=1e-9
    )
    assert found["linear-residual"][0, 5] == pytest.approx(0, abs=1e-9)
    assert found["linear-residual"][0, 6] == pytest.approx(np.sqrt(2))
    assert np.isnan(found["turn-variability"][0, :5]).all()
    assert found["turn-variability"][0, 5] == 0
    assert found["turn-variability"][0, 6] > 0


def test_windows_judge_every_frame_once_with_the_most_context(clips) -> None:
    class Counts:
        """The context that each frame was given."""

        def trace(self, clips, memory=None):
            assert clips.shape[1] <= 6
            seen = np.arange(clips.shape[1], dtype=float)
            seen[0] = np.nan
            return np.tile(seen, (len(clips), 1))

    flat = clips[0]
    found = Windows(Counts(), 6).trace(flat)[0]
    np.testing.assert_array_equal(found[1:], [1, 2, 3, 4, 5, *[5] * 10])
    strided = Windows(Counts(), 6, stride=3).trace(flat)[0]
    np.testing.assert_array_equal(strided[6:], [3, 4, 5, 3, 4, 5, 3, 4, 5, 5])
    short = Windows(Counts(), 6).trace(flat[:, :4])[0]
    np.testing.assert_array_equal(short[1:], [1, 2, 3])
    with pytest.raises(ValueError, match="windows of 4 frames that move on by 4"):
        Windows(Counts(), 4, stride=4)


def test_a_window_changes_nothing_where_the_memory_is_shorter(clips) -> None:
    flat = clips.reshape(-1, *clips.shape[2:])
    whole = LimitedMemory(Remembers(), 3)

    class Ends(Remembers):
        """The same without a clock, so that a window does not move it."""

        def trace(self, clips, memory=None):
            light = clips.astype(float).mean(axis=(2, 3, 4))
            out = np.full(light.shape, np.nan)
            for t in range(1, light.shape[1]):
                start = 0 if memory is None else max(0, t - memory)
                out[:, t] = np.abs(light[:, t] - light[:, start:t].mean(1))
            return out

    whole = LimitedMemory(Ends(), 3)
    np.testing.assert_allclose(Windows(whole, 4).trace(flat), whole.trace(flat))


@pytest.mark.parametrize(
    ("clips", "said"),
    [
        (np.zeros((1, 5, 8, 8), np.uint8), "repeat a grey channel"),
        (np.zeros((1, 5, 8, 8, 1), np.uint8), "repeat a grey channel"),
        (np.zeros((1, 5, 8, 8, 3), np.float32), "uint8"),
        (np.zeros((1, 1, 8, 8, 3), np.uint8), "2 frames"),
    ],
)
def test_bad_clips_are_refused_by_all(clips, said: str, usual) -> None:
    for make in CONTROLS.values():
        with pytest.raises(ValueError, match=said):
            make(usual).trace(clips)


def test_controls_say_what_memory_they_need() -> None:
    clips = np.zeros((1, 8, 8, 8, 3), np.uint8)
    with pytest.raises(ValueError, match="needs 2 frame"):
        LinearExtrapolation().trace(clips, memory=1)
    with pytest.raises(ValueError, match="needs 5 frame"):
        GeometrySignal(block_pixels, "step").trace(clips, memory=2)
    with pytest.raises(ValueError, match="unknown signal 'speed'"):
        GeometrySignal(block_pixels, "speed")


def test_a_constant_clip_surprises_nobody() -> None:
    still = np.full((2, 8, 8, 8, 3), 77, np.uint8)
    for control in (FrameDifference(), CopyLast(), LinearExtrapolation()):
        assert np.nanmax(control.trace(still)) == 0
    for signal in SIGNALS:
        found = GeometrySignal(RandomFeatures(), signal).trace(still)
        assert np.nanmax(found) == pytest.approx(0, abs=1e-6)


def test_blocks_average_any_size() -> None:
    frame = np.zeros((1, 9, 13, 3), np.uint8)
    frame[0, :, 7:] = 255
    seen = block_pixels(frame).reshape(8, 8, 3)
    assert seen.min() == 0
    assert seen.max() == 1
    np.testing.assert_allclose(block_pixels(np.full((2, 5, 5, 3), 255, np.uint8)), 1.0)
