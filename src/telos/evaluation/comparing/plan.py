"""What all objectives of a comparison have in common."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from telos.config import Size
from telos.data.store import EpisodeFile
from telos.evaluation.comparing.variants import variant_objective
from telos.learning.watch_config import (
    WatchConfig,
    check_watchable,
    fitted_watch,
    image_stream,
    watch_recipe,
)
from telos.perception.backbone import BackboneKind
from telos.perception.masking import mask_preset

LEAST = 10
"""Held-out episodes that probes need at least, so that each part has some."""


@dataclass(frozen=True, kw_only=True)
class ComparisonPlan:
    """The same for every objective, data set and seed of a folder."""

    size: Size = "tiny"
    effort: float = 1.0
    """Multiplies the steps."""
    equal: Literal["steps", "time"] = "steps"
    """What is equal: the steps, or the processor time, which the first objective's
    steps take; the others then get as many steps as take as long."""
    backbone: BackboneKind = "patch-conv"
    stream: str = ""
    clips: int = 32
    """Clips in a batch."""
    length: int = 20
    """Frames of a clip."""
    frame_skip: int = 1
    masks: Literal["none", "blocks", "tubes", "random", "future"] = "none"
    no_actions: bool = False
    held_out: float = 0.2
    """Share of the episodes that no watcher sees: probes are fitted, chosen and
    measured on different ones of them."""
    probed: int = 400
    """Held-out clips that are read, at most."""
    quadruplets: int = 24
    """Of each concept, to be surprised by; 0 for none."""
    seed: int = 0
    """Decides the splits of probes and the quadruplets, not the trainings."""

    @property
    def masked(self) -> bool:
        """Whether watchers predict hidden patches."""
        return self.masks != "none"


def config_for(
    plan: ComparisonPlan, file: EpisodeFile, variant: str, seed: int
) -> WatchConfig:
    """The training of a variant; between variants only the objective differs.

    Raises:
        ValueError: If a name or number is not allowed.
    """
    stream = image_stream(file.spec, plan.stream)
    height, width, colours = file.spec.streams[stream].shape
    base = watch_recipe(
        plan.size,
        plan.effort,
        backbone=plan.backbone,
        shape=(height, width, colours),
        masks=mask_preset(plan.masks) if plan.masks != "none" else None,
        length=plan.length,
    )
    silent = plan.no_actions or plan.masked
    told = 0 if silent else plan.frame_skip * file.spec.action_dim
    return fitted_watch(
        replace(
            base,
            data=str(file.path),
            data_digest=file.digest,
            world=file.spec.id,
            model=replace(base.model, stream=stream, action_dim=told),
            objective=variant_objective(variant),
            clips=plan.clips,
            frame_skip=plan.frame_skip,
            held_out=plan.held_out,
            seed=seed,
        )
    )


def check_plan(plan: ComparisonPlan, file: EpisodeFile, variant: str) -> None:
    """Refuse what would only fail hours later.

    Raises:
        ValueError: If `check_watchable` refuses it, or too few episodes are held out.
    """
    config = config_for(plan, file, variant, 0)
    check_watchable(config, file.lengths)
    kept = round(plan.held_out * file.num_episodes)
    if kept < LEAST:
        raise ValueError(
            f"{kept} of the {file.num_episodes} episodes of {file.path.name} would be "
            f"held out and probes need at least {LEAST}; record more, or raise the "
            "share that is held out"
        )
    for name, least in (("probed", LEAST), ("quadruplets", 0)):
        if getattr(plan, name) < least:
            raise ValueError(
                f"{name} is {getattr(plan, name)}, expected at least {least}"
            )
