"""Which objective is minimised, and the weights of its terms in one normalisation.

Every term is a mean over dimensions and over samples, so that neither the batch size
nor the width changes what a weight means. How published weights convert stands beside
each kind in docs/losses.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, get_args

Kind = Literal[
    "vicreg",
    "logdet",
    "coding-rate",
    "sigreg",
    "visreg",
    "barlow",
    "whitening",
    "mmcr",
    "byol",
    "simsiam",
    "dino",
    "jepa-ema",
    "v-jepa",
    "frozen-teacher",
    "infonce",
    "pixels",
    "masked-pixels",
    "discrete",
]
OBJECTIVES: tuple[str, ...] = get_args(Kind)
"""Names of all objectives."""
Schedule = Literal["linear", "cosine", "constant"]

STATISTICAL = (*OBJECTIVES[: OBJECTIVES.index("mmcr") + 1], "infonce")
"""Objectives with statistics over a batch. They can be those of residuals, and may look
at latents through an expander; the others compare with a teacher, which has none, or
with pictures."""


@dataclass(frozen=True, kw_only=True)
class TeacherConfig:
    """How a teacher follows the network that learns from it."""

    half_life: float = 0.02
    """Steps after which half of a weight is new, as a share of all steps."""
    schedule: Schedule = "linear"
    """How the rate of following falls to zero: linear, cosine, or constant."""


@dataclass(frozen=True, kw_only=True)
class ObjectiveConfig:
    """One objective. `objective_config` gives each kind's own defaults."""

    kind: Kind = "vicreg"
    prediction: float = 1.0
    """Weight of predictions being right."""
    variance: float = 1.0
    """Weight of each dimension's spread (vicreg, visreg)."""
    covariance: float = 30.0
    """Weight of mean squared covariances off the diagonal (vicreg)."""
    regulariser: float = 1.0
    """Weight of the one term against collapse of every other kind."""
    mean: float = 1.0
    """Weight of the batch mean being zero (visreg)."""
    within_clip: bool = False
    """Statistics of what is left when a clip's mean is taken away: what is constant in
    a clip then satisfies nothing, as far as they see scale (docs/losses.md). For
    infonce: negatives of the same clip alone."""
    expander_width: int = 0
    """Width of the network that latents are seen through; 0 for none."""
    expander_depth: int = 2
    """Its linear layers."""
    slices: int = 128
    """Random directions (sigreg, visreg)."""
    distortion: float = 0.5
    """Radius of the balls that volume is counted in (coding-rate)."""
    floor: float = 1e-3
    """Variance added to every direction (logdet), or mixed in (whitening)."""
    sub_batch: int = 128
    """Samples that are whitened together; at least twice the dimension (whitening)."""
    temperature: float = 0.1
    """Of the predictions' distribution (infonce, dino)."""
    teacher_temperature: tuple[float, float] = (0.04, 0.07)
    """Of the teacher's, first and last (dino)."""
    teacher_warmup: float = 0.1
    """Share of all steps over which the teacher's temperature rises (dino)."""
    prototypes: int = 512
    """Directions that latents are sorted by (dino)."""
    centre: float = 0.9
    """Share of the old centre that a step keeps (dino)."""
    codes: int = 256
    """Patches of the codebook (discrete)."""
    patch: int = 4
    """Side of the patches that pictures are made of (pixels, discrete)."""
    decoder_width: int = 128
    """Hidden units of the network from latents to pictures (pixels, discrete)."""
    teacher: TeacherConfig = TeacherConfig()

    def __post_init__(self) -> None:
        if self.kind not in OBJECTIVES:
            raise ValueError(
                f"objective {self.kind!r} is unknown; choose one of {OBJECTIVES}"
            )
        for name in ("within_clip", "expander_width"):
            if getattr(self, name) and self.kind not in STATISTICAL:
                raise ValueError(
                    f"{name} is of no use to {self.kind}, which compares predictions "
                    f"one by one; leave it out, or choose one of {STATISTICAL}"
                )


def objective_config(kind: str, **changes: Any) -> ObjectiveConfig:
    """The defaults of a kind, with changes.

    Args:
        kind: One of `OBJECTIVES`.
        changes: Fields of `ObjectiveConfig` by name.

    Raises:
        ValueError: If there is no such kind, or a change does not suit it.
    """
    return ObjectiveConfig(**{"kind": kind, **DEFAULTS.get(kind, {}), **changes})


DEFAULTS: dict[str, dict[str, Any]] = {
    "logdet": {"regulariser": 0.25},
    "coding-rate": {"regulariser": 0.5},
    "sigreg": {"regulariser": 10.0},
    "visreg": {"regulariser": 3.0, "variance": 3.0, "mean": 3.0},
    "barlow": {"regulariser": 40.0},
    "mmcr": {"regulariser": 0.0},
    "infonce": {"temperature": 0.2},
}
"""What differs from the fields' defaults; conversions stand in docs/losses.md."""
