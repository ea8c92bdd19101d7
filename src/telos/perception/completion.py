"""What all streams together would have given, guessed from some of them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import combinations

import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

FAR = 10.0
"""Standardised features are cut off here: one that hardly ever moved would otherwise
drown all others when it does."""
TOGETHER = 2
"""Up to so many streams, it is measured what every choice of them tells."""


class Completion(nn.Module):
    """From the features of some streams to the latent that all of them would give.

    In the place of a stream that is missing stands a learned vector. Trained by squared
    error, the guess is the mean of the latents that go with what is there: near the
    truth where that decides the latent, and near the mean of everything where it does
    not. How much of the state it decides is measured on held-out frames and travels
    with the weights.

    Args:
        widths: Features of each stream, in the order in which they are joined.
        state_dim: Leading numbers of a latent that are its state.
        latent_dim: Numbers that are guessed.
        width: Hidden units.
    """

    told: Tensor

    def __init__(
        self,
        widths: Mapping[str, int],
        state_dim: int,
        latent_dim: int,
        *,
        width: int = 256,
    ) -> None:
        super().__init__()
        self.widths = dict(widths)
        joined = sum(self.widths.values())
        self.standardise = nn.BatchNorm1d(joined, affine=False)
        self.absent = nn.Parameter(torch.zeros(joined))
        self.layers = nn.Sequential(
            nn.Linear(joined, width),
            nn.SiLU(),
            nn.Linear(width, width),
            nn.SiLU(),
            nn.Linear(width, latent_dim),
        )
        self.register_buffer("told", torch.zeros(len(self.choices), state_dim))

    @property
    def choices(self) -> tuple[tuple[str, ...], ...]:
        """The streams, by name, of which it is measured what they tell."""
        most = min(TOGETHER, len(self.widths) - 1)
        return tuple(
            choice
            for count in range(1, most + 1)
            for choice in combinations(self.widths, count)
        )

    def told_by(self, streams: Iterable[str]) -> Float[Tensor, " Z"]:
        """Share of each number of the state that these streams tell; 1 for all streams.

        Of more streams than were measured together, the best choice of them counts.
        """
        there = set(streams)
        if there >= set(self.widths):
            return torch.ones_like(self.told[0])
        within = [row for row, one in enumerate(self.choices) if there >= set(one)]
        if not within:
            return torch.zeros_like(self.told[0])
        best = max(within, key=lambda row: float(self.told[row].mean()))
        return self.told[best].clone()

    def forward(
        self, features: Float[Tensor, "N F"], present: Bool[Tensor, "N S"]
    ) -> Float[Tensor, "N D"]:
        """Guessed latents.

        Args:
            features: Of all streams side by side; of an absent one, whatever is there.
            present: Which of the streams each row may use.
        """
        widths = torch.tensor(list(self.widths.values()), device=features.device)
        seen = present.repeat_interleave(widths, dim=1)
        known = self.standardise(features).clamp(-FAR, FAR)
        return self.layers(torch.where(seen, known, self.absent))

    def complete(
        self, given: Mapping[str, Float[Tensor, "N f"]]
    ) -> Float[Tensor, "N D"]:
        """Guessed latents from the features of at least one stream."""
        one = next(iter(given.values()))
        features = [
            given.get(name, one.new_zeros(len(one), width))
            for name, width in self.widths.items()
        ]
        present = torch.tensor([name in given for name in self.widths])
        return self(
            torch.cat(features, dim=-1),
            present.to(one.device).expand(len(one), -1),
        )
