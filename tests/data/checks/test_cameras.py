"""Pictures that are dead, repeated, frozen, flashing, empty or of two shapes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.data.defects import (
    change,
    of_camera,
    only,
    spans,
    with_pixels,
)

from telos.data import Recording

CHECKS = (
    "motion of pixels",
    "repeated frames of pixels",
    "frozen tails of pixels",
    "light of pixels",
    "empty frames of pixels",
    "borders of pixels",
)


def loud(recording: Recording, folder: Path) -> dict[str, str]:
    found = of_camera(recording, folder)
    return {name: f.level for name, f in found.items() if f.level != "ok"}


def test_sound_cameras_are_fine(
    rooms: Recording, pendulum: Recording, tmp_path: Path
) -> None:
    for recording in (rooms, pendulum, only(rooms, "pixels")):
        assert loud(recording, tmp_path) == {}
        assert tuple(of_camera(recording, tmp_path)) == CHECKS


def test_a_dead_camera(rooms: Recording, tmp_path: Path) -> None:
    def freeze(frames: np.ndarray) -> None:
        frames[:] = frames[0]

    found = of_camera(with_pixels(rooms, freeze), tmp_path)["motion of pixels"]
    assert (found.level, found.value) == ("error", 1)


def test_every_second_frame_repeats_the_one_before(
    pendulum: Recording, tmp_path: Path
) -> None:
    def repeat(frames: np.ndarray) -> None:
        for start, end in spans(pendulum):
            odd = np.arange(start + 1, end, 2)
            frames[odd] = frames[odd - 1]

    found = of_camera(with_pixels(pendulum, repeat), tmp_path)
    finding = found["repeated frames of pixels"]
    assert finding.level == "error"
    assert finding.value == pytest.approx(0.5, abs=0.1)
    for strip in finding.strips:
        assert len(strip.frames) == 2


def test_a_world_that_stands_still_is_no_repeat(
    pendulum: Recording, tmp_path: Path
) -> None:
    """States rest with the picture: nothing is wrong with the camera."""
    arrays = {"pixels": None, "state": None}
    for name in arrays:
        arrays[name] = pendulum.observations[name].copy()
        for start, end in spans(pendulum):
            arrays[name][start + 20 : end] = arrays[name][start + 20]
    labels = {name: np.zeros_like(v) for name, v in pendulum.labels.items()}
    still = change(pendulum, observations=arrays, labels=labels)
    found = of_camera(still, tmp_path)
    assert found["repeated frames of pixels"].level == "ok"
    assert found["frozen tails of pixels"].level == "ok"


def test_frozen_tails(rooms: Recording, tmp_path: Path) -> None:
    frozen = list(spans(rooms))[3:7]

    def freeze(frames: np.ndarray) -> None:
        for _, end in frozen:
            frames[end - 15 : end] = frames[end - 16]

    finding = of_camera(with_pixels(rooms, freeze), tmp_path)["frozen tails of pixels"]
    assert finding.level == "warning"
    assert finding.numbers == {"episodes": 24, "frozen": 4, "longest": 15}
    assert {frame[0] for strip in finding.strips for frame in strip.frames} == {
        3,
        4,
        5,
        6,
    }


def test_flashes_of_light_and_colour(rooms: Recording, tmp_path: Path) -> None:
    def flash(frames: np.ndarray) -> None:
        frames[100:103] = frames[100:103] // 2
        frames[300, ..., 0] = frames[300, ..., 0] // 2

    finding = of_camera(with_pixels(rooms, flash), tmp_path)["light of pixels"]
    assert finding.level == "warning"
    assert finding.numbers["jumps"] == 4
    assert "2 of them change colour" in finding.text


def test_black_and_green_frames(rooms: Recording, tmp_path: Path) -> None:
    def fail(frames: np.ndarray) -> None:
        frames[50:52] = 0
        frames[60] = (0, 130, 0)

    found = of_camera(with_pixels(rooms, fail), tmp_path)
    finding = found["empty frames of pixels"]
    assert (finding.level, finding.numbers["empty"]) == ("warning", 3)
    assert finding.numbers["black"] == 2
    assert found["light of pixels"].level == "ok"
    assert found["repeated frames of pixels"].level == "ok"


def test_letterboxes_in_some_episodes(rooms: Recording, tmp_path: Path) -> None:
    def crop(frames: np.ndarray) -> None:
        for start, end in list(spans(rooms))[:5]:
            frames[start:end, :8] = 0
            frames[start:end, -8:] = 0

    found = of_camera(with_pixels(rooms, crop), tmp_path)["borders of pixels"]
    assert (found.level, found.value) == ("warning", pytest.approx(5 / 24))
