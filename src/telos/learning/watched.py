"""Watchers with what teaches them: built, and read from a run folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from telos.config import from_dict
from telos.learning.causal_watched import CausalWatched
from telos.learning.masked_watched import MaskedWatched
from telos.learning.objectives import ObjectiveConfig
from telos.learning.taught import Watched as Watched
from telos.learning.taught import calibrate as calibrate
from telos.runs import Run
from telos.runtime import seed_all
from telos.world_model.masked_watcher import MaskedWatcher, MaskedWatcherConfig
from telos.world_model.watcher import Watcher
from telos.world_model.watcher_config import WatcherConfig


@dataclass(frozen=True, kw_only=True)
class _Described:
    """What `Watched.description` writes."""

    watcher: WatcherConfig | MaskedWatcherConfig
    objective: ObjectiveConfig
    steps: int


def untrained_watched(
    model: WatcherConfig | MaskedWatcherConfig,
    objective: ObjectiveConfig,
    *,
    seed: int = 0,
    steps: int = 1,
) -> Watched:
    """Networks initialised from a seed; `calibrate` gives them statistics.

    Raises:
        ValueError: If frames do not suit the networks, or the objective the watcher.
    """
    seed_all(seed)
    return _watched(model, objective, steps)


def load_watched(tensors: Mapping[str, Tensor], description: Mapping) -> Watched:
    """Undo `Watched.description` and `state_dict`; in evaluation mode.

    Raises:
        ValueError: If it is no watcher, or tensors are missing or of another shape.
    """
    if "watched" not in description:
        raise ValueError(
            "this run holds no watcher; give one that `telos watch` has trained"
        )
    told = from_dict(_Described, description["watched"])
    watched = _watched(told.watcher, told.objective, told.steps)
    try:
        watched.load_state_dict(dict(tensors))
    except RuntimeError as mismatch:
        raise ValueError(
            f"the stored watcher does not fit its own configuration: {mismatch}"
        ) from None
    return watched.eval().requires_grad_(False)


def load_watcher(run: Run | str | Path, device: str = "cpu") -> Watched:
    """The watcher of a run folder, ready to be surprised.

    Raises:
        FileNotFoundError: If there is no such run, or its training has not finished.
        ValueError: If it is a run of another kind, or damaged.
    """
    folder = run if isinstance(run, Run) else Run.open(run)
    tensors, description = folder.load_model()
    return load_watched(tensors, description).to(device)


def _watched(
    model: WatcherConfig | MaskedWatcherConfig, objective: ObjectiveConfig, steps: int
) -> Watched:
    if isinstance(model, MaskedWatcherConfig):
        return MaskedWatched(MaskedWatcher(model), objective, steps=steps)
    return CausalWatched(Watcher(model), objective, steps=steps)
