"""Which patches of a clip are seen, and which are to be predicted from them.

An image is a clip of one frame. Masks of a batch have to be rectangular: of longer ones
indices are dropped, and always at random. Cutting the sorted indices of a clip off at
the shortest, as published code does, drops its bottom rows and its last frames.

Sources: I-JEPA (2301.08243, section 3 and appendix A) for blocks, V-JEPA (2404.08471,
section 3) for tubes.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Literal

import numpy as np
from jaxtyping import Bool, Int

MaskKind = Literal["blocks", "tubes", "random", "future"]
TRIES = 50
"""Times that blocks are drawn anew before masks are said to leave too little."""


@dataclass(frozen=True, kw_only=True)
class Grid:
    """Patches of a clip; index = (frame * rows + row) * columns + column."""

    frames: int
    rows: int
    columns: int

    @property
    def places(self) -> int:
        """Patches of a frame."""
        return self.rows * self.columns

    @property
    def size(self) -> int:
        """Patches of a clip."""
        return self.frames * self.places


@dataclass(frozen=True, kw_only=True)
class MaskConfig:
    """How patches are hidden. The defaults suit a grid of 8 x 8."""

    kind: MaskKind = "blocks"
    """blocks (a few blocks, each predicted for itself from what is seen of one large
    block), tubes (what several blocks cover together), random (patches at random
    places) or future (the last frames). All but the last hide a place in every
    frame."""
    targets: int = 4
    """Blocks that are hidden."""
    target_share: tuple[float, float] = (0.15, 0.2)
    """Smallest and largest share of a frame that a block takes; of random, the share
    that is hidden; of future, the share of frames."""
    context_share: tuple[float, float] = (0.85, 1.0)
    """The same of the block that is seen (blocks)."""
    aspect: tuple[float, float] = (0.75, 1.5)
    """Smallest and largest height of a hidden block as a multiple of its width."""
    least_context: int = 4
    """Patches of a clip that must stay visible."""

    def __post_init__(self) -> None:
        for name in ("target_share", "context_share"):
            low, high = getattr(self, name)
            if not 0 < low <= high <= 1:
                raise ValueError(
                    f"{name} is {(low, high)}, expected two rising shares in (0, 1]"
                )
        if not 0 < self.aspect[0] <= self.aspect[1]:
            raise ValueError(f"aspect is {self.aspect}, expected two rising numbers")
        for name in ("targets", "least_context"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is {getattr(self, name)}, expected 1 or more")


def mask_preset(kind: MaskKind) -> MaskConfig:
    """Masks of a kind as published, scaled to small grids; half of the future."""
    presets: Mapping[str, MaskConfig] = {
        "tubes": MaskConfig(kind="tubes", targets=6, least_context=2),
        "random": MaskConfig(kind="random", target_share=(0.6, 0.9), least_context=2),
        "future": MaskConfig(kind="future", target_share=(0.1, 0.5)),
    }
    return presets.get(kind, MaskConfig(kind=kind))


@dataclass(frozen=True, kw_only=True, eq=False)
class Masks:
    """Patches by index, in rising order; no target of a clip is in its context."""

    context: Int[np.ndarray, "B N"]
    """What is seen."""
    targets: Int[np.ndarray, "B K M"]
    """K sets for each clip, each to be predicted for itself."""


def sample_masks(
    config: MaskConfig, grid: Grid, count: int, rng: np.random.Generator
) -> Masks:
    """Masks of a batch.

    Args:
        config: What is hidden.
        grid: Of patches.
        count: Clips B.
        rng: Decides all of it.

    Raises:
        ValueError: If there is nothing left to see or to predict.
    """
    if config.kind == "future":
        return _future(config, grid, count, rng)
    draw: Mapping[str, Callable[[], tuple[list[np.ndarray], list[np.ndarray]]]] = {
        "blocks": partial(_blocks, config, grid, count, rng),
        "tubes": partial(_tubes, config, grid, count, rng),
        "random": partial(_random, config, grid, count, rng),
    }
    if config.kind not in draw:
        choices = sorted([*draw, "future"])
        raise ValueError(f"masks {config.kind!r} are unknown; choose one of {choices}")
    for _ in range(TRIES):
        context, targets = draw[config.kind]()
        if min(seen.sum() for seen in context) * grid.frames < config.least_context:
            continue
        if all(hidden.any(-1).all() for hidden in targets):
            return Masks(
                context=_even([_through(c, grid) for c in context], rng),
                targets=_even_sets(targets, grid, rng),
            )
    raise ValueError(
        f"{config.kind} masks of shares {config.target_share} leave fewer than "
        f"{config.least_context} patches to see, or none to predict, on a grid of "
        f"{grid.frames} x {grid.rows} x {grid.columns}; hide less, or use smaller "
        "patches"
    )


def _blocks(
    config: MaskConfig, grid: Grid, count: int, rng: np.random.Generator
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """(P,) seen places and (K, P) hidden ones of each clip; sizes are shared."""
    size = _block_size(config.target_share, config.aspect, grid, rng)
    around = _block_size(config.context_share, (1.0, 1.0), grid, rng)
    context, targets = [], []
    for _ in range(count):
        hidden = np.stack([_place(size, grid, rng) for _ in range(config.targets)])
        context.append(_place(around, grid, rng) & ~hidden.any(0))
        targets.append(hidden)
    return context, targets


def _tubes(
    config: MaskConfig, grid: Grid, count: int, rng: np.random.Generator
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    """What blocks cover together is one set; everything else is seen."""
    size = _block_size(config.target_share, config.aspect, grid, rng)
    context, targets = [], []
    for _ in range(count):
        blocks = [_place(size, grid, rng) for _ in range(config.targets)]
        hidden = np.any(blocks, axis=0)
        context.append(~hidden)
        targets.append(hidden[None])
    return context, targets


def _random(
    config: MaskConfig, grid: Grid, count: int, rng: np.random.Generator
) -> tuple[list[np.ndarray], list[np.ndarray]]:
    hide = round(rng.uniform(*config.target_share) * grid.places)
    context, targets = [], []
    for _ in range(count):
        hidden = np.zeros(grid.places, bool)
        hidden[rng.permutation(grid.places)[:hide]] = True
        context.append(~hidden)
        targets.append(hidden[None])
    return context, targets


def _future(
    config: MaskConfig, grid: Grid, count: int, rng: np.random.Generator
) -> Masks:
    """The last frames of every clip, as many in all of them."""
    hide = max(1, round(rng.uniform(*config.target_share) * grid.frames))
    first = (grid.frames - hide) * grid.places
    if first < config.least_context:
        raise ValueError(
            f"future masks hide {hide} of {grid.frames} frames and leave {first} "
            f"patches to see, expected at least {config.least_context}; hide fewer "
            "frames, or show longer clips"
        )
    return Masks(
        context=np.tile(np.arange(first), (count, 1)),
        targets=np.tile(np.arange(first, grid.size), (count, 1, 1)),
    )


def _block_size(
    shares: tuple[float, float],
    aspects: tuple[float, float],
    grid: Grid,
    rng: np.random.Generator,
) -> tuple[int, int]:
    """Rows and columns of a block; at least a patch, at most a frame."""
    area = rng.uniform(*shares) * grid.places
    # Even in its logarithm, so that tall and wide are drawn alike.
    aspect = math.exp(rng.uniform(*np.log(aspects))) * grid.rows / grid.columns
    rows, columns = round(math.sqrt(area * aspect)), round(math.sqrt(area / aspect))
    return min(max(1, rows), grid.rows), min(max(1, columns), grid.columns)


def _place(
    size: tuple[int, int], grid: Grid, rng: np.random.Generator
) -> Bool[np.ndarray, " P"]:
    """A block at a random place of a frame."""
    rows, columns = size
    top = rng.integers(grid.rows - rows + 1)
    left = rng.integers(grid.columns - columns + 1)
    found = np.zeros((grid.rows, grid.columns), bool)
    found[top : top + rows, left : left + columns] = True
    return found.ravel()


def _through(places: Bool[np.ndarray, " P"], grid: Grid) -> Int[np.ndarray, " N"]:
    """Indices of some places in every frame."""
    return np.flatnonzero(np.tile(places, grid.frames))


def _even_sets(
    targets: list[np.ndarray], grid: Grid, rng: np.random.Generator
) -> Int[np.ndarray, "B K M"]:
    flat = [_through(places, grid) for hidden in targets for places in hidden]
    return _even(flat, rng).reshape(len(targets), len(targets[0]), -1)


def _even(sets: list[np.ndarray], rng: np.random.Generator) -> Int[np.ndarray, "B N"]:
    """As many of each: of longer ones indices are dropped at random."""
    least = min(map(len, sets))
    return np.stack([np.sort(rng.permutation(one)[:least]) for one in sets])
