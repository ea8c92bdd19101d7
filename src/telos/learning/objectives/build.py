"""From a name to an objective."""

from __future__ import annotations

from collections.abc import Callable

from telos.learning.losses import absolute_errors, smooth_errors
from telos.learning.objectives.barlow import BarlowTwins
from telos.learning.objectives.config import ObjectiveConfig
from telos.learning.objectives.contrastive import Contrastive
from telos.learning.objectives.cosine import Cosine
from telos.learning.objectives.dino import Dino
from telos.learning.objectives.discrete import Discrete
from telos.learning.objectives.masked_pixels import MaskedPixels
from telos.learning.objectives.mmcr import ManifoldCapacity
from telos.learning.objectives.normed import NormedTargets
from telos.learning.objectives.objective import Objective
from telos.learning.objectives.pixels import Pixels
from telos.learning.objectives.regularised import Regularised
from telos.learning.objectives.regularisers import regulariser_of
from telos.learning.objectives.whitening import Whitening

Image = tuple[int, int, int]

OF_LATENTS: dict[str, Callable[[ObjectiveConfig, int], Objective]] = {
    "barlow": BarlowTwins,
    "whitening": Whitening,
    "mmcr": ManifoldCapacity,
    "byol": lambda config, dim: Cosine(config, "ema"),
    "simsiam": lambda config, dim: Cosine(config, "stopped"),
    "dino": Dino,
    "jepa-ema": lambda config, dim: NormedTargets(config, "ema", smooth_errors),
    "v-jepa": lambda config, dim: NormedTargets(config, "ema", absolute_errors),
    "frozen-teacher": lambda config, dim: NormedTargets(
        config, "frozen", absolute_errors
    ),
    "infonce": Contrastive,
}
OF_PICTURES: dict[str, Callable[[ObjectiveConfig, int, Image], Objective]] = {
    "pixels": Pixels,
    "masked-pixels": MaskedPixels,
    "discrete": Discrete,
}


def build_objective(
    config: ObjectiveConfig, dim: int, image: Image | None = None
) -> Objective:
    """The objective that a configuration describes, with untrained networks.

    Args:
        config: See `objective_config` for the defaults of a kind.
        dim: D of latents.
        image: (H, W, C) of the pictures that predictions are about; objectives that
            predict pictures need it (patches, for masked-pixels).

    Raises:
        ValueError: If an image is needed and missing, or does not suit the objective.
    """
    regulariser = regulariser_of(config)
    if regulariser is not None:
        return Regularised(config, dim, *regulariser)
    if config.kind in OF_LATENTS:
        return OF_LATENTS[config.kind](config, dim)
    if image is None:
        raise ValueError(
            f"{config.kind} predicts pictures; give build_objective their (H, W, C)"
        )
    return OF_PICTURES[config.kind](config, dim, image)
