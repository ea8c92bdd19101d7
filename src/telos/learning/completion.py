"""Phase 1b: what a model of several streams would have seen, guessed from some of them.

A goal is often shown in one camera alone. The encoder stays as it is: a network of its
own learns, on frames of the recording, which latent goes with what is there.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor, nn

from telos.data.prefetch import Batches
from telos.data.recording import Recording
from telos.learning.config import CompletionConfig
from telos.learning.distributed import ALONE, Team
from telos.perception import Completion
from telos.types import Observation, Verdict
from telos.world_model import JEPA

MEASURED = 2048
"""Held-out frames on which it is measured what streams tell."""


class CompletionPhase:
    """What trains the guess; the encoder is frozen.

    Args:
        model: With a trained encoder, and a completion to train.
        sampler: Windows of prepared frames, of one transition: this process's part of
            each batch. Every frame stands for itself, as a goal does.
        config: Settings.
        seed: Decides which streams are hidden.
        team: The processes that train together.
    """

    name = "completion"

    def __init__(
        self,
        model: JEPA,
        sampler: Batches,
        config: CompletionConfig,
        *,
        seed: int = 0,
        team: Team = ALONE,
    ) -> None:
        self.model, self.completion = model, completion_of(model)
        self.sampler, self._seed, self._team = sampler, seed, team
        self.optimiser, self.num_steps = config.optimiser, config.steps
        self.samples_per_step = 2 * config.batch

    def parameters(self) -> list[nn.Parameter]:
        """The completion's; the encoder stays as it is."""
        return list(self.completion.parameters())

    def after_step(self, step: int) -> Mapping[str, float]:
        """Nothing follows a step."""
        return {}

    def loss(self, step: int) -> tuple[Tensor, Mapping[str, Tensor]]:
        """Squared error of latents that are guessed from random streams."""
        self.model.eval()
        self.completion.train()
        window = self.sampler.batch(step)
        frames = {n: x.flatten(0, 1) for n, x in window.observations.items()}
        features, latent = (self._team.gather(x) for x in at_rest(self.model, frames))
        draw = torch.Generator().manual_seed(hash((self._seed, step)) % 2**63)
        present = some_streams(len(latent), len(self.completion.widths), draw)
        guess = self.completion(features, present.to(features.device)).float()
        loss = (guess - latent).square().mean()
        spread = latent.var(0, correction=0).mean()
        return loss, {"told": 1 - loss.detach() / spread.clamp_min(1e-12)}


def completion_of(model: JEPA) -> Completion:
    """The completion of a model that has one."""
    assert model.completion is not None, "the configuration asks for no completion"
    return model.completion


@torch.no_grad()
def at_rest(
    model: JEPA, frames: Observation
) -> tuple[Float[Tensor, "N F"], Float[Tensor, "N D"]]:
    """Features of all streams, and latents, of prepared frames (N, ...) at rest."""
    still = {
        name: x.to(model.device)[:, None]
        .expand(-1, model.history, *x.shape[1:])
        .contiguous()
        for name, x in frames.items()
    }
    features = model.perception(still)
    latent = model.standardised(model.head(features).float())
    return features[:, -1].float(), latent[:, -1]


def some_streams(
    rows: int, streams: int, generator: torch.Generator
) -> Bool[Tensor, "N S"]:
    """Which streams each row may use: one to all but one of them, any of them."""
    count = torch.randint(1, streams, (rows, 1), generator=generator)
    order = torch.rand(rows, streams, generator=generator).argsort(dim=1)
    return order < count


@torch.no_grad()
def measure_told(model: JEPA, held_out: Recording) -> Verdict:
    """Measure what streams tell of the state, and keep it with the weights.

    Args:
        model: With a trained completion.
        held_out: Prepared episodes that it was not trained on.

    Returns:
        What single streams tell, in words; the evidence holds every choice measured.
    """
    model.eval()
    completion, size = completion_of(model), model.config.state_dim
    rows = np.linspace(0, held_out.num_frames - 1, MEASURED).astype(int)
    frames = {
        name: torch.from_numpy(stream[np.unique(rows)])
        for name, stream in held_out.observations.items()
    }
    features, latent = at_rest(model, frames)
    spread = latent[:, :size].var(0, correction=0).clamp_min(1e-12)
    for index, choice in enumerate(completion.choices):
        present = torch.tensor([name in choice for name in completion.widths])
        guess = completion(features, present.to(latent.device).expand(len(latent), -1))
        error = (guess - latent)[:, :size].square().mean(0)
        completion.told[index] = (1 - error / spread).clamp(0, 1)
    shares = completion.told.mean(1).tolist()
    told = dict(zip(completion.choices, shares, strict=True))
    alone = [f"{c[0]} {100 * t:.0f} %" for c, t in told.items() if len(c) == 1]
    return Verdict(
        name="ok",
        text=f"one stream alone tells of the state: {', '.join(alone)}",
        evidence={"+".join(choice): share for choice, share in told.items()},
    )
