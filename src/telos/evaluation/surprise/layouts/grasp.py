"""GRASP, level 2 (Jassim et al., 2311.09048): pairs of videos of one name.

    level2/P_Gravity/NAME.mp4    level2/IP_Gravity/NAME.mp4

Videos are matched by their place in the two folders and are not equal up to an event.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from telos.evaluation.surprise.layouts.case import Case, folders

POSSIBLE, IMPOSSIBLE = "P_", "IP_"
STEP = 10


def read_grasp(path: Path) -> Sequence[Case]:
    """Cases of the folder ``level2``, or of the one above it.

    Raises:
        FileNotFoundError: If there are no tests, or one has no impossible videos.
        ValueError: If the folders of a test hold different videos.
    """
    root = path / "level2" if (path / "level2").is_dir() else path
    tests = [f for f in folders(root) if f.name.startswith(POSSIBLE)]
    if not tests:
        raise FileNotFoundError(
            f"{root} has no folders {POSSIBLE}TEST and {IMPOSSIBLE}TEST: give the "
            "folder level2 of GRASP"
        )
    return [case for test in sorted(tests) for case in _cases(root, test)]


def _cases(root: Path, possible: Path) -> Sequence[Case]:
    test = possible.name.removeprefix(POSSIBLE)
    impossible = root / f"{IMPOSSIBLE}{test}"
    if not impossible.is_dir():
        raise FileNotFoundError(f"{impossible} is missing beside {possible.name}")
    names, others = _videos(possible), _videos(impossible)
    if names != others:
        odd = sorted(set(names) ^ set(others))
        raise ValueError(f"{test}: {odd[:3]} stand only on one side, expected pairs")
    return [
        Case(
            concept=test,
            name=f"{test}/{name}",
            possible=(possible / name,),
            impossible=(impossible / name,),
            matched=True,
        )
        for name in names
    ]


def _videos(folder: Path) -> Sequence[str]:
    return sorted(f.name for f in folder.iterdir() if f.suffix.lower() == ".mp4")
