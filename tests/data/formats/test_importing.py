"""Sources to episode files: resumable, nothing partial, with where it came from."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.data.worlds import drift_spec, make_episode

from telos.data import EpisodeFile, EpisodeWriter
from telos.data.checks import inspect_file
from telos.data.formats import Source
from telos.data.formats.importing import import_source
from telos.data.formats.pairing import Pairing
from telos.envs.world import StreamSpec, WorldSpec
from telos.types import Episode


class DriftSource:
    """Episodes of the test world; damaged from a number on, if asked for."""

    format, fps = "drift-v1", 30.0

    def __init__(self, count: int = 6, damaged: int | None = None) -> None:
        self.num_episodes, self.damaged, self.spec = count, damaged, drift_spec()
        self.asked: list[int] = []

    def episodes(self, first: int = 0) -> Iterator[Episode]:
        for number in range(first, self.num_episodes):
            self.asked.append(number)
            if number == self.damaged:
                raise ValueError(f"episode {number} is damaged")
            yield make_episode(number, steps=3 + number)


def test_a_source_becomes_a_file(tmp_path: Path) -> None:
    source, seen = DriftSource(), []
    assert isinstance(source, Source)
    path = tmp_path / "a.h5"
    summary = import_source(source, path, progress=lambda *at: seen.append(at))
    file = EpisodeFile(path)
    assert file.seeds.tolist() == list(range(6))
    for number in range(6):
        stored, original = file.episode(number), make_episode(number, steps=3 + number)
        assert np.array_equal(stored.actions, original.actions)
        for name, array in original.observations.items():
            assert np.array_equal(stored.observations[name], array)
    assert (summary.found, summary.episodes, summary.too_short) == (0, 6, 0)
    assert summary.steps == file.num_frames - 6
    assert seen == [(n, 6) for n in range(1, 7)]
    assert file.spec.options == {
        "layout": "random",
        "format": "drift-v1",
        "source": "drift",
        "fps": 30.0,
        "shift": 0,
        "every": 1,
    }


def test_one_episode_is_read_ahead_and_no_thread_is_left(tmp_path: Path) -> None:
    source, before = DriftSource(), set(threading.enumerate())
    ahead: list[int] = []

    def progress(done: int, wanted: int) -> None:
        ahead.append(len(source.asked) - done)

    import_source(source, tmp_path / "a.h5", progress=progress)
    assert max(ahead) <= 1
    with pytest.raises(ValueError, match="episode 3 is damaged"):
        import_source(DriftSource(damaged=3), tmp_path / "b.h5")
    assert set(threading.enumerate()) == before


def test_the_first_episodes_alone_and_the_rest_later(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    source = DriftSource()
    import_source(source, path, episodes=2)
    assert source.asked == [0, 1]
    summary = import_source(source, path, resume=True)
    assert source.asked == [0, 1, 2, 3, 4, 5]
    assert (summary.found, summary.episodes) == (2, 4)
    whole = tmp_path / "b.h5"
    import_source(DriftSource(), whole)
    assert EpisodeFile(path).digest == EpisodeFile(whole).digest
    assert import_source(source, path, resume=True).episodes == 0


def test_damage_leaves_no_file_and_what_was_before_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    with pytest.raises(ValueError, match="episode 3 is damaged"):
        import_source(DriftSource(damaged=3), path)
    assert not path.exists()
    with pytest.raises(FileExistsError, match="continue with --resume"):
        import_source(DriftSource(), path)
    mended = DriftSource()
    assert import_source(mended, path, resume=True).found == 3
    assert mended.asked == [3, 4, 5]
    assert [p.name for p in tmp_path.iterdir()] == ["a.h5"]


def test_damage_in_the_first_episode_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="episode 0 is damaged"):
        import_source(DriftSource(damaged=0), tmp_path / "a.h5")
    assert list(tmp_path.iterdir()) == []


def test_existing_files_are_kept_unless_replaced(tmp_path: Path) -> None:
    path = tmp_path / "a.h5"
    import_source(DriftSource(2), path)
    with pytest.raises(FileExistsError, match="--resume or replace it with --overw"):
        import_source(DriftSource(3), path)
    assert EpisodeFile(path).num_episodes == 2
    import_source(DriftSource(3), path, overwrite=True)
    assert EpisodeFile(path).num_episodes == 3
    other = Pairing(shift=1)
    with pytest.raises(ValueError, match="was recorded in another world: "):
        import_source(DriftSource(3), path, pairing=other, resume=True)


@pytest.mark.parametrize("value", [np.nan, np.inf, 99.0])
def test_impossible_actions_are_refused_by_episode(
    value: float, tmp_path: Path
) -> None:
    class Broken(DriftSource):
        def episodes(self, first: int = 0) -> Iterator[Episode]:
            for episode in super().episodes(first):
                if episode.seed == 1:
                    episode.actions[2, 0] = value
                yield episode

    with pytest.raises(ValueError, match=r"drift, episode 1: actions: .*"):
        import_source(Broken(), tmp_path / "a.h5")


def test_too_short_episodes_are_left_out_and_not_asked_for_again(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.h5"
    summary = import_source(DriftSource(), path, pairing=Pairing(every=4))
    assert (summary.episodes, summary.too_short) == (5, 1)
    assert EpisodeFile(path).seeds.tolist() == [1, 2, 3, 4, 5]
    again = DriftSource(7)
    import_source(again, path, pairing=Pairing(every=4), resume=True)
    assert again.asked == [6]
    with pytest.raises(ValueError, match="nothing to write: all 6 episodes"):
        import_source(DriftSource(), tmp_path / "b.h5", pairing=Pairing(every=9))
    assert [p.name for p in tmp_path.iterdir()] == ["a.h5"]


def test_without_actions_a_file_is_written_read_and_checked(tmp_path: Path) -> None:
    class Silent(DriftSource):
        def __init__(self) -> None:
            super().__init__()
            nothing = np.zeros(0, np.float32)
            self.spec = drift_spec(action_low=nothing, action_high=nothing)

        def episodes(self, first: int = 0) -> Iterator[Episode]:
            for episode in super().episodes(first):
                yield replace(episode, actions=episode.actions[:, :0])

    path = tmp_path / "a.h5"
    import_source(Silent(), path, pairing=Pairing(every=2))
    file = EpisodeFile(path)
    recording = file.load()
    assert file.spec.action_low.shape == (0,)
    assert recording.actions.shape == (recording.num_frames, 0)
    found = [f for f in inspect_file(file).findings if f.family == "actions"]
    assert [finding.check for finding in found] == ["actions"]
    assert "plain video" in found[0].text
    assert len(file.digest) == 64


# --- pairing


def row_episode(steps: int) -> Episode:
    """Frame t shows t; action t is t."""
    frames = np.arange(steps + 1, dtype=np.float32)
    return Episode(
        observations={"state": frames[:, None]},
        actions=frames[:-1, None],
        labels={"time": frames.astype(float)},
    )


@given(st.integers(1, 30), st.integers(-5, 5), st.integers(1, 4))
def test_pairing_by_its_definition(steps: int, shift: int, every: int) -> None:
    found = Pairing(shift=shift, every=every).episode(row_episode(steps))
    # Frames that have an action when frame t gets the action of row t + shift.
    paired = [t for t in range(steps) if 0 <= t + shift < steps]
    groups = len(paired) // every
    if groups == 0:
        assert found is None
        return
    assert found is not None
    kept = paired[: groups * every]
    frames = [*kept[::every], kept[-1] + 1]
    assert found.observations["state"][:, 0].tolist() == frames
    assert found.labels["time"].tolist() == frames
    expected = np.array([t + shift for t in kept]).reshape(groups, every)
    assert np.array_equal(found.actions, expected)


def test_the_spec_follows_the_pairing() -> None:
    spec = Pairing(shift=-1, every=3).spec(drift_spec())
    assert spec.action_low.tolist() == [-2, -1] * 3
    assert spec.max_steps == 29 // 3
    with pytest.raises(ValueError, match="every is 0"):
        Pairing(every=0)


def test_a_shift_of_one_undoes_a_late_recorder(tmp_path: Path) -> None:
    spec = WorldSpec(
        id="line",
        action_low=np.array([-1.0], np.float32),
        action_high=np.array([1.0], np.float32),
        streams={"state": StreamSpec(shape=(1,), dtype="float32")},
        labels={"position": StreamSpec(shape=(1,), dtype="float32")},
        max_steps=50,
    )
    rng = np.random.default_rng(0)
    right = []
    for seed in range(8):
        actions = rng.uniform(-1, 1, (50, 1)).astype(np.float32)
        zero = np.zeros((1, 1), np.float32)
        position = np.concatenate([zero, np.cumsum(actions, axis=0)])
        streams = {"state": position}
        labels = {"position": position}
        right.append(
            Episode(observations=streams, actions=actions, labels=labels, seed=seed)
        )
    late = [replace(e, actions=np.roll(e.actions, 1, axis=0)) for e in right]
    mended = [Pairing(shift=1).episode(e) for e in late]

    def shift_and_advice(episodes: list) -> tuple[float | None, str]:
        path = tmp_path / "line.h5"
        with EpisodeWriter(path, spec, overwrite=True) as writer:
            for episode in episodes:
                writer.append(episode)
        findings = inspect_file(EpisodeFile(path)).findings
        told = next(f for f in findings if f.check == "alignment")
        return told.value, told.remedy

    assert shift_and_advice(right) == (0, "")
    shift, advice = shift_and_advice(late)
    assert shift == 1
    assert "telos import ... --shift 1" in advice
    assert shift_and_advice(mended) == (0, "")
    for before, after in zip(right, mended, strict=True):
        assert after is not None
        assert np.array_equal(after.actions, before.actions[:-1])
