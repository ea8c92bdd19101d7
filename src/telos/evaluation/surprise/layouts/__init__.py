"""Published benchmarks, read from the folders that their makers give out.

Nothing is downloaded: bring the data, and mind its licence.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from telos.evaluation.surprise.layouts import grasp, inflevel, intphys, intphys2
from telos.evaluation.surprise.layouts.case import Case as Case
from telos.evaluation.surprise.layouts.case import read_frames as read_frames
from telos.evaluation.surprise.layouts.scoring import ConceptScores as ConceptScores
from telos.evaluation.surprise.layouts.scoring import score_cases as score_cases

READERS: Mapping[str, tuple[Callable[[Path], Sequence[Case]], int]] = {
    "intphys": (intphys.read_intphys, intphys.STEP),
    "intphys2": (intphys2.read_intphys2, intphys2.STEP),
    "grasp": (grasp.read_grasp, grasp.STEP),
    "inflevel": (inflevel.read_inflevel, inflevel.STEP),
}
"""Layout -> its reader, and the frame step that published numbers use (2502.11831)."""


def read_layout(name: str, path: str | Path) -> Sequence[Case]:
    """Cases of a benchmark's folder.

    Raises:
        FileNotFoundError: If the folder or a part of it does not exist.
        ValueError: If the layout is unknown, or the folder is laid out differently.
    """
    if name not in READERS:
        raise ValueError(
            f"unknown layout {name!r}: expected one of {', '.join(READERS)}"
        )
    path = Path(path)
    if not path.is_dir():
        raise FileNotFoundError(f"{path} is no folder; give that of the benchmark")
    return READERS[name][0](path)
