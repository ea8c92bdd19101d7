"""Planted shifts are found from pixels and from states alone, noise is not blamed."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.data.defects import change, of_alignment, only, record, shifted

from telos.data import Recording
from telos.data.checks.alignment import check_alignment
from telos.data.checks.clips import Clips
from telos.data.checks.motion import of_column
from telos.data.checks.sampling import Places
from telos.data.checks.shift import align

SHIFTS = (-2, -1, 1, 2)


@pytest.mark.parametrize("rows", SHIFTS)
def test_a_planted_shift_is_found_in_pixels_alone(
    rooms: Recording, rows: int, tmp_path: Path
) -> None:
    found = of_alignment(only(shifted(rooms, rows), "pixels"), tmp_path)
    assert found["alignment"].value == rows


@pytest.mark.parametrize("rows", SHIFTS)
def test_a_planted_shift_is_found_in_states_alone(
    pendulum: Recording, rows: int, tmp_path: Path
) -> None:
    found = of_alignment(only(shifted(pendulum, rows), "state"), tmp_path)
    assert found["alignment"].value == rows


@pytest.mark.parametrize("rows", SHIFTS)
def test_a_torque_is_seen_in_pictures_of_its_pendulum(
    pendulum: Recording, rows: int, tmp_path: Path
) -> None:
    found = of_alignment(only(shifted(pendulum, rows), "pixels"), tmp_path)
    assert found["alignment"].value == rows


def test_late_actions_are_an_error_that_names_the_remedy(
    rooms: Recording, tmp_path: Path
) -> None:
    found = of_alignment(shifted(rooms, 1), tmp_path)["alignment"]
    assert found.level == "error"
    assert "actions are one row late: import with --shift 1" in found.text
    assert "--shift 1`" in found.remedy


def test_early_actions_may_be_a_delay(rooms: Recording, tmp_path: Path) -> None:
    found = of_alignment(shifted(rooms, -1), tmp_path)["alignment"]
    assert found.level == "warning"
    assert "--shift -1" in found.remedy
    assert "--history 2" in found.remedy


def test_a_sound_recording_is_told_so(
    rooms: Recording, pendulum: Recording, tmp_path: Path
) -> None:
    for recording in (rooms, pendulum):
        found = of_alignment(recording, tmp_path)
        alignment = found["alignment"]
        assert (alignment.level, alignment.value) == ("ok", 0)
        assert len(alignment.numbers) >= 2
        assert {tuple(n["consistent"]) for n in alignment.numbers.values()} == {(0,)}
        assert found["effect of actions"].level == "ok"
        assert "streams against each other" not in found


def test_noise_is_not_taken_for_a_shift(rooms: Recording, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    noise = rng.uniform(-1, 1, rooms.actions.shape).astype(np.float32)
    noise[np.isnan(rooms.actions)] = np.nan
    found = of_alignment(change(rooms, actions=noise), tmp_path)
    assert (found["alignment"].level, found["alignment"].value) == ("ok", None)
    assert found["effect of actions"].level == "warning"


def test_a_camera_that_lags_behind_the_state_is_found(
    pendulum: Recording, tmp_path: Path
) -> None:
    late = pendulum.observations["pixels"].copy()
    late[1:] = pendulum.observations["pixels"][:-1]
    late[pendulum.starts] = pendulum.observations["pixels"][pendulum.starts]
    streams = {**pendulum.observations, "pixels": late}
    found = of_alignment(change(pendulum, observations=streams), tmp_path)
    finding = found["streams against each other"]
    assert (finding.level, finding.value) == ("warning", 1)
    assert found["alignment by pixels"].value == -1
    assert found["alignment by state"].value == 0
    assert "pixels shows what actions do one row later" in finding.text


def linear_clips(
    feedback: float, noise: float, shift: int = 0, seed: int = 0
) -> tuple[Clips, np.ndarray]:
    """Positions that follow x' = x + a + w under a = -feedback x + noise."""
    rng = np.random.default_rng(seed)
    clips, length = 40, 60
    states = np.zeros((clips, length, 1))
    actions = np.full((clips, length, 1), np.nan, np.float32)
    for t in range(length - 1):
        actions[:, t] = -feedback * states[:, t] + noise * rng.normal(size=(clips, 1))
        states[:, t + 1] = states[:, t] + actions[:, t] + rng.normal(size=(clips, 1))
    stored = np.full_like(actions, np.nan)
    for t in range(length - 1):
        stored[:, t] = actions[:, min(max(t - shift, 0), length - 2)]
    places = Places(
        episodes=np.arange(clips),
        firsts=np.zeros(clips, np.int64),
        lengths=np.full(clips, length),
    )
    flat = stored.reshape(-1, 1)
    column = states.reshape(-1, 1)
    return Clips(places=places, actions=flat, columns={}), column


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("feedback", [0.0, 0.3])
@pytest.mark.parametrize("shift", [-1, 0, 1])
def test_an_exploring_controller_tells_the_shift(
    feedback: float, shift: int, seed: int
) -> None:
    clips, column = linear_clips(feedback, noise=1.0, shift=shift, seed=seed)
    features = of_column("state", clips, [column])
    assert features is not None
    found = align(features)
    assert found is not None
    assert found.shift == shift


def test_an_answer_to_the_frame_is_not_taken_for_a_late_row() -> None:
    """Without exploration an action tells nothing of the motion that it causes, and
    the motion before it tells all: a naive fit would call it one row late."""
    clips, column = linear_clips(feedback=0.3, noise=0.0)
    features = of_column("state", clips, [column])
    assert features is not None
    found = align(features)
    assert found is not None
    assert 0 in found.shifts or found.shifts == ()


def test_streams_that_allow_a_common_shift_do_not_contradict_each_other() -> None:
    """What follows from positions alone is ambiguous; what says more decides."""
    clips, column = linear_clips(feedback=0.0, noise=1.0)
    sure = of_column("state", clips, [column])
    # The next position less the present one: it tells the action, and alone.
    telling = of_column("echo", clips, [np.roll(np.nan_to_num(clips.actions), 1, 0)])
    assert sure is not None
    assert telling is not None
    found = {f.check: f for f in check_alignment([telling, sure])}
    assert found["alignment"].numbers["echo"]["consistent"] == [0, -1]
    assert found["alignment"].numbers["state"]["consistent"] == [0]
    assert found["alignment"].value == 0
    assert "echo agrees" in found["alignment"].text


def test_too_few_steps_say_nothing(tmp_path: Path) -> None:
    short = record(tmp_path / "a.h5", "two-rooms", episodes=3, steps=12)
    found = of_alignment(short, tmp_path)
    assert found["alignment"].level == "ok"
    assert "cannot be told" in found["alignment"].text
