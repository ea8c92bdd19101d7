"""Where a Minari dataset lies, and what it says of itself."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py

from telos.data.formats import hdf5
from telos.data.formats.spaces import Space, parse_space
from telos.data.schema import spec_from_json
from telos.envs.world import WorldSpec

DATA = "main_data.hdf5"
DESCRIPTION = "metadata.json"
LARGEST_DESCRIPTION = 256 * 2**20
"""Bytes of a description above which it is refused."""
SPEC_KEY = "telos_spec"
"""Key under which `minari_writer` keeps the spec of the world."""
LAYOUT_KEY = "telos_layout"
"""Attribute of an episode in which `minari_writer` keeps the episode's layout."""


@dataclass(frozen=True, kw_only=True)
class About:
    """What a dataset says of itself; None where it says nothing."""

    name: str
    episodes: int | None
    observation_space: Space | None
    action_space: Space | None
    spec: WorldSpec | None
    """The spec of the world, in a dataset that telos wrote."""


def main_file(path: Path) -> Path | None:
    """The HDF5 file of the dataset that a path leads to.

    The file need not exist: a description that names another way of storing data is
    enough to tell a dataset, so that it can be refused by that name.
    """
    if path.name == DATA and path.is_file():
        return path
    for folder in (path / "data", path):
        if (folder / DATA).is_file() or _names_storage(folder / DESCRIPTION):
            return folder / DATA
    return None


def read_description(main: Path) -> dict[str, Any]:
    """The description beside a file; versions before 0.5 have none.

    Raises:
        ValueError: If it is damaged, or says that data are not stored as HDF5.
    """
    beside = main.with_name(DESCRIPTION)
    if not beside.is_file():
        return {}
    if beside.stat().st_size > LARGEST_DESCRIPTION:
        raise ValueError(f"{beside} is larger than {LARGEST_DESCRIPTION} bytes")
    try:
        described = json.loads(beside.read_text(encoding="utf-8"))
    except ValueError as error:  # neither text nor JSON
        raise ValueError(hdf5.damaged(beside, str(error))) from error
    if not isinstance(described, dict):
        raise ValueError(f"{beside} is no JSON object, expected one")
    stored_as = described.get("data_format", "hdf5")
    if stored_as != "hdf5":
        raise ValueError(
            f"{beside} says that data are stored as {stored_as!r}, telos reads 'hdf5'; "
            "store the dataset anew with data_format='hdf5'"
        )
    return described


def about(main: Path, described: Mapping[str, Any], file: h5py.File) -> About:
    """What a description says, or else the attributes of the file.

    Raises:
        ValueError: If it is not what Minari writes.
    """
    said = {**_root_attributes(file), **described}
    try:
        episodes = said.get("total_episodes")
        text = said.get(SPEC_KEY)
        return About(
            name=str(said.get("dataset_id") or main.parent.parent.name),
            episodes=None if episodes is None else int(episodes),
            observation_space=parse_space(said.get("observation_space")),
            action_space=parse_space(said.get("action_space")),
            spec=None if text is None else spec_from_json(text),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{main}: what the dataset says of itself is damaged ({error!r})"
        ) from error


def layout_in(episode: h5py.Group) -> dict[str, float]:
    """The layout of an episode that telos wrote.

    Raises:
        ValueError: If there is none.
    """
    try:
        return dict(json.loads(hdf5.text(episode.attrs[LAYOUT_KEY])))
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(f"attribute {LAYOUT_KEY} is damaged ({error!r})") from error


def _names_storage(description: Path) -> bool:
    """Whether a file of this common name is a description of Minari's."""
    if not description.is_file() or description.stat().st_size > LARGEST_DESCRIPTION:
        return False
    try:
        described = json.loads(description.read_text(encoding="utf-8"))
    except ValueError:
        return False
    return isinstance(described, dict) and "data_format" in described


def _root_attributes(file: h5py.File) -> dict[str, str]:
    names = ("dataset_id", "action_space", "observation_space", "total_episodes")
    return {n: hdf5.text(file.attrs[n]) for n in names if n in file.attrs}
