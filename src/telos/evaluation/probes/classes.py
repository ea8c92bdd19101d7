"""Classes: how often the right one is read out of features."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from jaxtyping import Float, Int
from torch import Tensor
from torch.nn import functional

from telos.evaluation.probes.fitting import Aim, Kind, fit, logistic
from telos.evaluation.probes.parts import Parts, split


@dataclass(frozen=True, kw_only=True)
class ClassProbe:
    """How well a class can be read out of a latent, on unseen episodes."""

    accuracy: float
    """Share of rows whose class was read right."""
    guess: float
    """The same for always guessing the class that is most frequent in training."""
    classes: int
    kind: Kind
    num_test: int
    """Rows measured on."""


def probe_classes(
    latents: Float[Tensor, "N *L D"],
    labels: Int[Tensor, " N"],
    episodes: Tensor,
    *,
    kind: Kind = "linear",
    seed: int = 0,
) -> ClassProbe:
    """Fit a probe on some episodes and measure it on others.

    Args:
        latents: One row per frame, or L tokens for each row.
        labels: Class of each row, any whole numbers.
        episodes: (N,) episode that each row is from.
        kind: ``linear`` (logistic), ``mlp``, ``knn`` or ``attentive``, see `probe`.
        seed: Decides the split, and the network's start.

    Raises:
        ValueError: If rows do not match, there are fewer than 5 episodes, or there is
            only one class.
    """
    _, numbers = torch.unique(labels, return_inverse=True)
    truth = functional.one_hot(numbers.flatten()).float()
    return read_classes(split(latents.float(), truth, episodes, seed), kind, seed)


def read_classes(parts: Parts, kind: Kind = "linear", seed: int = 0) -> ClassProbe:
    """The same on a split that is given, as that of a published data set is.

    Raises:
        ValueError: If there is only one class.
    """
    truth, train = parts.test.y, parts.train.y
    if truth.shape[1] < 2:
        raise ValueError("all rows are of one class: there is nothing to tell apart")
    ready = parts.standardised()
    read = fit(ready, _CLASSES, kind, seed)
    usual = train.mean(dim=0, keepdim=True).expand_as(truth)
    return ClassProbe(
        accuracy=1 - _wrong(read(ready.test.x), truth),
        guess=1 - _wrong(usual, truth),
        classes=truth.shape[1],
        kind=kind,
        num_test=len(truth),
    )


def _wrong(scores: Tensor, truth: Tensor) -> float:
    return float((scores.argmax(dim=-1) != truth.argmax(dim=-1)).float().mean())


_CLASSES = Aim(loss=functional.cross_entropy, error=_wrong, linear=logistic)
