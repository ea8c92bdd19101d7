"""A million tiny episodes: what is kept of each is small, and no work is quadratic."""

from __future__ import annotations

import json
import tracemalloc
from pathlib import Path

import h5py
import numpy as np
import pytest
from tests.data.worlds import drift_spec

from telos.data import EpisodeFile, WindowSampler, split_by_episode
from telos.data import join as join_module
from telos.data.schema import FORMAT, VERSION, create_datasets, dataset, spec_to_json

FRAMES = 3


def tiny_episodes(path: Path, count: int, layouts: int) -> Path:
    """Episodes of two steps without images, with so many different layouts."""
    spec = drift_spec()
    spec = type(spec)(**{**vars(spec), "streams": {"state": spec.streams["state"]}})
    texts = [json.dumps({"wall": n / 7, "door": n / 9}) for n in range(layouts)]
    with h5py.File(path, "w") as file:
        file.attrs.update(format=FORMAT, version=VERSION, spec=spec_to_json(spec))
        file.attrs.update(created="today", collection="tiny")
        create_datasets(file, spec, FRAMES * count, count)
        dataset(file, "episodes/start")[:] = FRAMES * np.arange(count)
        dataset(file, "episodes/length")[:] = FRAMES
        dataset(file, "episodes/seed")[:] = np.arange(count)
        dataset(file, "episodes/layout")[:] = [texts[n % layouts] for n in range(count)]
        actions = np.zeros((FRAMES * count, 2), np.float32)
        actions[FRAMES - 1 :: FRAMES] = np.nan
        dataset(file, "actions")[:] = actions
    return path


def test_opening_keeps_little_of_each_episode(tmp_path: Path) -> None:
    """Three numbers and a layout, which is shared where it is the same."""
    kept = {}
    for layouts in (2, 20_000):
        path = tiny_episodes(tmp_path / "tiny.h5", 20_000, layouts)
        tracemalloc.start()
        file = EpisodeFile(path)
        kept[layouts] = tracemalloc.get_traced_memory()[0] / file.num_episodes
        tracemalloc.stop()
        assert file.layouts[7] == {"wall": (7 % layouts) / 7, "door": (7 % layouts) / 9}
    assert kept[2] < 64
    assert kept[20_000] < 1024


def test_many_episodes_are_split_and_cut(tmp_path: Path) -> None:
    file = EpisodeFile(tiny_episodes(tmp_path / "tiny.h5", 20_000, 5))
    train, held_out = split_by_episode(file.num_episodes, 0.08)
    assert len(held_out) == 1600
    sampler = WindowSampler(file.stream().select(train), length=2, batch=64)
    assert sampler.num_positions == len(train)
    for step in range(20):
        assert sampler.batch(step).actions.isfinite().all()


def test_slabs_cover_every_episode_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = EpisodeFile(tiny_episodes(tmp_path / "tiny.h5", 500, 5))
    for frames in (1, 7, 100, 10**6):
        monkeypatch.setattr(join_module, "SLAB_FRAMES", frames)
        seeds = [slab.seeds for slab in join_module.slabs(file)]
        np.testing.assert_array_equal(np.concatenate(seeds), np.arange(500))
        assert max(len(part) for part in seeds) <= frames // FRAMES + 1
