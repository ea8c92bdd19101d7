"""InfLevel (Weihs et al., TMLR 2022): what happens stands in the name of the video.

    continuity/CAMERA__continuity__COVER__OBJECT__vi__LR.mp4
    gravity/CAMERA__gravity__COVER__OBJECT__uv.mp4    solidity/...

The fifth part of a name says what goes in and what comes out: for continuity something
visible or nothing (v, i) twice; otherwise a tube that is open or a cup that is closed
(u, c), then the outcome. Four such videos are a quadruplet. Whole videos are taken,
with the part in which gravity and solidity show whether the tube is open: without it,
nobody could know.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path

from telos.evaluation.surprise.layouts.case import Case

POSSIBLE = {
    "continuity": ("vv", "ii"),
    "gravity": ("ui", "cv"),
    "solidity": ("ui", "cv"),
}
IMPOSSIBLE = {
    "continuity": ("vi", "iv"),
    "gravity": ("uv", "ci"),
    "solidity": ("uv", "ci"),
}
"""Of one index, they begin alike."""
STEP = 5


def read_inflevel(path: Path) -> Sequence[Case]:
    """Cases of ``inflevel_lab`` or ``inflevel_sim``.

    A quadruplet of which a video is missing is kept as a pair, if one is left.

    Raises:
        FileNotFoundError: If there are no such videos.
        ValueError: If a name is not built as above.
    """
    cases: list[Case] = []
    for concept in POSSIBLE:
        if (path / concept).is_dir():
            cases += _cases(path / concept, concept)
    if not cases:
        raise FileNotFoundError(
            f"{path} has no pairs of videos in {', '.join(POSSIBLE)}: give the folder "
            "inflevel_lab or inflevel_sim"
        )
    return cases


def _cases(folder: Path, concept: str) -> Sequence[Case]:
    groups: dict[tuple[str, ...], dict[str, Path]] = defaultdict(dict)
    for video in sorted(folder.glob("*.mp4")):
        parts = video.stem.split("__")
        known = (*POSSIBLE[concept], *IMPOSSIBLE[concept])
        if len(parts) not in (5, 6) or parts[4] not in known:
            raise ValueError(
                f"{video.name} is not named CAMERA__{concept}__OBJECT__OBJECT__TYPE "
                f"with a type of {', '.join(known)}"
            )
        groups[(*parts[:4], *parts[5:])][parts[4]] = video
    cases = []
    for key, videos in groups.items():
        both = zip(POSSIBLE[concept], IMPOSSIBLE[concept], strict=True)
        pairs = [(videos[p], videos[i]) for p, i in both if p in videos and i in videos]
        if pairs:
            possible, impossible = zip(*pairs, strict=True)
            cases.append(
                Case(
                    concept=concept,
                    name="__".join(key),
                    possible=possible,
                    impossible=impossible,
                    matched=True,
                )
            )
    return cases
