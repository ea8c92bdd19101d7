"""The monitor alarms as rarely as it was told, and sees what was planted."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from tests.learning.squares import square_clips, tiny_watcher

from telos.evaluation.surprise import SurpriseMonitor, threshold_of, windows
from telos.evaluation.surprise.controls import FrameDifference, LinearExtrapolation
from telos.learning import causal_watched
from telos.learning.objectives import objective_config
from telos.learning.taught import calibrate
from telos.learning.watched import untrained_watched
from telos.world_model.watcher_config import CausalConfig


def noise(clips: int, frames: int, seed: int) -> np.ndarray:
    rng = np.random.default_rng(seed)
    return rng.integers(0, 256, (clips, frames, 4, 4, 3)).astype(np.uint8)


def test_it_reads_what_the_whole_clip_would() -> None:
    clip = noise(1, 12, 0)
    monitor = SurpriseMonitor(FrameDifference(), window=4)
    readings = [monitor.update(frame) for frame in clip[0]]
    whole = FrameDifference().trace(clip)[0]
    np.testing.assert_array_equal([r.surprise for r in readings], whole)
    assert math.isnan(readings[0].surprise)
    assert not readings[0].alarm


@pytest.mark.parametrize("rate", [0.3, 0.1, 0.02])
def test_the_false_alarm_rate_holds_on_exchangeable_frames(rate: float) -> None:
    """Averaged over calibrations: rate - 1/(N+1) < alarms <= rate."""
    rng = np.random.default_rng(0)
    known = rng.gamma(2.0, size=(4000, 99))
    new = rng.gamma(2.0, size=4000)
    alarms = [v > threshold_of(row, rate) for row, v in zip(known, new, strict=True)]
    share, error = np.mean(alarms), 4 * math.sqrt(rate / 4000)
    assert rate - 1 / 100 - error < share <= rate + error


def test_a_calibrated_monitor_on_new_noise() -> None:
    monitor = SurpriseMonitor(FrameDifference(), window=3)
    monitor.calibrate(noise(60, 20, 1), rate=0.05)
    readings = [monitor.update(frame) for frame in noise(1, 2000, 2)[0]]
    assert 0.03 < np.mean([r.alarm for r in readings]) < 0.07


def test_so_many_alarms_an_hour() -> None:
    monitor = SurpriseMonitor(FrameDifference(), window=3)
    clips = noise(50, 21, 3)
    hourly = monitor.calibrate(clips, false_alarms_per_hour=3600, fps=20)
    assert hourly == monitor.calibrate(clips, rate=0.05)


def test_a_planted_event_is_an_alarm() -> None:
    rng = np.random.default_rng(4)
    calm = rng.integers(100, 110, (20, 20, 4, 4, 3)).astype(np.uint8)
    monitor = SurpriseMonitor(FrameDifference(), window=5)
    monitor.calibrate(calm, rate=0.01)
    alarms = []
    for number in range(30):
        frame = rng.integers(100, 110, (4, 4, 3)).astype(np.uint8)
        frame[:2] += np.uint8(90 * (number == 17))
        alarms.append(monitor.update(frame).alarm)
    assert np.flatnonzero(alarms).tolist() == [17, 18]


def test_too_few_frames_for_so_low_a_rate() -> None:
    with pytest.raises(ValueError, match="38 frames are too few .* at least 999"):
        SurpriseMonitor(FrameDifference(), window=3).calibrate(
            noise(2, 20, 0), rate=0.001
        )
    assert threshold_of(np.arange(999.0), 0.001) == 998


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "give either rate or"),
        ({"rate": 0.1, "false_alarms_per_hour": 1}, "give either rate or"),
        ({"false_alarms_per_hour": 1}, "needs fps"),
        ({"rate": 1.5}, "expected a share in"),
    ],
)
def test_incomplete_requests(options: dict, said: str) -> None:
    monitor = SurpriseMonitor(FrameDifference(), window=3)
    with pytest.raises(ValueError, match=said):
        monitor.calibrate(noise(2, 20, 0), **options)


def test_frames_must_fit_together() -> None:
    monitor = SurpriseMonitor(FrameDifference(), window=3)
    monitor.update(np.zeros((4, 4, 3), np.uint8))
    with pytest.raises(ValueError, match="call reset"):
        monitor.update(np.zeros((6, 4, 3), np.uint8))
    monitor.reset()
    monitor.update(np.zeros((6, 4, 3), np.uint8))
    with pytest.raises(ValueError, match="expected .H, W, 3. uint8"):
        monitor.update(np.zeros((6, 4), np.uint8))


@pytest.mark.parametrize("kind", ["vicreg", "pixels", "jepa-ema"])
@pytest.mark.parametrize("memory", [None, 3])
def test_looking_at_a_frame_once_is_as_good_as_again_and_again(
    kind: str, memory: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A watcher that keeps latents reads what it reads of whole windows."""
    predictor = CausalConfig(width=32, depth=2, memory=8, ahead=4)
    watched = untrained_watched(
        tiny_watcher(predictor=predictor), objective_config(kind)
    )
    clips = square_clips(6).reshape(2, -1, *square_clips(1).shape[2:])[:, :24]
    calibrate(watched.watcher.encoder, [torch.from_numpy(clips)])
    torch.nn.init.normal_(watched.watcher.predictor.out.weight, std=0.1)
    window = 6
    slow = np.stack(
        [
            watched.trace(clips[:, max(0, t + 1 - window) : t + 1], memory)[:, -1]
            for t in range(1, 24)
        ],
        axis=1,
    )
    monkeypatch.setattr(windows, "AT_ONCE", 5)
    monkeypatch.setattr(causal_watched, "AT_ONCE", 8)
    fast = windows.Windows(watched, window).trace(clips, memory)
    np.testing.assert_allclose(fast[:, 1:], slow, rtol=1e-4, atol=1e-6)
    monitor = SurpriseMonitor(watched, window=window, memory=memory)
    read = [monitor.update(frame).surprise for frame in clips[1]]
    np.testing.assert_allclose(read[1:], slow[1], rtol=1e-4, atol=1e-6)
    assert math.isnan(read[0])
    monitor.reset()
    assert math.isnan(monitor.update(clips[0, 0]).surprise)


def test_a_control_that_needs_three_frames_waits_for_them() -> None:
    monitor = SurpriseMonitor(LinearExtrapolation(), window=3)
    read = [monitor.update(frame).surprise for frame in noise(1, 5, 0)[0]]
    assert np.isnan(read).tolist() == [True, True, False, False, False]
