"""Collecting: aligned, independent of the batch size, resumable, safe to stop."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tests.data.worlds import DriftWorld, NoisePolicy, picture

from telos.collect import CollectSummary, collect
from telos.data import EpisodeFile
from telos.envs.world import Step

EPISODES, STEPS = 7, 9


def record(
    path: Path, *, num_envs: int = 3, ends: bool = True, **arguments: object
) -> CollectSummary:
    world = DriftWorld(num_envs, ends=ends)
    settings = {"episodes": EPISODES, "steps": STEPS, "seed": 2, **arguments}
    return collect(world, NoisePolicy(world.spec), path, **settings)


@pytest.mark.parametrize("num_envs", [1, 2, 7, 10])
def test_the_batch_size_does_not_change_the_recording(
    tmp_path: Path, num_envs: int
) -> None:
    record(tmp_path / "a.h5", num_envs=3)
    record(tmp_path / "b.h5", num_envs=num_envs)
    first, second = EpisodeFile(tmp_path / "a.h5"), EpisodeFile(tmp_path / "b.h5")
    assert first.digest == second.digest
    assert first.seeds.tolist() == [2, 3, 4, 5, 6, 7, 8]
    assert first.layouts[0] == {"wall": 1.0}


def test_frames_stand_with_the_action_that_leaves_them(tmp_path: Path) -> None:
    record(tmp_path / "a.h5", ends=False)
    episode = EpisodeFile(tmp_path / "a.h5").episode(1)
    rng = np.random.default_rng(3)
    position = rng.normal(size=2)
    for time in range(STEPS + 1):
        seen = episode.observations["state"][time]
        np.testing.assert_allclose(seen, position, atol=1e-5)
        np.testing.assert_array_equal(
            episode.observations["pixels"][time], picture(seen[None])[0]
        )
        np.testing.assert_array_equal(episode.labels["position"][time], seen)
        if time < STEPS:
            noise = rng.normal(size=2)
            position = position + 0.5 * episode.actions[time] + 0.1 * noise


def test_stored_actions_are_the_clipped_ones(tmp_path: Path) -> None:
    record(tmp_path / "a.h5")
    actions = EpisodeFile(tmp_path / "a.h5").load().actions
    assert np.nanmin(actions[:, 0]) == -2
    assert np.nanmax(actions[:, 1]) == 3


def test_terminated_environments_end_their_episode_early(tmp_path: Path) -> None:
    summary = record(tmp_path / "a.h5")
    lengths = EpisodeFile(tmp_path / "a.h5").lengths
    expected = [min(STEPS, 5 + seed % 7) for seed in range(2, 9)]
    np.testing.assert_array_equal(lengths - 1, expected)
    assert summary.steps == sum(expected)
    # Seed 4 ends on the very last step, which is no early end.
    assert summary.terminated == sum(length < STEPS for length in expected)


def test_resume_after_ctrl_c_equals_an_uninterrupted_collection(tmp_path: Path) -> None:
    def stop(episodes: int, total: int, steps: int) -> None:
        if episodes == 3 and steps > 25:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        record(tmp_path / "a.h5", progress=stop)
    assert EpisodeFile(tmp_path / "a.h5").num_episodes == 3
    summary = record(tmp_path / "a.h5", resume=True)
    assert (summary.episodes, summary.found) == (4, 3)
    record(tmp_path / "b.h5")
    digests = {EpisodeFile(tmp_path / name).digest for name in ("a.h5", "b.h5")}
    assert len(digests) == 1


def test_resuming_a_complete_collection_does_nothing(tmp_path: Path) -> None:
    record(tmp_path / "a.h5")
    before = (tmp_path / "a.h5").read_bytes()
    assert record(tmp_path / "a.h5", resume=True).episodes == 0
    assert (tmp_path / "a.h5").read_bytes() == before


def test_append_needs_new_seeds(tmp_path: Path) -> None:
    record(tmp_path / "a.h5")
    with pytest.raises(ValueError, match="7 episodes with seeds.*--seed 9"):
        record(tmp_path / "a.h5", append=True)
    record(tmp_path / "a.h5", append=True, seed=9)
    assert EpisodeFile(tmp_path / "a.h5").num_episodes == 14


def test_existing_file_is_refused_before_anything_runs(tmp_path: Path) -> None:
    record(tmp_path / "a.h5")
    with pytest.raises(FileExistsError, match="--overwrite"):
        record(tmp_path / "a.h5")


def test_progress_counts_up_to_everything(tmp_path: Path) -> None:
    heard: list[tuple[int, int, int]] = []
    summary = record(tmp_path / "a.h5", progress=lambda *now: heard.append(now))
    assert heard[-1] == (EPISODES, EPISODES, summary.steps)
    assert heard == sorted(heard)


@pytest.mark.parametrize("wrong", [{"episodes": 0}, {"steps": 0}, {"seed": -1}])
def test_wrong_numbers(tmp_path: Path, wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least 1|0 or more"):
        record(tmp_path / "a.h5", **wrong)
    assert not list(tmp_path.iterdir())


class WrongWorld(DriftWorld):
    """Shows doubles where its spec promises single precision."""

    def _show(self) -> Step:
        step = super()._show()
        labels = {"position": step.labels["position"].astype(np.float64)}
        return Step(
            observations=step.observations, labels=labels, terminated=step.terminated
        )


def test_a_world_that_breaks_its_spec_is_found_out(tmp_path: Path) -> None:
    world = WrongWorld()
    with pytest.raises(ValueError, match="labels/position: found dtype float64"):
        collect(world, NoisePolicy(world.spec), tmp_path / "a.h5", episodes=2, steps=3)
    assert not list(tmp_path.iterdir())
