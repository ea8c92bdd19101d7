"""Small recordings in the layouts of other projects, written by hand.

Everything is given, so that a test can spoil one thing at a time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import h5py
import numpy as np

from telos.types import Episode

LENGTHS = (4, 1, 6)
"""Steps of the episodes."""
SIDE = 8
"""Pixels of the images."""


def images(episode: int, frames: int, side: int = SIDE) -> np.ndarray:
    """(T, side, side, 3) uint8 that tell episode, frame, place and channel apart."""
    rng = np.random.default_rng([episode, side])
    return rng.integers(0, 256, (frames, side, side, 3), np.uint8)


def vectors(episode: int, frames: int, size: int, key: int = 0) -> np.ndarray:
    """(T, size) float64."""
    return np.random.default_rng([episode, size, key]).normal(size=(frames, size))


def commands(episode: int, steps: int, size: int = 2) -> np.ndarray:
    """(T, size) float32 in [-1, 1]."""
    rng = np.random.default_rng([episode, 7])
    return rng.uniform(-1, 1, (steps, size)).astype(np.float32)


def minari(
    folder: Path,
    lengths: Sequence[int] = LENGTHS,
    *,
    space: Mapping | None = None,
    **about: object,
) -> Path:
    """A Minari dataset of vector observations; returns its folder."""
    data = folder / "data"
    data.mkdir(parents=True)
    box = {"type": "Box", "dtype": "float64", "shape": [2], "low": [-1] * 2}
    description = {
        "total_episodes": len(lengths),
        "total_steps": sum(lengths),
        "data_format": "hdf5",
        "dataset_id": "hand/made-v0",
        "minari_version": "0.5.3",
        "action_space": json.dumps(space or {**box, "high": [1] * 2}),
    }
    (data / "metadata.json").write_text(json.dumps({**description, **about}))
    with h5py.File(data / "main_data.hdf5", "w") as file:
        for number, steps in enumerate(lengths):
            group = file.create_group(f"episode_{number}")
            group.attrs["total_steps"] = steps
            group["observations"] = vectors(number, steps + 1, 3)
            group["actions"] = commands(number, steps)
            group["rewards"] = np.arange(steps, dtype=np.float64)
            group["terminations"] = np.arange(steps) == steps - 1
            group["truncations"] = np.zeros(steps, bool)
    return folder


def robomimic(
    path: Path, lengths: Sequence[int] = LENGTHS, *, after: bool = False
) -> Path:
    """A robomimic file with an image, two vectors and the poses of objects."""
    with h5py.File(path, "w") as file:
        data = file.create_group("data")
        data.attrs["total"] = sum(lengths)
        arguments = {"env_name": "Lift", "type": 1, "env_kwargs": {"control_freq": 20}}
        data.attrs["env_args"] = json.dumps(arguments)
        for number, steps in enumerate(lengths):
            demo = data.create_group(f"demo_{number}")
            demo.attrs["num_samples"] = steps
            for name, rows in robomimic_frames(number, steps).items():
                demo[f"obs/{name}"] = rows[:-1]
                if after:
                    demo[f"next_obs/{name}"] = rows[1:]
            demo["actions"] = commands(number, steps)
            demo["rewards"] = np.arange(steps, dtype=np.float64)
            demo["dones"] = (np.arange(steps) == steps - 1).astype(np.int64)
            demo["states"] = vectors(number, steps, 5, key=3)
        file["mask/train"] = np.array([b"demo_0", b"demo_2"])
        file["mask/valid"] = np.array([b"demo_1"])
    return path


def robomimic_frames(number: int, steps: int) -> dict[str, np.ndarray]:
    """All steps + 1 frames of a demonstration."""
    return {
        "agentview_image": images(number, steps + 1),
        "eef_pos": vectors(number, steps + 1, 3),
        "gripper": vectors(number, steps + 1, 1),
        "object": vectors(number, steps + 1, 4),
    }


def ogbench_arrays(
    lengths: Sequence[int] = LENGTHS, *, first: int = 0, visual: bool = False
) -> dict[str, np.ndarray]:
    """Arrays of an OGBench archive; episode i has lengths[i] frames."""
    numbers = range(first, first + len(lengths))
    pairs = list(zip(numbers, lengths, strict=True))
    ends = np.cumsum(lengths) - 1
    observed = [images(n, t) if visual else vectors(n, t, 3) for n, t in pairs]
    if not visual:
        observed = [rows.astype(np.float32) for rows in observed]
    return {
        "observations": np.concatenate(observed),
        "actions": np.concatenate([commands(n, t) for n, t in pairs]),
        "terminals": np.isin(np.arange(sum(lengths)), ends),
        "qpos": np.concatenate([vectors(n, t, 2, 1) for n, t in pairs]).astype("f4"),
        "qvel": np.concatenate([vectors(n, t, 2, 2) for n, t in pairs]).astype("f4"),
    }


def stable_worldmodel(path: Path, lengths: Sequence[int] = (4, 2, 6)) -> Path:
    """A file in the layout of stable-worldmodel; lengths are frames."""
    columns: dict[str, list[np.ndarray]] = {}
    for number, frames in enumerate(lengths):
        actions = np.full((frames, 2), np.nan, np.float32)
        actions[:-1] = commands(number, frames - 1)
        rewards = np.arange(frames, dtype=np.float64)
        rewards[0] = np.nan
        for name, rows in {
            "pixels": images(number, frames),
            "proprio": vectors(number, frames, 2).astype(np.float32),
            "state": vectors(number, frames, 5, 1).astype(np.float32),
            "action": actions,
            "reward": rewards,
            "terminated": np.arange(frames) == frames - 1,
            "variation.agent.color": np.full((frames, 3), number / 2),
            "variation.wall": np.full(frames, number, np.float64),
            "ep_idx": np.full(frames, number),
            "step_idx": np.arange(frames),
        }.items():
            columns.setdefault(name, []).append(rows)
    with h5py.File(path, "w") as file:
        for name, blocks in columns.items():
            rows = np.concatenate(blocks)
            file.create_dataset(name, data=rows, chunks=(1, *rows.shape[1:]))
        file["ep_len"] = np.array(lengths, np.int32)
        file["ep_offset"] = np.cumsum(lengths, dtype=np.int64) - np.array(lengths)
    return path


def assert_streams(found: Mapping, expected: Mapping) -> None:
    """Equal names, types and contents."""
    assert set(found) == set(expected)
    for name, rows in expected.items():
        assert found[name].dtype == np.asarray(rows).dtype, name
        np.testing.assert_array_equal(found[name], rows, err_msg=name)


def arrived(rows: np.ndarray) -> np.ndarray:
    """What actions led to, beside the frame that they led to."""
    return np.concatenate([np.zeros_like(rows[:1]), rows])


def lengths_of(episodes: Sequence[Episode]) -> list[int]:
    return [episode.num_steps for episode in episodes]
