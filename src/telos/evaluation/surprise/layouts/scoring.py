"""A model on a published benchmark: what can be said of each concept."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from telos.evaluation.statistics import Interval, bootstrap_mean
from telos.evaluation.surprise.contrast import TOLERANCE, contrast_hits, hits
from telos.evaluation.surprise.layouts.case import Case, pairs_of, read_frames
from telos.evaluation.surprise.reduction import reduce_trace
from telos.evaluation.surprise.scores import auroc
from telos.evaluation.surprise.watching import Watching


@dataclass(frozen=True, kw_only=True)
class ConceptScores:
    """One concept of a benchmark; shares lie in [0, 1], 0.5 is chance."""

    concept: str
    pairwise: Interval
    """Share of pairs in which the impossible video surprises more, ties half."""
    contrast: Interval | None
    """Over quadruplets; None where the benchmark has only pairs."""
    auroc_mean: float
    auroc_max: float
    scenes: int


@dataclass(frozen=True, kw_only=True)
class _Scene:
    concept: str
    mean: tuple[float, ...]
    largest: tuple[float, ...]
    pairs: Sequence[tuple[int, int]]


def score_cases(
    watching: Watching,
    cases: Sequence[Case],
    *,
    size: tuple[int, int] | None,
    step: int,
    memory: int | None = None,
    say: Callable[[str], None] = lambda text: None,
) -> Sequence[ConceptScores]:
    """Look at every video of a benchmark once.

    Args:
        watching: The model; wrap it in `Windows` for videos longer than its clips.
        cases: What a reader of a layout found.
        size: Height and width that the model looks at.
        step: Every step-th frame is looked at.
        memory: Frames of context; chosen on other videos than these.
        say: Told how far it is.

    Raises:
        ValueError: If there are no cases, or a video cannot be read.
    """
    if not cases:
        raise ValueError("the benchmark holds no scenes")
    scenes = []
    for number, case in enumerate(cases):
        say(f"{number + 1} of {len(cases)}, {case.name}")
        scenes.append(_scene(watching, case, size, step, memory))
    concepts = dict.fromkeys(scene.concept for scene in scenes)
    return [
        _scores(name, [s for s in scenes if s.concept == name]) for name in concepts
    ]


def _scene(
    watching: Watching,
    case: Case,
    size: tuple[int, int] | None,
    step: int,
    memory: int | None,
) -> _Scene:
    clips = [read_frames(path, size, step) for path in case.videos]
    traces = [watching.trace(clip[None], memory) for clip in clips]
    return _Scene(
        concept=case.concept,
        mean=tuple(float(reduce_trace(trace)[0]) for trace in traces),
        largest=tuple(float(reduce_trace(trace, "max")[0]) for trace in traces),
        pairs=pairs_of(clips, case),
    )


def _scores(concept: str, scenes: Sequence[_Scene]) -> ConceptScores:
    whole = [scene.mean for scene in scenes if len(scene.mean) == 4]
    return ConceptScores(
        concept=concept,
        pairwise=bootstrap_mean([_pairwise(scene) for scene in scenes], over="scenes"),
        contrast=bootstrap_mean(contrast_hits(np.array(whole)).tolist(), over="scenes")
        if whole
        else None,
        auroc_mean=_auroc([(s.mean, s.pairs) for s in scenes]),
        auroc_max=_auroc([(s.largest, s.pairs) for s in scenes]),
        scenes=len(scenes),
    )


def _pairwise(scene: _Scene) -> float:
    surprise = np.array(scene.mean)
    sides = np.array(scene.pairs)
    possible, impossible = surprise[sides[:, 0]], surprise[sides[:, 1]]
    size = (np.abs(possible) + np.abs(impossible)) / 2
    return float(hits(impossible - possible, size, TOLERANCE).mean())


def _auroc(
    scenes: Sequence[tuple[tuple[float, ...], Sequence[tuple[int, int]]]],
) -> float:
    possible = [values[p] for values, pairs in scenes for p, _ in pairs]
    impossible = [values[i] for values, pairs in scenes for _, i in pairs]
    return auroc(np.array(possible), np.array(impossible))
