"""Images through a pretrained transformer that never changes, to a grid of features."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from jaxtyping import Float, UInt8
from torch import Tensor
from torch.nn.functional import adaptive_avg_pool2d

from telos.data.formats.resize import resize

if TYPE_CHECKING:
    from telos.perception.pretrained import Checkpoint

CHUNK = 64
"""Images that the network sees at once."""


class FrozenEncoder:
    """Stored images to the features of their patches, (..., h, w, F) float16.

    It is no part of the model that uses it: neither trained nor stored with it. What
    stands for it there is its digest.

    Args:
        checkpoint: The network, and how it wants its images.
        pool: Patches are averaged in blocks of about this side.
    """

    dtype, costly = np.dtype(np.float16), True

    def __init__(self, checkpoint: Checkpoint, pool: int = 1) -> None:
        self.checkpoint = checkpoint
        rows, columns = checkpoint.grid
        self.grid = -(-rows // pool), -(-columns // pool)

    def shape(self, stored: tuple[int, int, int]) -> tuple[int, int, int]:
        """(h, w, F), whatever the size of the images.

        Raises:
            ValueError: If they have neither one colour nor three.
        """
        if stored[-1] not in (1, 3):
            raise ValueError(
                f"images of shape {stored} have {stored[-1]} channels; a pretrained "
                "network sees 3 colours, or 1 that is repeated"
            )
        return (*self.grid, self.checkpoint.width)

    def __call__(self, pixels: np.ndarray, device: torch.device) -> np.ndarray:
        """Features of stored images (..., H, W, C) uint8."""
        flat = pixels.reshape(-1, *pixels.shape[-3:])
        chunks = range(0, len(flat), CHUNK)
        found = [
            self._features(flat[first : first + CHUNK], device) for first in chunks
        ]
        return np.concatenate(found).reshape(
            *pixels.shape[:-3], *self.grid, self.checkpoint.width
        )

    @torch.no_grad()
    def _features(
        self, images: UInt8[np.ndarray, "n H W C"], device: torch.device
    ) -> np.ndarray:
        network = self.checkpoint.network.to(device)
        # Mixed precision of a training step must not reach what is kept for later.
        with torch.autocast(device.type, enabled=False):
            tokens = network(self.normalised(images).to(device))
        rows, columns = self.checkpoint.grid
        patches = tokens[:, -rows * columns :].float().unflatten(1, (rows, columns))
        pooled = adaptive_avg_pool2d(patches.permute(0, 3, 1, 2), self.grid)
        return pooled.permute(0, 2, 3, 1).half().cpu().numpy()

    def normalised(
        self, images: UInt8[np.ndarray, "n H W C"]
    ) -> Float[Tensor, "n 3 h w"]:
        """Resized and normalised as the network was trained."""
        wanted = self.checkpoint.preprocessing
        colours = np.broadcast_to(images, (*images.shape[:-1], 3))
        resized = torch.from_numpy(resize(np.array(colours), wanted.size))
        levels = wanted.scale * resized.permute(0, 3, 1, 2).float()
        mean, std = (torch.tensor(v)[:, None, None] for v in (wanted.mean, wanted.std))
        return (levels - mean) / std
