"""What is compared: objectives by name, with statistics within clips or without.

vicreg               an objective
vicreg+within-clip   the same, with statistics within clips
prediction-only      prediction and nothing against collapse: the control that fails
"""

from __future__ import annotations

from collections.abc import Sequence

from telos.learning.objectives import OBJECTIVES, ObjectiveConfig, objective_config

PREDICTION_ONLY = "prediction-only"
WITHIN = "+within-clip"
PICTURES = ("pixels", "discrete")
"""Draw whole frames: not for masked watchers."""
PATCHES = ("masked-pixels",)
"""Draw hidden patches: for masked watchers alone."""


def variant_objective(name: str) -> ObjectiveConfig:
    """The objective that a name stands for.

    Raises:
        ValueError: If there is no such objective, or it has no statistics to take
            within clips.
    """
    if name == PREDICTION_ONLY:
        return objective_config("vicreg", variance=0.0, covariance=0.0)
    within = name.endswith(WITHIN)
    return objective_config(name.removesuffix(WITHIN), within_clip=within)


def chosen_variants(names: Sequence[str], *, masked: bool) -> tuple[str, ...]:
    """The variants that names stand for, each once, in their order.

    Args:
        names: Variants, or ``all``.
        masked: Whether watchers predict hidden patches.

    Raises:
        ValueError: If a name is unknown or does not suit the watchers, or there is
            none.
    """
    refused = PICTURES if masked else PATCHES
    found: list[str] = []
    for name in names:
        if name == "all":
            found += [kind for kind in OBJECTIVES if kind not in refused]
            found.append(PREDICTION_ONLY)
            continue
        if variant_objective(name).kind in refused:
            raise ValueError(
                f"{name} does not suit watchers that predict "
                + ("hidden patches" if masked else "whole frames")
                + "; leave it out"
            )
        found.append(name)
    if not found:
        raise ValueError("no objectives to compare; name some, or all")
    return tuple(dict.fromkeys(found))
