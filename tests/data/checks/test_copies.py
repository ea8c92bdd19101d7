"""Episodes that are there twice, exactly or nearly; and those that only look so."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
from tests.data.defects import change, of_copies, only, save, spans, with_spec
from tests.data.worlds import drift_spec

from telos.data import Recording, split_by_episode
from telos.data.checks.copies import HELD_OUT, check_copies
from telos.data.checks.sampling import Sampling


def copied(
    recording: Recording, pairs: list[tuple[int, int]], noise: int = 0
) -> Recording:
    """The first episode of each pair in place of the second; pixels get noise."""
    rng = np.random.default_rng(0)
    places = list(spans(recording))
    arrays = {
        "observations": {k: v.copy() for k, v in recording.observations.items()},
        "labels": {k: v.copy() for k, v in recording.labels.items()},
        "actions": recording.actions.copy(),
    }
    for first, second in pairs:
        source, target = slice(*places[first]), slice(*places[second])
        for streams in (arrays["observations"], arrays["labels"]):
            for values in streams.values():
                values[target] = values[source]
        arrays["actions"][target] = arrays["actions"][source]
        if noise:
            frames = arrays["observations"]["pixels"]
            added = rng.integers(-noise, noise + 1, frames[target].shape)
            frames[target] = np.clip(frames[target].astype(int) + added, 0, 255)
    return change(recording, **arrays)


def test_different_episodes_are_no_copies(
    rooms: Recording, pendulum: Recording, tmp_path: Path
) -> None:
    for recording in (rooms, pendulum, only(rooms, "pixels")):
        found = of_copies(recording, tmp_path)
        assert (found.level, found.value) == ("ok", 0)


def test_copies_are_counted_grouped_and_shown(rooms: Recording, tmp_path: Path) -> None:
    found = of_copies(copied(rooms, [(1, 9), (1, 17), (4, 20)]), tmp_path)
    assert found.value == 3
    assert sorted(found.numbers["groups"]) == [[1, 9, 17], [4, 20]]
    assert {f[0] for strip in found.strips for f in strip.frames} >= {1, 9}


def test_copies_with_noise_are_found(rooms: Recording, tmp_path: Path) -> None:
    found = of_copies(copied(rooms, [(2, 11)], noise=2), tmp_path)
    assert found.numbers["groups"] == [[2, 11]]


def test_copies_across_the_split_are_an_error(rooms: Recording, tmp_path: Path) -> None:
    train, held_out = split_by_episode(rooms.num_episodes, HELD_OUT)
    across = of_copies(copied(rooms, [(int(train[0]), int(held_out[0]))]), tmp_path)
    assert (across.level, across.numbers["across_split"]) == ("error", 1)
    within = of_copies(copied(rooms, [(int(train[0]), int(train[1]))]), tmp_path)
    assert (within.level, within.numbers["across_split"]) == ("warning", 0)


def test_equal_actions_in_other_rooms_are_no_copies(
    rooms: Recording, tmp_path: Path
) -> None:
    places = list(spans(rooms))
    actions = rooms.actions.copy()
    actions[slice(*places[5])] = actions[slice(*places[6])]
    found = of_copies(change(rooms, actions=actions), tmp_path)
    assert found.value == 0
    assert found.numbers["candidates"] == 1


def test_plain_video_is_compared_by_its_pictures(
    rooms: Recording, tmp_path: Path
) -> None:
    none = np.zeros((rooms.num_frames, 0), np.float32)
    twice = copied(rooms, [(3, 8)])
    video = change(
        with_spec(twice, action_low=none[0], action_high=none[0]), actions=none
    )
    assert of_copies(video, tmp_path).numbers["groups"] == [[3, 8]]


def test_thousands_of_episodes_are_compared(tmp_path: Path) -> None:
    episodes, length = 3000, 6
    rng = np.random.default_rng(0)
    spec = replace(drift_spec(), streams={"state": drift_spec().streams["state"]})
    actions = rng.uniform(-1, 1, (episodes, length, 2)).astype(np.float32)
    state = rng.normal(size=(episodes, length, 2)).astype(np.float32)
    actions[2900], state[2900] = actions[17], state[17]
    actions[:, -1] = np.nan
    flat = state.reshape(-1, 2)
    recording = Recording(
        observations={"state": flat},
        labels={"position": flat},
        actions=actions.reshape(-1, 2),
        starts=np.arange(episodes) * length,
        lengths=np.full(episodes, length),
        seeds=np.arange(episodes),
        layouts=tuple({} for _ in range(episodes)),
        spec=spec,
    )
    file = save(recording, tmp_path / "many.h5")
    (found,) = check_copies(file, Sampling())
    assert found.numbers["groups"] == [[17, 2900]]
    assert found.numbers["compared"] == episodes
