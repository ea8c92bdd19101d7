"""Three parts of the episodes: to train on, to choose on, to measure on."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

SHARES = (0.6, 0.2)
"""Episodes to train on and to choose on; the rest measures."""


@dataclass(frozen=True, kw_only=True)
class Part:
    """Rows of some episodes."""

    x: Tensor
    """(N, D) features, or (N, L, D) of L tokens."""
    y: Tensor
    """(N, q) numbers, or (N, C) classes, one of them 1."""

    def pooled(self) -> Part:
        """The mean of the tokens in their place."""
        return self if self.x.ndim == 2 else Part(x=self.x.mean(dim=1), y=self.y)


@dataclass(frozen=True, kw_only=True)
class Parts:
    """The nested split."""

    train: Part
    choose: Part
    test: Part

    def standardised(self) -> Parts:
        """Features of zero mean and unit variance by the training rows alone."""
        rows = self.train.x.flatten(0, -2)
        mean, scale = rows.mean(0), rows.std(0).clamp_min(1e-8)

        def one(part: Part) -> Part:
            return Part(x=(part.x - mean) / scale, y=part.y)

        return Parts(
            train=one(self.train), choose=one(self.choose), test=one(self.test)
        )


def split(features: Tensor, labels: Tensor, episodes: Tensor, seed: int) -> Parts:
    """Parts that share no episode.

    Raises:
        ValueError: If rows do not match, or there are fewer than 5 episodes.
    """
    if not len(features) == len(labels) == len(episodes):
        raise ValueError(
            f"latents, labels and episodes have {len(features)}, {len(labels)} and "
            f"{len(episodes)} rows: expected as many of each"
        )
    names = torch.unique(episodes)
    if len(names) < 5:
        raise ValueError(
            f"a probe needs at least 5 episodes to split, got {len(names)}: record more"
        )
    order = torch.randperm(len(names), generator=torch.Generator().manual_seed(seed))
    first = round(SHARES[0] * len(names))
    second = first + max(1, round(SHARES[1] * len(names)))
    groups = order[:first], order[first:second], order[second:]
    rows = [torch.isin(episodes, names[group]) for group in groups]
    train, choose, test = (Part(x=features[row], y=labels[row]) for row in rows)
    return Parts(train=train, choose=choose, test=test)
