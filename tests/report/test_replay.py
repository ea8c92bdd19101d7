"""Recordings arrive in the page as they were made, and small."""

from __future__ import annotations

import base64
import json
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest

from telos.report.replay import REEL_BYTES, REEL_FRAMES, load_replays, png
from telos.report.zones import Extent, parse_zones

PIXELS = Extent(x0=0, x1=64, y0=0, y1=64)


def decode(encoded: str) -> np.ndarray:
    """Decode a PNG of one IDAT chunk without filters, by its specification."""
    data = base64.b64decode(encoded)
    assert data[:8] == b"\x89PNG\r\n\x1a\n"
    chunks, at = {}, 8
    while at < len(data):
        (length,) = struct.unpack(">I", data[at : at + 4])
        kind, body = data[at + 4 : at + 8], data[at + 8 : at + 8 + length]
        (check,) = struct.unpack(">I", data[at + 8 + length : at + 12 + length])
        assert zlib.crc32(kind + body) == check
        chunks[kind], at = body, at + 12 + length
    width, height, _, colour = struct.unpack(">IIBB", chunks[b"IHDR"][:10])
    channels = {2: 3, 6: 4}[colour]
    rows = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8)
    rows = rows.reshape(height, 1 + width * channels)
    assert (rows[:, 0] == 0).all()
    return rows[:, 1:].reshape(height, width, channels)


def write_traces(path: Path, steps: int = 10, **changes: object) -> Path:
    frames = np.full((steps + 1, 64, 64, 3), 200, np.uint8)
    rng = np.random.default_rng(0)
    for step, frame in enumerate(frames):
        frame[30:33, 2 + step % 50] = (255, 0, 0)
    goal = np.full((64, 64, 3), 200, np.uint8)
    goal[40:42, 50:52] = (255, 0, 0)
    arrays: dict[str, object] = {
        "frames_0": frames,
        "goal_0": goal,
        "positions_0": np.stack([np.arange(steps + 1), np.full(steps + 1, 32.0)], -1),
        "imagined_0": rng.uniform(0, 64, (3, 2, 5, 2)),
        "decision_steps_0": np.array([0, 4, 8]),
        "status_0": np.array(["certified", "backup", "infeasible"]),
        "success_0": np.array(False),
        "seed_0": np.array(7),
        "extent": np.array([0.0, 64.0, 0.0, 64.0]),
    }
    kept = {k: v for k, v in (arrays | changes).items() if v is not None}
    np.savez(path, **kept)  # type: ignore[arg-type]
    return path


def load(path: Path, unit: str = "px"):
    return load_replays(path, 8, unit)[0]


@pytest.mark.parametrize("channels", [3, 4])
def test_png_holds_the_very_pixels(channels: int) -> None:
    image = np.random.default_rng(0).integers(0, 256, (9, 5, channels), dtype=np.uint8)
    assert np.array_equal(decode(png(image)), image)


def test_png_refuses_floats() -> None:
    with pytest.raises(ValueError, match="uint8"):
        png(np.zeros((4, 4, 3)))


def test_frames_survive_in_reels(tmp_path: Path) -> None:
    steps = REEL_FRAMES + 20
    replay = load(write_traces(tmp_path / "t.npz", steps))
    frames = np.concatenate([decode(r).reshape(-1, 64, 64, 3) for r in replay.reels])
    assert replay.stride == 1
    assert len(replay.reels) == 2
    assert np.array_equal(frames, np.load(tmp_path / "t.npz")["frames_0"])


def test_similar_frames_are_small(tmp_path: Path) -> None:
    replay = load(write_traces(tmp_path / "t.npz", 200))
    assert sum(map(len, replay.reels)) < 201 * 64 * 64 * 3 / 40


def test_noise_is_thinned_to_the_budget(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (80, 64, 64, 3), dtype=np.uint8)
    replay = load(write_traces(tmp_path / "t.npz", frames_0=noise))
    assert sum(map(len, replay.reels)) <= REEL_BYTES
    assert replay.stride == 4
    assert replay.steps == 79


def test_places_are_thousandths_of_the_image(tmp_path: Path) -> None:
    extent = np.array([-1.0, 1.0, 3.0, -1.0])
    positions = np.array([[-1.0, 3.0], [1.0, -1.0], [0.0, 1.0]] + [[0.0, 2.0]] * 8)
    path = write_traces(tmp_path / "t.npz", extent=extent, positions_0=positions)
    assert load(path, "m").path[:4] == [[0, 0], [1000, 1000], [500, 500], [500, 250]]


def test_without_an_extent_only_pixels_have_a_place(tmp_path: Path) -> None:
    path = write_traces(tmp_path / "t.npz", extent=None)
    assert load(path, "px").path[0] == [0, 500]
    assert load(path, "m").path == []
    assert load(path, "m").imagined == []


def test_futures_with_nan_are_left_out(tmp_path: Path) -> None:
    imagined = np.zeros((3, 2, 5, 2))
    imagined[1, 0, 3] = np.nan
    replay = load(write_traces(tmp_path / "t.npz", imagined_0=imagined))
    assert [len(decision) for decision in replay.imagined] == [2, 1, 2]


def test_a_route_is_kept_once_and_drawn_to_its_end(tmp_path: Path) -> None:
    routes = np.full((3, 2, 2), np.nan)
    routes[:2] = [[0, 0], [64, 32]]
    routes[2, :1] = [[32, 64]]
    replay = load(write_traces(tmp_path / "t.npz", route_0=routes))
    assert replay.routes == [[0, 0, 1000, 500], [500, 1000]]
    assert replay.route_of == [0, 0, 1]
    assert load(write_traces(tmp_path / "none.npz")).routes == []


def test_statuses_by_name_or_number(tmp_path: Path) -> None:
    named = load(write_traces(tmp_path / "a.npz"))
    numbered = load(write_traces(tmp_path / "b.npz", status_0=np.array([0, 1, 2])))
    assert named.status == numbered.status == ["certified", "backup", "infeasible"]


def test_the_goal_is_found_in_its_image(tmp_path: Path) -> None:
    replay = load(write_traces(tmp_path / "t.npz"))
    assert replay.goal == (round(1000 * 51 / 64), round(1000 * 41 / 64))
    assert replay.ghost is not None
    opaque = decode(replay.ghost)[..., 3] > 0
    assert opaque.sum() == 4
    assert opaque[40:42, 50:52].all()


def test_a_resting_agent_is_not_taken_for_the_goal(tmp_path: Path) -> None:
    frames = np.full((11, 64, 64, 3), 200, np.uint8)
    frames[0, 5, 5] = frames[1:, 9, 9] = (255, 0, 0)
    replay = load(write_traces(tmp_path / "t.npz", frames_0=frames))
    assert replay.ghost is not None
    assert (decode(replay.ghost)[..., 3] > 0).sum() == 4


def test_a_recorded_goal_position_comes_first(tmp_path: Path) -> None:
    path = write_traces(tmp_path / "t.npz", goal_position_0=np.array([16.0, 48.0]))
    assert load(path).goal == (250, 750)


def test_discs_and_boxes() -> None:
    disc = {"type": "keep-out-disc", "center": [32, 16], "radius": 6.4, "buffer": 0.64}
    box = {"type": "keep-out-box", "low": [16, 48], "high": [8, 64]}
    bound = {"type": "bound", "quantity": "speed", "low": 0.0, "high": 2.0}
    assert parse_zones([disc, box, bound, "noise"], PIXELS) == [
        {"kind": "disc", "at": [500, 250], "radius": (100, 100), "buffer": (10, 10)},
        {"kind": "box", "corners": [[125, 750], [250, 1000]], "buffer": (0, 0)},
    ]


def test_zones_of_an_episode_stand_before_those_of_the_file(tmp_path: Path) -> None:
    def zone(x: float) -> np.ndarray:
        return np.array(json.dumps([{"center": [x, 0], "radius": 1}]))

    path = write_traces(tmp_path / "t.npz", zones=zone(0), zones_0=zone(64))
    assert load(path).zones[0]["at"] == [1000, 0]


@pytest.mark.parametrize("content", [b"", b"not a zip", b"PK\x03\x04 torn"])
def test_a_damaged_file_names_the_remedy(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "traces.npz").write_bytes(content)
    with pytest.raises(ValueError, match="telos evaluate"):
        load(tmp_path / "traces.npz")


def test_a_cut_file_names_the_remedy(tmp_path: Path) -> None:
    path = write_traces(tmp_path / "t.npz")
    path.write_bytes(path.read_bytes()[:-4000])
    with pytest.raises(ValueError, match="telos evaluate"):
        load(path)


def test_pickled_arrays_are_refused(tmp_path: Path) -> None:
    path = write_traces(tmp_path / "t.npz", zones=np.array([{"a": 1}], dtype=object))
    with pytest.raises(ValueError, match="allow_pickle"):
        load(path)


def test_other_cameras_come_at_the_same_steps(tmp_path: Path) -> None:
    rng = np.random.default_rng(1)
    close = rng.integers(0, 255, (11, 48, 64, 3)).astype(np.uint8)
    path = write_traces(tmp_path / "traces.npz", **{"camera-wrist_left_0": close})
    (replay,) = load_replays(path, 1, "px")
    (view,) = replay.others
    assert (view.name, view.size) == ("wrist_left", (64, 48))
    frames = np.concatenate([decode(reel) for reel in view.reels])
    np.testing.assert_array_equal(
        frames.reshape(-1, 48, 64, 3), close[:: replay.stride]
    )
    assert replay.to_json()["others"][0]["name"] == "wrist_left"


def test_the_budget_holds_for_all_cameras_together(tmp_path: Path) -> None:
    noise = np.random.default_rng(1).integers(0, 255, (81, 64, 64, 3)).astype(np.uint8)
    path = write_traces(tmp_path / "traces.npz", steps=80, **{"camera-wrist_0": noise})
    (replay,) = load_replays(path, 1, "px")
    reels = [*replay.reels, *replay.others[0].reels]
    assert sum(map(len, reels)) <= REEL_BYTES
    assert replay.stride == 4
