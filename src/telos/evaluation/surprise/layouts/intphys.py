"""IntPhys (Riochet et al., 1803.07616): quadruplets as folders of pictures.

    dev/O1/01/1/scene/scene_001.png ...    dev/O1/01/1/status.json

O1 is permanence, O2 shape constancy, O3 continuity. Which of the four is possible says
``header.is_possible`` of its status file. The published test set has none.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from telos.evaluation.surprise.layouts.case import Case, folders

BLOCKS = {"O1": "permanence", "O2": "shape constancy", "O3": "continuity"}
STEP = 2


def read_intphys(path: Path) -> Sequence[Case]:
    """Cases of a folder such as ``dev``, or of one block in it.

    Raises:
        FileNotFoundError: If there are no blocks, or a status file is missing.
        ValueError: If a scene is not two possible and two impossible videos.
    """
    blocks = [path] if path.name in BLOCKS else [path / name for name in BLOCKS]
    found = [block for block in blocks if block.is_dir()]
    if not found:
        raise FileNotFoundError(
            f"{path} has none of the folders {', '.join(BLOCKS)}: give the folder dev "
            "of IntPhys"
        )
    return [_case(scene, block.name) for block in found for scene in folders(block)]


def _case(scene: Path, block: str) -> Case:
    possible, impossible = [], []
    for video in folders(scene):
        (possible if _is_possible(video) else impossible).append(video / "scene")
    if len(possible) != 2 or len(impossible) != 2:
        raise ValueError(
            f"{scene} has {len(possible)} possible and {len(impossible)} impossible "
            "videos, expected 2 and 2"
        )
    return Case(
        concept=BLOCKS[block],
        name=f"{block}/{scene.name}",
        possible=tuple(possible),
        impossible=tuple(impossible),
        matched=False,
    )


def _is_possible(video: Path) -> bool:
    status = video / "status.json"
    if not status.is_file():
        raise FileNotFoundError(
            f"{status} is missing: without it nobody knows what is possible; the test "
            "set of IntPhys is scored by its makers, use dev"
        )
    header = json.loads(status.read_text(encoding="utf-8")).get("header", {})
    if not isinstance(header.get("is_possible"), bool):
        raise ValueError(f"{status} has no header.is_possible of true or false")
    return header["is_possible"]
