"""What a LeRobot dataset says of itself: ``meta/info.json``, checked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from telos.config import load_json
from telos.data.formats.lerobot.features import Feature
from telos.data.formats.links import refuse_outside

INFO = Path("meta") / "info.json"
MAJORS = (2, 3)
"""Versions that are read; 2.0 and 2.1 differ only in where statistics stand."""


@dataclass(frozen=True, kw_only=True)
class Info:
    """The fields of ``meta/info.json`` that reading needs."""

    root: Path
    version: str
    """Without the v: ``2.1`` or ``3.0``."""
    fps: float
    num_episodes: int
    chunk_size: int
    """Episodes per folder; of version 2 only."""
    data_path: str
    """Template of parquet files."""
    video_path: str | None
    """Template of video files; None where there are no videos."""
    robot: str
    features: Mapping[str, Feature]

    @property
    def major(self) -> int:
        return int(self.version.partition(".")[0])


def read_info(root: Path) -> Info:
    """Read and check ``meta/info.json``.

    Raises:
        FileNotFoundError: If there is none.
        ValueError: If it is damaged, lacks a field, is of a version that is not read,
            or a link that leads outside.
    """
    path = root / INFO
    refuse_outside(root, path)
    fields = load_json(path)
    if not isinstance(fields, dict):
        raise ValueError(f"{path} holds {type(fields).__name__}, expected an object")
    version = _version(path, fields)
    features = _field(path, fields, "features", dict)
    video_path = fields.get("video_path")
    return Info(
        root=root,
        version=version,
        fps=_positive(path, fields, "fps"),
        num_episodes=int(_field(path, fields, "total_episodes", int)),
        chunk_size=int(fields.get("chunks_size") or 1000),
        data_path=_field(path, fields, "data_path", str),
        video_path=None if video_path is None else str(video_path),
        robot=str(fields.get("robot_type") or ""),
        features={
            str(n): Feature.from_json(path, str(n), f) for n, f in features.items()
        },
    )


def _version(path: Path, fields: Mapping[str, Any]) -> str:
    version = str(fields.get("codebase_version", "")).removeprefix("v")
    major = version.partition(".")[0]
    if not major.isdigit() or int(major) not in MAJORS:
        raise ValueError(
            f"{path}: codebase_version is {fields.get('codebase_version')!r}, expected "
            "v2.0, v2.1 or v3.0; convert the dataset with LeRobot's own scripts"
        )
    return version


def _field(path: Path, fields: Mapping[str, Any], name: str, kind: type) -> Any:
    value = fields.get(name)
    if not isinstance(value, kind):
        raise ValueError(f"{path}: {name} is {value!r}, expected {kind.__name__}")
    return value


def _positive(path: Path, fields: Mapping[str, Any], name: str) -> float:
    value = fields.get(name)
    if not isinstance(value, int | float) or not value > 0:
        raise ValueError(f"{path}: {name} is {value!r}, expected a number above 0")
    return float(value)
