"""Values, seeds, lengths and time stamps: controls stay quiet, defects do not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from tests.data.defects import (
    change,
    findings,
    of_tables,
    spans,
    times,
    with_label,
    with_spec,
)

from telos.data import Recording
from telos.envs.world import StreamSpec


def test_a_sound_recording_has_no_findings(
    rooms: Recording, pendulum: Recording, tmp_path: Path
) -> None:
    for recording in (rooms, pendulum):
        timed = with_label(recording, "time", times(recording))
        found = findings(with_spec(timed, options={"fps": 10}), tmp_path)
        loud = {n: f.text for n, f in found.items() if f.level != "ok"}
        assert loud == {}


def test_one_nan_is_found_wherever_it_is(rooms: Recording, tmp_path: Path) -> None:
    labels = {**rooms.labels, "position": rooms.labels["position"].copy()}
    labels["position"][333, 1] = np.nan
    actions = rooms.actions.copy()
    actions[5, 0] = np.inf
    found = of_tables(change(rooms, labels=labels, actions=actions), tmp_path)
    finding = found["non-finite values"]
    assert (finding.level, finding.value) == ("error", 2)
    assert "labels/position in 1 row" in finding.text
    assert "actions in 1 row" in finding.text


def test_nan_in_wide_features_is_found_where_they_are_read(
    rooms: Recording, tmp_path: Path
) -> None:
    wide = np.zeros((rooms.num_frames, 300), np.float32)
    wide[:, 7] = np.nan
    spec = StreamSpec(shape=(300,), dtype="float32")
    recording = change(
        rooms,
        observations={**rooms.observations, "features": wide},
        spec=replace(rooms.spec, streams={**rooms.spec.streams, "features": spec}),
    )
    finding = of_tables(recording, tmp_path)["non-finite values"]
    assert finding.level == "error"
    assert "observations/features" in finding.text


def test_repeated_seeds_warn(rooms: Recording, tmp_path: Path) -> None:
    seeds = rooms.seeds.copy()
    seeds[3] = seeds[9]
    finding = of_tables(change(rooms, seeds=seeds), tmp_path)["seeds"]
    assert (finding.level, finding.value) == ("warning", 1)


def cut(recording: Recording, lengths: list[int]) -> Recording:
    """Episodes cut to lengths (frames)."""
    rows = np.concatenate(
        [
            np.arange(start, start + length)
            for (start, _), length in zip(spans(recording), lengths, strict=True)
        ]
    )
    sizes = np.array(lengths)
    actions = recording.actions[rows].copy()
    starts = np.cumsum(sizes) - sizes
    actions[starts + sizes - 1] = np.nan
    return change(
        recording,
        observations={k: v[rows] for k, v in recording.observations.items()},
        labels={k: v[rows] for k, v in recording.labels.items()},
        actions=actions,
        starts=starts,
        lengths=sizes,
    )


def test_episodes_shorter_than_a_window(rooms: Recording, tmp_path: Path) -> None:
    lengths = [41] * 4 + [4] * 20
    finding = of_tables(cut(rooms, lengths), tmp_path, window=4)["short episodes"]
    assert finding.level == "warning"
    assert "20 episodes of 24" in finding.text
    assert of_tables(cut(rooms, lengths), tmp_path, window=3)[
        "short episodes"
    ].level == ("ok")
    assert of_tables(cut(rooms, [4] * 24), tmp_path)["short episodes"].level == "error"


def test_a_few_long_episodes_hold_most(rooms: Recording, tmp_path: Path) -> None:
    finding = of_tables(cut(rooms, [41] + [2] * 23), tmp_path, window=1)
    assert finding["spread of lengths"].level == "warning"


def test_without_time_stamps_nothing_is_claimed(
    rooms: Recording, tmp_path: Path
) -> None:
    found = of_tables(rooms, tmp_path)
    assert found["time stamps"].level == "ok"
    assert "cannot be seen" in found["time stamps"].text
    assert "dropped frames" not in found


def test_dropped_frames_are_counted_and_shown(rooms: Recording, tmp_path: Path) -> None:
    time = times(rooms)
    start, end = list(spans(rooms))[5]
    time[start + 10 : end] += 0.2  # two frames are missing
    found = of_tables(with_label(rooms, "time", time), tmp_path)["dropped frames"]
    assert found.level == "warning"
    assert found.value == 2 / (2 + rooms.num_transitions)
    assert "in 1 gap" in found.text
    assert found.numbers["places"] == [(5, 9)]
    assert found.strips[0].frames == ((5, 9), (5, 10))
    many = np.cumsum(np.where(np.arange(rooms.num_frames) % 5 == 0, 0.3, 0.1))
    assert of_tables(with_label(rooms, "time", many), tmp_path)[
        "dropped frames"
    ].level == ("error")


def test_jitter_is_no_gap(rooms: Recording, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    time = times(rooms) + rng.uniform(-0.02, 0.02, rooms.num_frames)
    found = of_tables(with_label(rooms, "time", time), tmp_path)
    assert found["dropped frames"].level == "ok"
    assert found["order of time stamps"].level == "ok"


def test_a_clock_that_is_not_the_nominal_one(rooms: Recording, tmp_path: Path) -> None:
    timed = with_label(rooms, "time", times(rooms, 0.1))
    for fps, level in ((10, "ok"), (10.3, "warning"), (12, "error")):
        found = of_tables(with_spec(timed, options={"fps": fps}), tmp_path)
        assert found["frame rate"].level == level
        assert found["dropped frames"].level == "ok"


def test_time_that_runs_backwards(rooms: Recording, tmp_path: Path) -> None:
    time = times(rooms)
    time[7] = 0.0
    found = of_tables(with_label(rooms, "time", time), tmp_path)
    assert found["order of time stamps"].level == "error"
