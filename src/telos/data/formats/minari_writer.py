"""Writing an episode file as a Minari dataset."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from telos.data.diskfile import DiskFile, atomic_hdf5
from telos.data.formats.minari_about import DATA, DESCRIPTION, LAYOUT_KEY, SPEC_KEY
from telos.data.formats.spaces import action_box, box
from telos.data.schema import CHUNK_FRAMES, COMPRESS_FROM, spec_to_json
from telos.data.store import EpisodeFile
from telos.envs.world import WorldSpec
from telos.types import Episode

MINARI_VERSION = "0.5.4"
"""Version of the layout that is written."""
NAME = re.compile(r"[-_\w]+-v\d+")
"""What Minari calls a dataset; it finds one by the name of its folder."""
OUTCOMES = {
    "rewards": ("reward", np.float64),
    "terminations": ("terminated", np.bool_),
    "truncations": ("truncated", np.bool_),
}
"""Minari's arrays with a row per action, the label each is taken from, and its type."""


def write_minari(file: EpisodeFile, out: Path, *, overwrite: bool = False) -> None:
    """Write an episode file as a Minari dataset that appears whole or not at all.

    Observations form a Dict, images uncompressed by JPEG. Labels become infos, which
    have a row per frame too. ``rewards``, ``terminations`` and ``truncations`` are
    taken from the labels ``reward``, ``terminated`` and ``truncated`` where there are
    such, each one row later, since Minari keeps them with the action; without, rewards
    are 0, and an episode that does not terminate is truncated at its last step. The
    world's spec and the layouts are kept beside, so that `MinariSource` gives back the
    same world and episodes, numbered anew; Minari keeps the seeds.

    Args:
        file: What to write.
        out: Folder of the dataset. Minari finds it by its name, below the folder that
            MINARI_DATASETS_PATH names.
        overwrite: Replace an existing dataset.

    Raises:
        FileExistsError: If ``out`` exists and is not to be replaced, or is anything
            but a Minari dataset.
        ValueError: If Minari would not accept the folder's name, or that of a stream.
        OSError: If the disk is full; nothing is left behind.
    """
    _check_names(file, out)
    _check_place(out, overwrite)
    out.parent.mkdir(parents=True, exist_ok=True)
    draft = out.with_name(f".tmp-{out.name}-{uuid.uuid4().hex[:8]}")
    try:
        _write_dataset(file, draft / "data", out.name)
        _put_in_place(draft, out)
    except OSError as error:
        raise _explain(error, out) from error
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _check_names(file: EpisodeFile, out: Path) -> None:
    if not NAME.fullmatch(out.name):
        raise ValueError(
            f"{out.name!r} is no name for a Minari dataset; call the folder NAME-v0, "
            "of letters, digits, '-' and '_', with any version"
        )
    unfit = [name for name in file.spec.streams if "/" in name]
    if unfit:
        raise ValueError(
            f"streams {unfit} of {file.path} cannot be written: Minari takes a name "
            "with '/' for two; record them under other names"
        )


def _check_place(out: Path, overwrite: bool) -> None:
    """Never replace a folder that is something else."""
    if not out.exists():
        return
    if not overwrite:
        raise FileExistsError(f"{out} exists: choose another name or --overwrite")
    if not (out / "data" / DATA).is_file():
        raise FileExistsError(
            f"{out} is no Minari dataset and is not replaced; choose another name"
        )


def _write_dataset(file: EpisodeFile, folder: Path, name: str) -> None:
    folder.mkdir(parents=True)
    data = folder / DATA
    with atomic_hdf5(data, folder / f"{DATA}.tmp") as (target, disk):
        _write_episodes(file, target, disk)
    about = _description(file, name, data.stat().st_size)
    with (folder / DESCRIPTION).open("w", encoding="utf-8") as text:
        json.dump(about, text)
        text.flush()
        os.fsync(text.fileno())


def _write_episodes(file: EpisodeFile, target: h5py.File, disk: DiskFile) -> None:
    for index in range(file.num_episodes):
        episode = file.episode(index)
        group = target.create_group(f"episode_{index}")
        group.attrs["id"] = index
        group.attrs["seed"] = episode.seed
        group.attrs["total_steps"] = episode.num_steps
        group.attrs[LAYOUT_KEY] = json.dumps(dict(episode.layout), sort_keys=True)
        _write_episode(group, episode)
        disk.check()


def _write_episode(group: h5py.Group, episode: Episode) -> None:
    for name, array in episode.observations.items():
        _write_array(group, f"observations/{name}", array)
    for name, array in episode.labels.items():
        _write_array(group, f"infos/{name}", array)
    group.require_group("infos")
    group["actions"] = episode.actions
    for name, (label, dtype) in OUTCOMES.items():
        group[name] = _outcome(episode, name, label).astype(dtype)


def _outcome(episode: Episode, name: str, label: str) -> np.ndarray:
    """(T,) what every action led to."""
    found = episode.labels.get(label)
    if found is not None and found.ndim == 1:
        return found[1:]
    outcome = np.zeros(episode.num_steps)
    if name == "truncations":
        outcome[-1] = not _outcome(episode, "terminations", "terminated")[-1]
    return outcome


def _write_array(group: h5py.Group, place: str, array: np.ndarray) -> None:
    """Images go into compressed chunks, as in an episode file."""
    if array[:1].nbytes < COMPRESS_FROM:
        group[place] = array
        return
    chunks = (min(CHUNK_FRAMES, len(array)), *array.shape[1:])
    group.create_dataset(place, data=array, chunks=chunks, compression="lzf")


def _description(file: EpisodeFile, name: str, size: int) -> Mapping[str, Any]:
    spec: WorldSpec = file.spec
    observed = {n: box(stream) for n, stream in spec.streams.items()}
    return {
        "total_episodes": file.num_episodes,
        "total_steps": file.num_frames - file.num_episodes,
        "data_format": "hdf5",
        "jpeg_encoding": False,
        "observation_space": json.dumps({"type": "Dict", "subspaces": observed}),
        "action_space": json.dumps(action_box(spec.action_low, spec.action_high)),
        "dataset_id": name,
        "minari_version": MINARI_VERSION,
        "dataset_size": round(size / 1e6, 1),
        "description": f"Episodes of {spec.id}, written by telos.",
        SPEC_KEY: spec_to_json(spec),
    }


def _put_in_place(draft: Path, out: Path) -> None:
    """Rename; an old dataset is moved aside first, and deleted once the new one is."""
    if not out.exists():
        draft.replace(out)
        return
    old = out.with_name(f"{draft.name}-old")
    out.replace(old)
    try:
        draft.replace(out)
    except OSError:
        old.replace(out)
        raise
    shutil.rmtree(old)


def _explain(error: OSError, out: Path) -> OSError:
    if error.errno not in (errno.ENOSPC, errno.EDQUOT):
        return error
    return OSError(
        error.errno,
        f"the disk is full while writing {out}; nothing was left behind: make room and "
        "export again",
    )
