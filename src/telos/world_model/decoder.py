"""From latents back to pictures, for people: nothing that decides ever reads them.

A world model that predicts representations has no pictures to show. This network is
trained after everything else, on latents that stay as they are, so that people can look
at what was imagined. Whatever a latent does not hold is missing in its picture, and
whatever the picture lacks the latent may hold all the same.

Patches share one network and differ by what is learned of their places: a small form of
the broadcast decoder of Watters et al. 2019, "Spatial Broadcast Decoder" (1901.07017),
section 2.
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
Shape = tuple[int, int, int]


class PictureDecoder(nn.Module):
    """Latents to the pictures of one stream.

    Args:
        latent_dim: D.
        shape: (H, W, C) of a picture, any sides.
        width: Hidden units of a patch.
        patch: Side of a patch.
    """

    mean: Tensor

    def __init__(self, latent_dim: int, shape: Shape, width: int, patch: int) -> None:
        super().__init__()
        self.shape, self.patch = shape, patch
        height, breadth, colours = shape
        self.rows, self.columns = -(-height // patch), -(-breadth // patch)
        self.latent = nn.Linear(latent_dim, width)
        self.place = nn.Parameter(torch.randn(self.rows * self.columns, width))
        self.hidden = nn.Linear(width, width)
        self.out = nn.Linear(width, patch * patch * colours)
        self.register_buffer("mean", torch.zeros(shape))

    def forward(self, latent: Float[Tensor, "n D"]) -> Float[Tensor, "n H W C"]:
        """Pictures, 0 black to 1 full; values beyond are not cut off."""
        hidden = silu(self.latent(latent)[:, None] + self.place)
        patches = self.out(silu(self.hidden(hidden)))
        image = rearrange(
            patches,
            "n (h w) (p q c) -> n (h p) (w q) c",
            h=self.rows,
            p=self.patch,
            q=self.patch,
        )
        return self.mean + image[:, : self.shape[0], : self.shape[1]]


class Decoder(nn.Module):
    """Latents to the pictures of every image stream.

    Args:
        latent_dim: D.
        shapes: (H, W, C) of each stream's pictures.
        width: Hidden units of a patch.
        patch: Side of a patch.

    Raises:
        ValueError: If there is no image to be shown.
    """

    def __init__(
        self,
        latent_dim: int,
        shapes: Mapping[str, Shape],
        width: int = 256,
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

    @torch.no_grad()
    def pictures(self, latent: Float[Tensor, "*b D"], stream: str) -> np.ndarray:
        """(*b, H, W, C) uint8 of one stream; a grey image three times over."""
        seen = self.parts[stream](latent.flatten(0, -2).float())
        levels = (255 * seen.clamp(0, 1)).round().to(torch.uint8)
        if levels.shape[-1] == 1:
            levels = levels.expand(*levels.shape[:-1], 3)
        return levels.unflatten(0, latent.shape[:-1]).cpu().numpy()

    def description(self) -> dict[str, Any]:
        """What rebuilds the network, as plain data."""
        shapes = {name: list(part.shape) for name, part in self.parts.items()}
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
