"""From latents back to pictures, for people: nothing that decides ever reads them.

A world model that predicts representations has no pictures to show. This network is
trained after everything else, on latents that stay as they are, so that people can look
at what was imagined. Whatever a latent does not hold is missing in its picture, and
whatever the picture lacks the latent may hold all the same.

A picture is the mean picture, what is added to its patches (walls, shadows), and a few
soft spots whose places are read off the latent (things that move): a keypoint encoder
backwards. On pictures of a lone dot, spots localise it after a few hundred steps, where
patches alone need many times as many (docs/experiments.md).

Source: landmarks drawn as spots, Jakab et al. 2018, "Unsupervised Learning of Object
Landmarks through Conditional Image Generation" (1806.07823), section 3.1.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from einops import rearrange
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import silu

from telos.config import file_digest
from telos.runs import Run, load_tensors, save_tensors

FILE = "decoder.safetensors"
SPOTS = 16
PATCH_NUMBERS = 16
"""What the latent tells each patch."""
WIDE = -1.0
"""Logarithm of a spot's first radius; sides of pictures are 2 long. A wide spot reaches
what it shall draw; it becomes narrow later."""
Shape = tuple[int, int, int]


class PictureDecoder(nn.Module):
    """Latents to the pictures of one stream.

    Args:
        latent_dim: D.
        shape: (H, W, C) of a picture, any sides.
        width: Hidden units.
        patch: Side of a patch.
    """

    mean: Tensor
    across: Tensor
    down: Tensor

    def __init__(self, latent_dim: int, shape: Shape, width: int, patch: int) -> None:
        super().__init__()
        self.shape, self.patch = shape, patch
        height, breadth, colours = shape
        self.rows, self.columns = -(-height // patch), -(-breadth // patch)
        places = self.rows * self.columns
        self.trunk, self.mover = _trunk(latent_dim, width), _trunk(latent_dim, width)
        self.told = nn.Linear(width, places * PATCH_NUMBERS)
        self.hidden = nn.Linear(PATCH_NUMBERS, width)
        self.place = nn.Parameter(torch.randn(places, width))
        self.out = nn.Linear(width, patch * patch * colours)
        self.spots = nn.Linear(width, SPOTS * (2 + colours))
        self.home = nn.Parameter(0.3 * torch.randn(SPOTS, 2))
        self.radius = nn.Parameter(torch.full((SPOTS, 1), WIDE))
        # All but the spots begin with the mean picture, and not with noise around it.
        nn.init.zeros_(self.out.weight)
        nn.init.zeros_(self.out.bias)
        self.register_buffer("mean", torch.zeros(shape))
        self.register_buffer("across", torch.linspace(-1, 1, breadth))
        self.register_buffer("down", torch.linspace(-1, 1, height))

    def forward(self, latent: Float[Tensor, "n D"]) -> Float[Tensor, "n H W C"]:
        """Pictures, 0 black to 1 full; values beyond are not cut off."""
        patches = self._patches(self.trunk(latent))
        return self.mean + patches + self._spots(self.mover(latent))

    def _patches(self, read: Float[Tensor, "n F"]) -> Float[Tensor, "n H W C"]:
        told = self.told(read).unflatten(1, (-1, PATCH_NUMBERS))
        patches = self.out(silu(self.hidden(told) + self.place))
        image = rearrange(
            patches,
            "n (h w) (p q c) -> n (h p) (w q) c",
            h=self.rows,
            p=self.patch,
            q=self.patch,
        )
        return image[:, : self.shape[0], : self.shape[1]]

    def _spots(self, read: Float[Tensor, "n F"]) -> Float[Tensor, "n H W C"]:
        spots = self.spots(read).unflatten(1, (SPOTS, -1))
        x, y = (self.home + spots[..., :2]).unsqueeze(-1).unbind(-2)
        radius = self.radius.exp()
        across = torch.exp(-0.5 * ((self.across - x) / radius).square())
        down = torch.exp(-0.5 * ((self.down - y) / radius).square())
        return torch.einsum("nsh,nsw,nsc->nhwc", down, across, spots[..., 2:])


def _trunk(latent_dim: int, width: int) -> nn.Module:
    return nn.Sequential(
        nn.Linear(latent_dim, width), nn.SiLU(), nn.Linear(width, width), nn.SiLU()
    )


class Decoder(nn.Module):
    """Latents to the pictures of every image stream.

    Args:
        latent_dim: D.
        shapes: (H, W, C) of each stream's pictures.
        width: Hidden units.
        patch: Side of a patch.

    Raises:
        ValueError: If there is no image to be shown.
    """

    def __init__(
        self,
        latent_dim: int,
        shapes: Mapping[str, Shape],
        width: int = 128,
        patch: int = 4,
    ) -> None:
        super().__init__()
        if not shapes:
            raise ValueError(
                "a decoder shows images, and the model sees none; leave it out, or "
                "choose streams with images"
            )
        self.latent_dim, self.width, self.patch = latent_dim, width, patch
        self.parts = nn.ModuleDict(
            {
                name: PictureDecoder(latent_dim, shape, width, patch)
                for name, shape in sorted(shapes.items())
            }
        )

    def forward(self, latent: Float[Tensor, "n D"]) -> dict[str, Tensor]:
        """(n, H, W, C) pictures of each stream, 0 to 1."""
        return {name: part(latent) for name, part in self.parts.items()}

    def part(self, stream: str) -> PictureDecoder:
        """What draws one stream."""
        part = self.parts[stream]
        assert isinstance(part, PictureDecoder)
        return part

    @torch.no_grad()
    def pictures(self, latent: Float[Tensor, "*b D"], stream: str) -> np.ndarray:
        """(*b, H, W, C) uint8 of one stream; a grey image three times over."""
        seen = self.part(stream)(latent.flatten(0, -2).float())
        levels = (255 * seen.clamp(0, 1)).round().to(torch.uint8)
        if levels.shape[-1] == 1:
            levels = levels.expand(*levels.shape[:-1], 3)
        return levels.unflatten(0, latent.shape[:-1]).cpu().numpy()

    def description(self) -> dict[str, Any]:
        """What rebuilds the network, as plain data."""
        shapes = {name: list(self.part(name).shape) for name in self.parts}
        return {
            "latent_dim": self.latent_dim,
            "shapes": shapes,
            "width": self.width,
            "patch": self.patch,
        }


def save_decoder(run: Run, decoder: Decoder) -> None:
    """Store a decoder beside the model whose latents it shows."""
    description = {
        "decoder": decoder.description(),
        "model": file_digest(run.path / "model.safetensors"),
    }
    save_tensors(run.path / FILE, decoder.state_dict(), description)


def load_decoder(run: Run) -> Decoder | None:
    """The decoder of a run, in evaluation mode; None if it has none.

    Raises:
        ValueError: If it is damaged, or belongs to another model.
    """
    path = run.path / FILE
    if not path.is_file():
        return None
    tensors, description = load_tensors(path)
    if description["model"] != file_digest(run.path / "model.safetensors"):
        raise ValueError(
            f"{str(path)!r} was trained on latents of another model than the one "
            "beside it; delete it, or restore the run"
        )
    decoder = Decoder(**description["decoder"])
    decoder.load_state_dict(tensors)
    return decoder.eval().requires_grad_(False)
