"""The schema of an episode file: names, attributes, and the codec of a world's spec.

An episode file is HDF5. All episodes are stored one after the other in flat arrays:

    /observations/<stream>  (N, ...)   one row per frame, dtype of the stream
    /labels/<name>          (N, ...)   quantities that the world model never sees
    /actions                (N, A)     float32, environment units; row t leaves frame t,
                                       the row of an episode's last frame is NaN
    /episodes/start         (E,)       int64, first frame of the episode
    /episodes/length        (E,)       int64, number of FRAMES: steps + 1
    /episodes/seed          (E,)       int64, seed that reset the environment
    /episodes/layout        (E,)       JSON object, factors fixed for the episode

Root attributes: ``format``, ``version``, ``spec`` (JSON), ``created`` (UTC, ISO 8601)
and ``collection`` (identifies the collection that wrote the file last).
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from telos.envs.world import StreamSpec, WorldSpec

FORMAT = "telos-episodes"
VERSION = 1
CHUNK_FRAMES = 4
"""Frames per compressed chunk: about one training window. A window that is read from
the file is decoded with all its chunks; lzf looks back 8 KiB, less than an image, so
that short chunks cost hardly any room."""
COMPRESS_FROM = 1024
"""Bytes per frame from which a stream is stored in lzf-compressed chunks."""


def spec_to_json(spec: WorldSpec) -> str:
    """Encode a spec; equal specs give equal text.

    Raises:
        ValueError: If an option of the spec cannot be written as JSON.
    """
    fields = {
        "id": spec.id,
        "action_low": np.asarray(spec.action_low, np.float32).tolist(),
        "action_high": np.asarray(spec.action_high, np.float32).tolist(),
        "streams": _streams_to_dict(spec.streams),
        "labels": _streams_to_dict(spec.labels),
        "max_steps": int(spec.max_steps),
        "options": dict(spec.options),
    }
    try:
        return json.dumps(fields, sort_keys=True, default=_plain)
    except TypeError as error:
        raise ValueError(
            f"the options of world {spec.id!r} cannot be stored: {error}; "
            "use numbers, text, lists and dictionaries"
        ) from error


def spec_from_json(text: str) -> WorldSpec:
    """Decode what `spec_to_json` wrote."""
    fields = json.loads(text)
    return WorldSpec(
        id=fields["id"],
        action_low=np.asarray(fields["action_low"], np.float32),
        action_high=np.asarray(fields["action_high"], np.float32),
        streams=_streams_from_dict(fields["streams"]),
        labels=_streams_from_dict(fields["labels"]),
        max_steps=fields["max_steps"],
        options=fields["options"],
    )


def spec_difference(found: WorldSpec, expected: WorldSpec) -> str:
    """Name the fields in which two specs differ; empty when they agree."""
    left, right = json.loads(spec_to_json(found)), json.loads(spec_to_json(expected))
    return "; ".join(
        f"{name} is {left[name]!r}, expected {right[name]!r}"
        for name in left
        if left[name] != right[name]
    )


def parts_folder(path: Path) -> Path:
    """Where a collection keeps its finished parts until the file is complete."""
    return path.with_name(path.name + ".parts")


def dataset(file: h5py.File, name: str) -> h5py.Dataset:
    """A dataset of a file.

    Raises:
        KeyError: If there is no dataset of that name.
    """
    found = file[name]
    if not isinstance(found, h5py.Dataset):
        raise KeyError(f"{name} is no dataset")
    return found


def create_datasets(
    file: h5py.File, spec: WorldSpec, num_frames: int, num_episodes: int
) -> None:
    """Create every dataset at its final size, without contents."""
    for group, streams in (("observations", spec.streams), ("labels", spec.labels)):
        file.create_group(group)
        for name, stream in streams.items():
            _create_stream(file, f"{group}/{name}", (num_frames, *stream.shape), stream)
    file.create_dataset("actions", (num_frames, spec.action_dim), np.float32)
    for name in ("start", "length", "seed"):
        file.create_dataset(f"episodes/{name}", (num_episodes,), np.int64)
    file.create_dataset("episodes/layout", (num_episodes,), h5py.string_dtype())


def _create_stream(
    file: h5py.File, name: str, shape: tuple[int, ...], stream: StreamSpec
) -> None:
    """Images go into compressed chunks; small rows are contiguous, which reads best."""
    frame_bytes = int(np.prod(stream.shape)) * np.dtype(stream.dtype).itemsize
    if frame_bytes < COMPRESS_FROM or shape[0] == 0:
        file.create_dataset(name, shape, stream.dtype)
        return
    chunks = (min(CHUNK_FRAMES, shape[0]), *stream.shape)
    file.create_dataset(name, shape, stream.dtype, chunks=chunks, compression="lzf")


def _streams_to_dict(streams: Mapping[str, StreamSpec]) -> dict[str, Any]:
    return {
        name: {"shape": list(s.shape), "dtype": str(np.dtype(s.dtype)), "unit": s.unit}
        for name, s in streams.items()
    }


def _streams_from_dict(fields: Mapping[str, Any]) -> dict[str, StreamSpec]:
    return {
        name: StreamSpec(shape=tuple(f["shape"]), dtype=f["dtype"], unit=f["unit"])
        for name, f in fields.items()
    }


def _plain(value: object) -> object:
    """Numpy values as Python values, for the JSON encoder."""
    if isinstance(value, np.generic | np.ndarray):
        return value.tolist()
    raise TypeError(f"{type(value).__name__} {value!r} is not plain data")
