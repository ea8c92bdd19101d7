"""Drawing, films and trace files, read back."""

from __future__ import annotations

import json
from dataclasses import replace

import av
import numpy as np
import pytest
from tests.evaluation.toy import RightActor, ToyWorld, protocol

from telos.evaluation.drawing import (
    PATH,
    ZONE_EDGE,
    Canvas,
    Extent,
    draw_zones,
    upscale,
)
from telos.evaluation.episodes import run_episodes
from telos.evaluation.film import film
from telos.evaluation.log import camera_names
from telos.evaluation.traces import save_traces
from telos.evaluation.video import write_mp4

PLACE = Extent.of((0, 8, 0, 8))
BLACK = np.zeros((8, 8, 3), np.uint8)


def _trace():
    spec = protocol(episodes=1, budget=3)
    return run_episodes(ToyWorld(1, zone=True), RightActor(), spec).traces[0]


def test_upscale_repeats_pixels():
    frame = np.arange(12, dtype=np.uint8).reshape(2, 2, 3)
    large = upscale(frame, 3)
    assert large.shape == (6, 6, 3)
    np.testing.assert_array_equal(large[::3, ::3], frame)


def test_extent_maps_corners_and_turns_the_axis_where_the_world_does():
    down, up = Extent.of((0, 64, 0, 64)), Extent.of((-2, 2, 3, -3))
    assert down.pixels(np.array([32.0, 64.0]), (128, 128)).tolist() == [64, 128]
    assert up.pixels(np.array([[-2.0, 3.0], [2.0, -3.0]]), (10, 20)).tolist() == [
        [0, 0],
        [10, 20],
    ]


def test_a_line_is_drawn_where_it_is_and_nowhere_else():
    canvas = Canvas(BLACK, 10, PLACE)
    canvas.polyline(np.array([[1.0, 4.0], [7.0, 4.0], [np.nan, 1.0], [1, 1]]), PATH)
    image = canvas.array()
    assert image[40, 20:60].max(-1).min() > 100
    assert image[:30].max() == 0
    assert image[50:].max() == 0


def test_zones_are_drawn_to_scale():
    canvas = Canvas(BLACK, 10, PLACE)
    disc = {"type": "keep-out-disc", "center": [4, 4], "radius": 2}
    draw_zones(canvas, [disc, {"type": "bound", "low": 1.0}])
    lit = canvas.array().max(-1) > 0
    assert lit.sum() == pytest.approx(np.pi * 20**2, rel=0.1)
    assert canvas.array()[40, 21].tolist() == list(ZONE_EDGE[:3])
    box = Canvas(BLACK, 10, PLACE)
    draw_zones(box, [{"type": "keep-out-box", "low": [1, 2], "high": [3, 6]}])
    assert (box.array().max(-1) > 0).sum() == pytest.approx(20 * 40, rel=0.1)


def test_a_film_is_written_and_plays(tmp_path):
    frames = film(_trace(), Extent.of((-4, 4, -4, 4)))
    assert frames.shape == (4, 384, 384, 3)
    path = write_mp4(tmp_path / "film.mp4", frames, fps=10)
    with av.open(str(path)) as file:
        stream = file.streams.video[0]
        assert stream.codec_context.name == "h264"
        assert stream.codec_context.pix_fmt == "yuv420p"
        decoded = [f.to_ndarray(format="rgb24") for f in file.decode(stream)]
    assert len(decoded) == 4
    difference = np.abs(decoded[0].astype(int) - frames[0])
    assert difference.mean() < 6


def test_what_was_imagined_stands_beside_what_came():
    trace = _trace()
    pictures = np.zeros((2, 3, 4, 4, 3), np.uint8)
    pictures[..., 0] = np.array([[10, 11, 12], [20, 21, 22]])[..., None, None]
    shown = replace(
        trace,
        pictures=pictures,
        decision_steps=np.array([1, 2]),
        status=("certified",) * 2,
        imagined=np.zeros((0, 1, 1, 2), np.float32),
        route=np.zeros((0, 1, 2), np.float32),
    )
    frames = film(shown, None)
    assert frames.shape == (4, 384, 3 * 384 + 16, 3)
    np.testing.assert_array_equal(
        frames[:, :, :384], film(replace(shown, pictures=None), None)
    )
    now, end = frames[:, 200, 500, 0].tolist(), frames[:, 200, 1000, 0].tolist()
    # Nothing was imagined before the first decision, and the plan goes on after it.
    assert (now, end) == ([255, 10, 20, 21], [255, 12, 22, 22])


def test_odd_sizes_lose_a_pixel_and_nonsense_is_refused(tmp_path):
    path = write_mp4(tmp_path / "odd.mp4", np.zeros((2, 33, 35, 3), np.uint8))
    with av.open(str(path)) as file:
        assert (file.streams.video[0].height, file.streams.video[0].width) == (32, 34)
    with pytest.raises(ValueError, match="uint8"):
        write_mp4(tmp_path / "a.mp4", np.zeros((2, 32, 32, 3)))
    with pytest.raises(ValueError, match="nothing to film"):
        write_mp4(tmp_path / "a.mp4", np.zeros((0, 32, 32, 3), np.uint8))
    with pytest.raises(ValueError, match=r"end in \.mp4"):
        write_mp4(tmp_path / "a.gif", np.zeros((2, 32, 32, 3), np.uint8))


def test_traces_come_back_without_pickle(tmp_path):
    trace = replace(_trace(), status=("certified", "backup"))
    path = save_traces(tmp_path / "traces.npz", [trace, trace], (-4, 4, -4, 4))
    with np.load(path, allow_pickle=False) as arrays:
        np.testing.assert_array_equal(arrays["frames_1"], trace.frames)
        np.testing.assert_allclose(arrays["positions_0"], trace.positions)
        assert arrays["status_0"].tolist() == ["certified", "backup"]
        assert arrays["extent"].tolist() == [-4, 4, -4, 4]
        zones = json.loads(str(arrays["zones_0"]))
    assert zones[0]["radius"] == 0.2
    assert zones[0]["type"] == "keep-out-disc"


def test_every_camera_is_kept_the_main_one_first():
    pictures = np.zeros((2, 4, 6, 3), np.uint8)
    streams = {"wrist": pictures, "arm": np.zeros((2, 3)), "pixels": pictures}
    assert camera_names(streams) == ["pixels", "wrist"]
    assert camera_names({"b": pictures, "a": pictures}) == ["b", "a"]
    assert camera_names({"depth": pictures[..., :1]}) == []
