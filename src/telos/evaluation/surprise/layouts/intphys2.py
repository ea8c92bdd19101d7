"""IntPhys 2 (Bordes et al., 2506.09849): a table beside a folder of videos.

    Main/metadata.csv    Main/Videos/NAME.mp4

The table names for each video its SceneIndex, its type (1_Possible, 1_Impossible,
2_Possible, 2_Impossible; videos of one number form a pair) and its condition. The
held-out part has no table.
"""

from __future__ import annotations

import csv
from collections import defaultdict
from collections.abc import Mapping, Sequence
from pathlib import Path

from telos.evaluation.surprise.layouts.case import Case

COLUMNS = ("SceneIndex", "type", "filename")
TYPES = ("1_Possible", "2_Possible", "1_Impossible", "2_Impossible")
STEP = 10


def read_intphys2(path: Path) -> Sequence[Case]:
    """Cases of a part such as ``Main`` or ``Debug``.

    Raises:
        FileNotFoundError: If the table or a video is missing.
        ValueError: If the table lacks a column, or a scene one of its four videos.
    """
    table = path / "metadata.csv"
    if not table.is_file():
        raise FileNotFoundError(
            f"{table} is missing: give the folder Main or Debug of IntPhys 2; the "
            "held-out part is scored by its makers"
        )
    with table.open(newline="", encoding="utf-8-sig") as file:
        rows = list(csv.DictReader(file))
    missing = [c for c in COLUMNS if not rows or c not in rows[0]]
    if missing:
        raise ValueError(f"{table} lacks the columns {missing}")
    scenes: dict[str, list[Mapping[str, str]]] = defaultdict(list)
    for row in rows:
        scenes[row["SceneIndex"]].append(row)
    return [_case(path, name, scene) for name, scene in scenes.items()]


def _case(path: Path, name: str, rows: Sequence[Mapping[str, str]]) -> Case:
    # Some scenes were rendered several times: the first of each type is taken.
    by_type: dict[str, Mapping[str, str]] = {}
    for row in rows:
        by_type.setdefault(row["type"], row)
    missing = [kind for kind in TYPES if kind not in by_type]
    if missing:
        raise ValueError(f"scene {name} of {path} lacks videos of type {missing}")
    videos = [_video(path, by_type[kind]["filename"]) for kind in TYPES]
    return Case(
        concept=rows[0].get("condition", "").lower() or "all",
        name=f"scene {name}",
        possible=tuple(videos[:2]),
        impossible=tuple(videos[2:]),
        matched=True,
    )


def _video(path: Path, name: str) -> Path:
    file = path / "Videos" / (name if name.endswith(".mp4") else f"{name}.mp4")
    if not file.resolve().is_relative_to(path.resolve()):
        raise ValueError(f"{path}/metadata.csv names {name!r}, outside of the folder")
    if not file.is_file():
        raise FileNotFoundError(f"{file}, named in metadata.csv, does not exist")
    return file
