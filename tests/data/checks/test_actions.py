"""Actions that say little: constant, saturated, outside, few, tied, never tried."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.data.defects import change, of_tables, with_spec

from telos.data import Recording
from telos.data.checks.finding import Finding


def found(
    recording: Recording, folder: Path, **columns: np.ndarray
) -> dict[str, Finding]:
    """Findings after the columns x and y of the actions were replaced."""
    actions = recording.actions.copy()
    for dim, name in enumerate("xy"):
        if name in columns:
            actions[:, dim] = columns[name]
    actions[np.isnan(recording.actions[:, 0])] = np.nan
    return of_tables(change(recording, actions=actions), folder)


def test_constant_and_nearly_constant_dimensions(
    rooms: Recording, tmp_path: Path
) -> None:
    rng = np.random.default_rng(0)
    still = np.full(rooms.num_frames, 0.5)
    hardly = 0.5 + 1e-5 * rng.normal(size=rooms.num_frames)
    finding = found(rooms, tmp_path, x=still, y=hardly)["constant actions"]
    assert (finding.level, finding.value) == ("warning", 2)
    assert finding.numbers["constant"] == [0]
    assert finding.numbers["nearly"] == [1]


def test_saturated_actions(rooms: Recording, tmp_path: Path) -> None:
    high = float(rooms.spec.action_high[0])
    bang = np.where(rooms.actions[:, 0] > 0, high, -high)
    finding = found(rooms, tmp_path, x=bang)["saturated actions"]
    assert (finding.level, finding.value) == ("warning", 1)


def test_actions_outside_their_bounds(rooms: Recording, tmp_path: Path) -> None:
    finding = found(rooms, tmp_path, y=1.2 * rooms.actions[:, 1])["action bounds"]
    assert finding.level == "error"
    limit = rooms.spec.action_high[1]
    outside = np.abs(1.2 * rooms.actions[:, 1]) > limit * (1 + 2e-4)
    assert finding.value == pytest.approx(outside.sum() / rooms.num_transitions)


def test_discrete_actions_stored_as_numbers(rooms: Recording, tmp_path: Path) -> None:
    coarse = np.round(rooms.actions[:, 0])
    finding = found(rooms, tmp_path, x=coarse)["distinct actions"]
    assert (finding.level, finding.value) == ("warning", len(np.unique(coarse[:40])))


def test_actions_in_a_corner_and_actions_that_are_one(
    rooms: Recording, tmp_path: Path
) -> None:
    corner = 0.1 * rooms.actions
    small = found(rooms, tmp_path, x=corner[:, 0], y=corner[:, 1])
    assert small["action coverage"].level == "warning"
    assert small["correlated actions"].level == "ok"
    tied = found(rooms, tmp_path, y=rooms.actions[:, 0])["correlated actions"]
    assert tied.level == "warning"
    assert tied.value == pytest.approx(1)


def test_plain_video_has_no_actions_to_check(rooms: Recording, tmp_path: Path) -> None:
    none = np.zeros((rooms.num_frames, 0), np.float32)
    video = change(
        with_spec(rooms, action_low=none[0], action_high=none[0]), actions=none
    )
    finding = of_tables(video, tmp_path)["actions"]
    assert (finding.level, finding.value) == ("ok", 0)
    assert "plain video" in finding.text
