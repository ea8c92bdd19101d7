"""How hard to watch a clip is: length, crowd, looks; and the named rungs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import MappingProxyType

from telos.envs.checks import check_count, check_option

TRAIN_COLOURS = (
    (222, 48, 44),
    (48, 176, 64),
    (44, 88, 224),
    (236, 208, 40),
    (208, 52, 200),
    (48, 204, 212),
)
HELD_OUT_COLOURS = (
    (240, 132, 32),
    (140, 200, 40),
    (36, 196, 140),
    (48, 148, 236),
    (124, 64, 220),
    (236, 60, 128),
)
COLOURS = {"train": TRAIN_COLOURS, "held-out": HELD_OUT_COLOURS}
LANES = {
    "train": (0.03, 0.11, 0.19, 0.27, 0.35),
    "held-out": (0.07, 0.15, 0.23, 0.31),
}
"""Heights of the floor in the picture where bodies stand."""
SPEEDS = {
    "train": ((0.018, 0.032), (0.044, 0.062)),
    "held-out": ((0.032, 0.044),),
}
"""Intervals of speeds, sides of the image per frame; held out lies between."""
SIZES = (32, 64)
MAX_BODIES = 3


@dataclass(frozen=True, kw_only=True)
class Conditions:
    """What a clip may hold, whatever happens in it."""

    size: int = 32
    """Pixels along a side of the image: 32 or 64."""
    frames: int = 20
    """T, frames of a clip."""
    objects: int = 1
    """Bodies of a clip, at most."""
    textured: bool = False
    """Whether backdrop and floor have a pattern, another one in every clip."""
    overlay: float = 0.0
    """Half-width, as a share of white, of a pattern of pixels over all frames."""
    noise: float = 0.0
    """Half-width, as a share of white, of noise that is new in every frame."""
    camera: float = 0.0
    """How far the camera sways, sides of the image."""
    colours: str = "train"
    """Of bodies: ``train`` or ``held-out``."""
    lanes: str = "train"
    speeds: str = "train"

    def __post_init__(self) -> None:
        if self.size not in SIZES:
            raise ValueError(f"size is {self.size}: expected one of {SIZES} pixels.")
        check_count("objects", self.objects)
        if self.objects > MAX_BODIES:
            raise ValueError(f"objects is {self.objects}: expected 1 to {MAX_BODIES}.")
        if self.frames < 16:
            raise ValueError(f"frames is {self.frames}: expected at least 16.")
        for name in ("overlay", "noise", "camera"):
            value = getattr(self, name)
            if not 0 <= value <= 0.5:
                raise ValueError(f"{name} is {value}: expected 0 to 0.5.")
        for name, table in (("colours", COLOURS), ("lanes", LANES), ("speeds", SPEEDS)):
            check_option(name, getattr(self, name), tuple(table))


@dataclass(frozen=True, kw_only=True)
class Rung:
    """A level of difficulty: conditions, and how long things are out of sight."""

    conditions: Conditions
    hidden: int
    """L: consecutive frames around the splice that are equal in all four clips."""


EASY = Rung(conditions=Conditions(), hidden=4)


def _but(**changes: object) -> Rung:
    """The easy rung with some conditions changed."""
    return replace(EASY, conditions=replace(EASY.conditions, **changes))


def _long(hidden: int) -> Rung:
    return Rung(conditions=Conditions(frames=32), hidden=hidden)


_CROWDED = Conditions(objects=3, textured=True, noise=0.1)

RUNGS = MappingProxyType(
    {
        "easy": EASY,
        "medium": Rung(
            conditions=replace(_CROWDED, frames=24, objects=2, noise=0.0), hidden=8
        ),
        "hard": Rung(
            conditions=replace(
                _CROWDED,
                frames=32,
                overlay=0.1,
                colours="held-out",
                lanes="held-out",
                speeds="held-out",
            ),
            hidden=12,
        ),
        # One change at a time: three of 32 frames to compare with each other, ...
        "occlusion4": _long(4),
        "occlusion8": _long(8),
        "occlusion12": _long(12),
        # ... the others to compare with `easy`.
        "objects3": _but(objects=3),
        "textured": _but(textured=True),
        "fixed-texture": _but(overlay=0.1),
        "noise": _but(noise=0.15),
        "camera": _but(camera=0.05),
        "held-out-colours": _but(colours="held-out"),
        "held-out-lanes": _but(lanes="held-out"),
        "held-out-speeds": _but(speeds="held-out"),
        "size64": _but(size=64),
    }
)
"""Name -> rung."""
