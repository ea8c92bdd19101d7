"""Frames of a video by number are the frames of decoding it from the start."""

from __future__ import annotations

import pickle
from pathlib import Path

import av
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.data.worlds import drift_spec

from telos.data import Recording, WindowSampler
from telos.data import video as video_module
from telos.data.recording import first_frames
from telos.data.video import VideoFrames
from telos.envs.world import StreamSpec

FRAMES, HEIGHT, WIDTH = 61, 48, 64

KINDS = {
    "key-frames-only": ("libx264", {"g": "1"}),
    "pairs": ("libx264", {"g": "2", "bf": "0"}),
    "reordered": ("libx264", {"g": "12", "bf": "3", "sc_threshold": "0"}),
    "open-groups": ("libx264", {"g": "10", "bf": "2", "x264-params": "open-gop=1"}),
    "one-group": ("libx264", {"g": "250"}),
    "mpeg4": ("mpeg4", {"g": "7"}),
}


def make_video(path: Path, codec: str, options: dict[str, str]) -> Path:
    """A square that wanders over a gradient."""
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        stream = container.add_stream(codec, rate=30, options=options)
        stream.height, stream.width, stream.pix_fmt = HEIGHT, WIDTH, "yuv420p"
        for number in range(FRAMES):
            image = np.full((HEIGHT, WIDTH, 3), 40 + 3 * number, np.uint8)
            top, left = rng.integers(0, HEIGHT - 8), rng.integers(0, WIDTH - 8)
            image[top : top + 8, left : left + 8] = (250, 20, number)
            frame = av.VideoFrame.from_ndarray(image)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())
    return path


def decoded_in_order(path: Path) -> np.ndarray:
    with av.open(str(path)) as container:
        frames = [f.to_ndarray(format="rgb24") for f in container.decode(video=0)]
    return np.stack(frames)


@pytest.fixture(scope="module", params=sorted(KINDS))
def video(request, tmp_path_factory) -> tuple[Path, np.ndarray]:
    folder = tmp_path_factory.mktemp("videos")
    path = make_video(folder / f"{request.param}.mp4", *KINDS[request.param])
    return path, decoded_in_order(path)


def test_any_frame_is_the_one_of_decoding_in_order(video) -> None:
    path, whole = video
    frames = VideoFrames(path)
    assert (frames.shape, frames.dtype) == ((FRAMES, HEIGHT, WIDTH, 3), np.uint8)
    for row in np.random.default_rng(1).permutation(FRAMES):
        np.testing.assert_array_equal(frames[np.array([row])][0], whole[row])
    np.testing.assert_array_equal(np.asarray(frames), whole)


@settings(max_examples=12)
@given(seed=st.integers(0, 99), cache=st.sampled_from([0, 40_000, 400_000, 2**27]))
def test_however_little_is_kept(video, seed: int, cache: int) -> None:
    path, whole = video
    frames = VideoFrames(path, cache_bytes=cache)
    rng = np.random.default_rng(seed)
    for _ in range(3):
        rows = rng.integers(0, FRAMES, (2, 3))
        np.testing.assert_array_equal(frames[rows], whole[rows])
        assert sum(kept.nbytes for kept in frames._kept.values()) <= cache


def test_only_what_is_needed_is_decoded(tmp_path: Path, monkeypatch) -> None:
    path = make_video(tmp_path / "a.mp4", *KINDS["reordered"])
    frames = VideoFrames(path)
    asked = []
    decode = VideoFrames._decode
    monkeypatch.setattr(
        VideoFrames,
        "_decode",
        lambda self, group, rows: asked.append(group) or decode(self, group, rows),
    )
    frames[np.array([50, 3, 1, 51])]
    assert asked == [0, 4]
    frames[np.array([2, 49])]  # both groups are kept
    assert asked == [0, 4]


def test_windows_of_a_video_are_windows_of_memory(video) -> None:
    path, whole = video
    frames = VideoFrames(path)
    lengths = np.array([20, 41], np.int64)
    spec = drift_spec(
        streams={"pixels": StreamSpec(shape=whole.shape[1:], dtype="uint8")}, labels={}
    )

    def batch(pixels) -> torch.Tensor:
        recording = Recording(
            observations={"pixels": pixels},
            labels={},
            actions=np.zeros((FRAMES, 2), np.float32),
            starts=first_frames(lengths),
            lengths=lengths,
            seeds=np.arange(2),
            layouts=({}, {}),
            spec=spec,
        )
        sampler = WindowSampler(recording, length=3, batch=6, frame_skip=2)
        return sampler.batch(4).observations["pixels"]

    assert torch.equal(batch(frames), batch(whole))


def test_frames_are_resized(video) -> None:
    path, whole = video
    frames = VideoFrames(path, image_size=(24, 32))
    found = frames[np.array([4])]
    assert found.shape == (1, 24, 32, 3)
    assert abs(found.mean() - whole[4].mean()) < 2


def test_a_copy_in_another_process_reads_the_same(video) -> None:
    path, whole = video
    frames = VideoFrames(path)
    frames[np.array([3])]
    again = pickle.loads(pickle.dumps(frames))
    np.testing.assert_array_equal(again[np.array([7])][0], whole[7])


def test_what_is_no_video_is_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.mp4 does not exist"):
        VideoFrames(tmp_path / "none.mp4")
    text = tmp_path / "notes.mp4"
    text.write_text("no video")
    with pytest.raises(ValueError, match=r"notes\.mp4 is no video that can be read"):
        VideoFrames(text)


def test_frames_that_cannot_be_decoded_are_named(video, monkeypatch) -> None:
    path, _ = video
    frames = VideoFrames(path)
    monkeypatch.setattr(video_module.VideoFrames, "_shown_from", lambda self, group: [])
    with pytest.raises(ValueError, match="damaged: .* frames from number"):
        frames[np.array([3])]
