"""The last phase: a decoder for people, on latents that stay as they are.

Everything that acts is trained and stored before this begins. No gradient leaves the
decoder, and what decides never reads it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import gcd

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from telos.data.recording import Recording
from telos.learning.config import DecoderConfig
from telos.learning.distributed import ALONE, Team
from telos.learning.latents import LATENT
from telos.perception.transforms import downsample
from telos.world_model import Decoder

SHOWN_BYTES = 2**28
"""Bytes of pictures that are learned from at most; of more, an even share is taken."""
FLAT = 1e-4
"""Variance below which a pixel counts as still, levels 0 to 1: one in a hundred."""
LARGEST, SMALLEST = 48, 16
"""Sides that pictures are averaged down to, pixels."""


@dataclass(frozen=True, kw_only=True)
class Shown:
    """Latents of N frames, and what was to be seen in them."""

    latents: Float[Tensor, "N D"]
    pictures: Mapping[str, UInt8[Tensor, "N H W C"]]

    def __len__(self) -> int:
        return len(self.latents)


def show(latents: Recording, stored: Recording, most: int = SHOWN_BYTES) -> Shown:
    """Pictures of evenly spaced frames beside their latents, in memory.

    Args:
        latents: Episodes as `encode_recording` gives them.
        stored: The same episodes, images as they were recorded.
        most: Bytes of pictures.
    """
    streams = stored.observations
    shapes = picture_shapes({name: seen.shape[1:] for name, seen in streams.items()})
    per_frame = sum(int(np.prod(shape)) for shape in shapes.values())
    every = -(-latents.num_frames * per_frame // most)
    rows = np.arange(0, latents.num_frames, max(1, every))
    return Shown(
        latents=torch.from_numpy(latents.observations[LATENT][rows]),
        pictures={name: pictures_of(stored, name, rows) for name in shapes},
    )


def picture_shapes(
    stored: Mapping[str, tuple[int, ...]],
) -> dict[str, tuple[int, int, int]]:
    """(H, W, C) of pictures, by image stream, for shapes of stored frames."""
    shapes = {}
    for name, shape in stored.items():
        if len(shape) == 3:
            height, width, colours = shape
            factor = picture_factor(height, width)
            shapes[name] = (height // factor, width // factor, colours)
    return shapes


def pictures_of(stored: Recording, name: str, rows: np.ndarray) -> Tensor:
    """(*rows, H, W, C) uint8 pictures of a stream, averaged down."""
    frames = stored.observations[name]
    factor = picture_factor(*frames.shape[1:3])
    # A few at a time: stored images may be many times as large as their pictures.
    parts = np.array_split(rows.ravel(), -(-rows.size // 512))
    seen = np.concatenate([downsample(frames[part], factor) for part in parts])
    return torch.from_numpy(seen.reshape(*rows.shape, *seen.shape[1:]))


def picture_factor(height: int, width: int) -> int:
    """Side of the blocks that are averaged: pictures need not be sharper than looking.

    The smallest that brings both sides to at most `LARGEST`; 1 where one would become
    smaller than `SMALLEST`, or no block tiles the image.
    """
    most = gcd(height, width)
    for factor in range(1, most + 1):
        if most % factor == 0 and max(height, width) <= factor * LARGEST:
            return factor if min(height, width) >= factor * SMALLEST else 1
    return 1


class DecoderPhase:
    """What trains the decoder.

    Args:
        decoder: The only network that changes.
        shown: Latents with their pictures.
        config: Settings.
        seed: Decides the batches.
        team: The processes that train together.
    """

    name = "decoder"

    def __init__(
        self,
        decoder: Decoder,
        shown: Shown,
        config: DecoderConfig,
        *,
        seed: int = 0,
        team: Team = ALONE,
    ) -> None:
        self.decoder, self.shown, self.config = decoder, shown, config
        self._seed, self._part = seed, team.part(config.batch, "decoder.batch")
        self.optimiser, self.num_steps = config.optimiser, config.steps
        self.samples_per_step = config.batch
        self._spread = {}
        for name, pictures in shown.pictures.items():
            mean, self._spread[name] = moments(pictures)
            decoder.part(name).mean.copy_(mean)

    def parameters(self) -> list[nn.Parameter]:
        """The decoder's alone."""
        return list(self.decoder.parameters())

    def after_step(self, step: int) -> Mapping[str, float]:
        """Nothing follows a step."""
        return {}

    def loss(self, step: int) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Squared errors of pixels, each divided by the pixel's standard deviation.

        Small things that move cross many pixels, each of them seldom. Undivided, walls
        that change from episode to episode take all of the loss; divided by variances,
        small things do.
        """
        rng = np.random.default_rng((self._seed, step, 11))
        rows = rng.integers(0, len(self.shown), self.config.batch)[self._part]
        latent = self.shown.latents[rows].to(_device(self.decoder))
        errors, left = [], []
        for name, seen in self.decoder(latent).items():
            truth = self.shown.pictures[name][rows]
            mean = self.decoder.part(name).mean
            spread = self._spread[name].to(seen.device)
            error = (seen - unit(truth, seen.device)).square()
            deviation = (spread + FLAT).sqrt()
            errors.append((error / deviation).mean() / deviation.mean())
            left.append(remaining(seen.detach(), truth, mean=mean))
        return torch.stack(errors).mean(), {
            "picture_skill": 1 - torch.stack(left).mean()
        }


def unit(pictures: Tensor, device: torch.device) -> Tensor:
    """Levels of 0 to 255 as 0 to 1."""
    return pictures.to(device).float().div(255)


def moments(pictures: UInt8[Tensor, "N H W C"]) -> tuple[Tensor, Tensor]:
    """(H, W, C) mean and variance of every pixel, levels 0 to 1."""
    here = pictures.device
    total = torch.zeros(pictures.shape[1:], dtype=torch.float64)
    squares = torch.zeros_like(total)
    for part in pictures.split(1024):
        levels = unit(part, here)
        total += levels.sum(0)
        squares += levels.square().sum(0)
    mean = total / len(pictures)
    spread = (squares / len(pictures) - mean.square()).clamp_min(0)
    return mean.float(), spread.float()


def remaining(
    seen: Float[Tensor, "n H W C"], truth: UInt8[Tensor, "n H W C"], mean: Tensor
) -> Float[Tensor, ""]:
    """Share of the variation that a decoder leaves; 1 for the mean picture."""
    wanted = unit(truth, seen.device)
    spread = (wanted - mean).square().mean().clamp_min(1e-12)
    return (seen - wanted).square().mean() / spread


@torch.no_grad()
def picture_skill(decoder: Decoder, shown: Shown, most: int = 4096) -> float:
    """Share of the variation of pictures that is shown; 0 for the mean picture."""
    rows = torch.linspace(0, len(shown) - 1, min(most, len(shown))).long()
    latent = shown.latents[rows].to(_device(decoder))
    left = [
        remaining(seen, shown.pictures[name][rows], mean=decoder.part(name).mean)
        for name, seen in decoder(latent).items()
    ]
    return 1 - float(torch.stack(left).mean())


def _device(decoder: Decoder) -> torch.device:
    return next(decoder.parameters()).device
