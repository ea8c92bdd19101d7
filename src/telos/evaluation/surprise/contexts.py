"""How many frames of context: chosen once, on clips that nothing is measured on.

Chosen per concept on the test set, as is common, the context alone is worth several
points. Here one memory serves all concepts, and test clips are refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from jaxtyping import UInt8

from telos.evaluation.surprise.contrast import contrast_hits, relative_contrast
from telos.evaluation.surprise.exactness import require_disjoint
from telos.evaluation.surprise.reduction import reduce_trace
from telos.evaluation.surprise.watching import Watching, trace_sets

Sets = Mapping[str, UInt8[np.ndarray, "Q 4 T H W 3"]]
"""Concept -> quadruplets."""


@dataclass(frozen=True, kw_only=True)
class MemoryChoice:
    """The memory that a model is measured with, and what it was chosen by."""

    memory: int | None
    accuracy: Mapping[str, float]
    """Memory -> mean contrast accuracy over concepts, on the validation clips."""


def choose_memory(
    watching: Watching,
    candidates: Sequence[int | None],
    *,
    validation: Sets,
    test: Sets,
) -> MemoryChoice:
    """The memory with the best mean contrast accuracy on validation clips.

    Where two are as good, the one of the larger relative contrast is taken.

    Args:
        watching: The model.
        candidates: Frames of context; None is all.
        validation: Quadruplets to choose on.
        test: Quadruplets that will be measured on; only used to refuse overlap.

    Raises:
        ValueError: If there is no candidate, or a clip is in both sets.
    """
    if not candidates:
        raise ValueError("no candidate memory was given: pass frames, or None for all")
    for concept in validation:
        if concept in test:
            require_disjoint({"validation": validation[concept], "test": test[concept]})
    ranked = {memory: _quality(watching, memory, validation) for memory in candidates}
    best = max(candidates, key=lambda memory: ranked[memory])
    accuracy = {str(m or "all"): quality[0] for m, quality in ranked.items()}
    return MemoryChoice(memory=best, accuracy=accuracy)


def _quality(watching: Watching, memory: int | None, sets: Sets) -> tuple[float, float]:
    hits, sizes = [], []
    for clips in sets.values():
        clip = reduce_trace(trace_sets(watching, clips, memory))
        hits.append(contrast_hits(clip).mean())
        sizes.append(np.nan_to_num(relative_contrast(clip)))
    return float(np.mean(hits)), float(np.mean(sizes))
