"""Pictures as patches out of a fixed codebook, which makes an output discrete."""

from __future__ import annotations

import torch
from einops import rearrange
from jaxtyping import Float, Int
from torch import Tensor, nn

MOST = 2**16
"""Patches that a codebook is fitted on at most."""
ROUNDS = 15
"""Of k-means."""


class Codebook(nn.Module):
    """The patches that pictures are put together from, found by k-means.

    Each distinct patch counts once: by frequency, a background would take all codes.

    Source: Lloyd 1982, "Least squares quantization in PCM", for k-means.

    Args:
        codes: K patches.
        patch: Side of a patch.
        image: (H, W, C) of pictures.

    Raises:
        ValueError: If patches do not tile a picture.
    """

    patches: Tensor
    fitted: Tensor

    def __init__(self, codes: int, patch: int, image: tuple[int, int, int]) -> None:
        super().__init__()
        height, width, colours = image
        if height % patch or width % patch:
            raise ValueError(
                f"patches of side {patch} do not tile pictures of {height} x {width}; "
                "choose a side that divides both"
            )
        self.patch, self.rows, self.columns = patch, height // patch, width // patch
        self.register_buffer("patches", torch.zeros(codes, patch * patch * colours))
        self.register_buffer("fitted", torch.zeros((), dtype=torch.bool))

    @torch.no_grad()
    def fit(self, frames: Float[Tensor, "F H W C"], draw: torch.Generator) -> None:
        """Find the codes. With fewer distinct patches than codes, some stay unused."""
        seen = self._cut(frames).flatten(0, 2)
        chosen = torch.randperm(len(seen), generator=draw)[:MOST].to(seen.device)
        self.patches.copy_(k_means(seen[chosen].unique(dim=0), len(self.patches), draw))
        self.fitted.fill_(True)

    @torch.no_grad()
    def codes_of(self, pictures: Float[Tensor, "n H W C"]) -> Int[Tensor, "n h w"]:
        """The nearest code of each patch.

        Raises:
            ValueError: If the codebook was not fitted.
        """
        if not self.fitted:
            raise ValueError(
                "the codebook is empty; call fit with pictures of the training set "
                "before training"
            )
        return nearest(self._cut(pictures), self.patches)

    def _cut(self, pictures: Tensor) -> Tensor:
        return rearrange(
            pictures,
            "n (h p) (w q) c -> n h w (p q c)",
            p=self.patch,
            q=self.patch,
        )


def nearest(
    samples: Float[Tensor, "*b P"], centres: Float[Tensor, "K P"]
) -> Int[Tensor, "*b"]:
    """The centre at the least distance; the first of equals."""
    # |s|^2 is the same for all centres.
    distance = centres.square().sum(dim=1) - 2 * samples @ centres.T
    return distance.argmin(dim=-1)


def k_means(
    samples: Float[Tensor, "N P"], count: int, draw: torch.Generator
) -> Float[Tensor, "K P"]:
    """Centres of samples, after a fixed number of rounds.

    Fewer samples than centres are all centres, and the rest repeats the first.
    """
    if len(samples) <= count:
        return torch.cat([samples, samples[:1].expand(count - len(samples), -1)])
    centres = spread_out(samples, count, draw)
    for _ in range(ROUNDS):
        own = nearest(samples, centres)
        sizes = torch.bincount(own, minlength=count)
        sums = torch.zeros_like(centres).index_add(0, own, samples)
        centres = sums / sizes.clamp_min(1).unsqueeze(1)
        centres = _refilled(centres, samples, own, sizes)
    return centres


def spread_out(
    samples: Float[Tensor, "N P"], count: int, draw: torch.Generator
) -> Float[Tensor, "K P"]:
    """Samples to start from, each far from those before.

    Source: Arthur and Vassilvitskii 2007, "k-means++", section 2.2.
    """
    chosen = [int(torch.randint(len(samples), (), generator=draw))]
    left = (samples - samples[chosen[0]]).square().sum(dim=1)
    while len(chosen) < count:
        odds = left.cpu() if float(left.sum()) > 0 else torch.ones(len(left))
        chosen.append(int(torch.multinomial(odds, 1, generator=draw)))
        new = (samples - samples[chosen[-1]]).square().sum(dim=1)
        left = torch.minimum(left, new)
    return samples[chosen].clone()


def _refilled(centres: Tensor, samples: Tensor, own: Tensor, sizes: Tensor) -> Tensor:
    """Centres of nothing move to the samples that are worst served."""
    empty = (sizes == 0).nonzero().flatten()
    far = (samples - centres[own]).square().sum(dim=1).topk(len(empty)).indices
    centres[empty] = samples[far]
    return centres
