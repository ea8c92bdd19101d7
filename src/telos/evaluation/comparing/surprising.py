"""Is a watcher surprised by what cannot happen? Asked of intuitive physics alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from functools import lru_cache
from typing import Any

from telos.envs.scenes import CONCEPTS, RUNGS, Conditions, Quadruplets, quadruplets
from telos.envs.world import WorldSpec
from telos.evaluation.surprise import Watching, reduce_trace, trace_sets
from telos.evaluation.surprise.contrast import contrast_hits

WORLD = "intuitive-physics"


def rung_of(spec: WorldSpec) -> str | None:
    """The rung whose clips look like those of a recording; None if there is none.

    Numbers of bodies and values that are held out may differ.
    """
    if spec.id != WORLD:
        return None
    names = {field.name for field in fields(Conditions)}
    told = {name: v for name, v in spec.options.items() if name in names}
    looks = _looks(Conditions(**told))
    found = (n for n, rung in RUNGS.items() if _looks(rung.conditions) == looks)
    return next(found, None)


def contrasts(
    watching: Watching, rung: str, count: int, seed: int
) -> Mapping[str, float]:
    """Share of quadruplets of each concept whose impossible clips surprise more.

    0.5 is chance; the watcher may look at as much as it can.
    """
    found = {}
    for concept in CONCEPTS:
        test = _drawn(concept, rung, count, seed)
        trace = trace_sets(watching, test.clips)
        found[concept] = float(contrast_hits(reduce_trace(trace)).mean())
    return found


@lru_cache(maxsize=len(CONCEPTS))
def _drawn(concept: str, rung: str, count: int, seed: int) -> Quadruplets:
    return quadruplets(concept, rung, count, seed=seed, split="test")


def _looks(conditions: Conditions) -> Conditions:
    same: dict[str, Any] = {"colours": "train", "lanes": "train", "speeds": "train"}
    return replace(conditions, objects=1, **same)
