"""Anyone's video: any size and rate, and what cannot be looked at says why."""

from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from tests.evaluation.surprise.clips_on_disk import write_video

from telos.evaluation.surprise import find_peaks, own_threshold, read_video
from telos.evaluation.surprise.film import ALARM, STRIP, annotated
from telos.evaluation.surprise.videos import display_frames
from telos.evaluation.video import stream_mp4


def ramp(frames: int = 30, height: int = 32, width: int = 48) -> np.ndarray:
    """Every frame is brighter than the one before it."""
    light = np.linspace(20, 230, frames).astype(np.uint8)
    return np.broadcast_to(
        light[:, None, None, None], (frames, height, width, 3)
    ).copy()


def test_a_video_as_it_is(tmp_path: Path) -> None:
    found = read_video(write_video(tmp_path / "a.mp4", ramp(), fps=10))
    assert found.frames.shape == (30, 32, 48, 3)
    assert found.notes == []
    assert found.fps == pytest.approx(10)
    np.testing.assert_allclose(found.times, np.arange(30) / 10, atol=1e-3)


def test_resizing_and_thinning_are_told(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", ramp(), fps=10)
    found = read_video(path, size=(16, 16), fps=5)
    assert found.frames.shape == (15, 16, 16, 3)
    np.testing.assert_allclose(found.times, np.arange(15) / 5, atol=1e-3)
    whole = read_video(path).frames
    difference = found.frames[:, 0, 0, 0].astype(int) - whole[::2, 0, 0, 0]
    assert np.abs(difference).max() <= 2
    said = " ".join(found.notes)
    assert "48 x 32 pixels were resized to 16 x 16" in said
    assert "changed the shape of things" in said
    assert "of 10 frames per second, 5 were looked at" in said


@pytest.mark.parametrize("fps", [23.976, 29.97, 12.5, 7.0])
@pytest.mark.parametrize("wanted", [3.0, 5.0])
def test_odd_rates_keep_time(fps: float, wanted: float, tmp_path: Path) -> None:
    found = read_video(write_video(tmp_path / "a.mp4", ramp(40), fps=fps), fps=wanted)
    ticks = np.arange(len(found.times)) / wanted
    late = found.times - ticks
    assert (late >= -1e-3).all()
    assert (late < 1 / fps + 1e-3).all()


def test_grey_becomes_three_equal_channels(tmp_path: Path) -> None:
    path = write_video(tmp_path / "g.mp4", ramp(), pix_fmt="gray")
    frames = read_video(path).frames.astype(int)
    assert np.ptp(frames, axis=-1).max() <= 1


def test_what_cannot_be_looked_at(tmp_path: Path, monkeypatch) -> None:
    one = write_video(tmp_path / "one.mp4", ramp(1))
    with pytest.raises(ValueError, match="1 frame.* one frame surprises nobody"):
        read_video(one)
    few = write_video(tmp_path / "few.mp4", ramp(3))
    with pytest.raises(ValueError, match="gives 3 frame.*at least 6"):
        read_video(few, shortest=6)
    with pytest.raises(ValueError, match="no frames are made up"):
        read_video(few, fps=60)
    with pytest.raises(ValueError, match="expected more than 0"):
        read_video(few, fps=0)
    (tmp_path / "text.mp4").write_text("no video")
    with pytest.raises(ValueError, match="cannot be opened as a video"):
        read_video(tmp_path / "text.mp4")
    with pytest.raises(FileNotFoundError, match="does not exist"):
        read_video(tmp_path / "none.mp4")
    cut = tmp_path / "cut.mp4"
    cut.write_bytes(few.read_bytes()[:-600])
    with pytest.raises(ValueError, match="cut.mp4"):
        read_video(cut)
    monkeypatch.setattr("telos.evaluation.surprise.videos.MOST_FRAMES", 2)
    with pytest.raises(ValueError, match="more than 2 frames"):
        read_video(few)


def test_a_constant_video_has_no_peaks() -> None:
    still = np.zeros(50)
    still[0] = np.nan
    assert find_peaks(still, own_threshold(still)) == []
    with pytest.raises(ValueError, match="no frame of the video was predicted"):
        own_threshold(np.full(3, np.nan))


def test_peaks_are_runs_above_the_threshold_largest_first() -> None:
    trace = np.array([np.nan, 1, 5, 6, 1, 1, 9, 1, 1, 4, 1])
    peaks = find_peaks(trace, 3.0)
    assert [(p.frame, p.surprise, p.first, p.last) for p in peaks] == [
        (6, 9, 6, 6),
        (3, 6, 2, 3),
        (9, 4, 9, 9),
    ]
    assert find_peaks(trace, 9.0) == []


def test_what_stands_out_of_noise_is_what_was_planted() -> None:
    rng = np.random.default_rng(0)
    trace = 1 + 0.1 * rng.normal(size=400)
    assert find_peaks(trace, own_threshold(trace)) == []
    trace[123] += 2
    assert [p.frame for p in find_peaks(trace, own_threshold(trace))] == [123]


def test_the_film_shows_frames_curve_and_alarms(tmp_path: Path) -> None:
    path = write_video(tmp_path / "a.mp4", ramp(), fps=10)
    footage = read_video(path, size=(16, 16), fps=5)
    trace = np.full(15, 1.0)
    trace[0], trace[7] = np.nan, 5.0
    pictures = display_frames(path, footage.times, 96)
    frames = list(annotated(pictures, trace, 3.0))
    assert len(frames) == 15
    assert {frame.shape for frame in frames} == {(64 + STRIP, 96, 3)}
    edges = [bool((frame[2, 2] == ALARM).all()) for frame in frames]
    assert np.flatnonzero(edges).tolist() == [7]
    # The picture inside of the edge is the frame that was looked at.
    inside = [float(frame[20:40, 20:70].mean()) for frame in frames]
    np.testing.assert_allclose(inside, footage.frames.mean(axis=(1, 2, 3)), atol=3)
    out = stream_mp4(tmp_path / "film.mp4", frames, footage.fps)
    again = read_video(out)
    assert again.frames.shape == (15, 64 + STRIP, 96, 3)
    assert again.fps == pytest.approx(5)


def test_without_a_threshold_nothing_is_an_alarm() -> None:
    frames = [np.full((32, 32, 3), 90, np.uint8)] * 4
    trace = np.array([np.nan, 1.0, 2.0, 1.0])
    drawn = list(annotated(frames, trace, math.inf))
    assert not any((frame[2, 2] == ALARM).all() for frame in drawn)


def test_a_size_that_changes_half_way(tmp_path: Path, monkeypatch) -> None:
    from telos.data.formats.decode import Video

    path = write_video(tmp_path / "a.mp4", ramp(8))
    pixels = Video.pixels

    def growing(self, frame):
        picture = pixels(self, frame)
        return picture.repeat(2, axis=0) if self._number > 4 else picture

    monkeypatch.setattr(Video, "pixels", growing)
    with pytest.raises(ValueError, match="give a size to resize them to"):
        read_video(path)
