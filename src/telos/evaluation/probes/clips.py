"""Every label of some clips, read frame by frame and clip by clip."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float, Int
from torch import Tensor

from telos.evaluation.probes.classes import probe_classes
from telos.evaluation.probes.fitting import Kind
from telos.evaluation.probes.numbers import probe

MOST_CLASSES = 32
"""Different whole numbers that a label without a unit may have to be one of classes."""


@dataclass(frozen=True, kw_only=True)
class ClipFeatures:
    """Frozen features of E clips."""

    tokens: Float[Tensor, "E T L D"]
    """L of each moment; one where a frame is encoded as a whole."""
    episodes: Int[Tensor, " E"]
    """The episode that a clip is cut from; cuts of one are never split."""


@dataclass(frozen=True, kw_only=True)
class LabelReading:
    """What can be read of one label by one kind of probe."""

    label: str
    level: Literal["frame", "clip"]
    measure: Literal["r2", "accuracy"]
    kind: Kind
    score: float
    """R2, at most 1, or accuracy."""
    guess: float
    """What knows nothing has: 0, or the share of the class that is most frequent."""
    count: int
    """Rows measured on."""


def read_labels(
    features: ClipFeatures,
    labels: Mapping[str, tuple[Float[Tensor, "E T q"], str]],
    *,
    seed: int = 0,
) -> list[LabelReading]:
    """Read every label that varies.

    Frame by frame each moment is a row. What is constant within every clip is also
    read clip by clip: an attentive probe looks at all moments, the others at their
    mean. Whole numbers without a unit are classes.

    Args:
        features: Of the clips.
        labels: Values and unit by name.
        seed: Decides the splits, and where networks start.

    Raises:
        ValueError: If there are fewer than 5 episodes, or rows do not match.
    """
    found = []
    for name, values, classes in _questions(labels):
        frames = features.tokens.flatten(0, 1)
        owners = features.episodes.repeat_interleave(features.tokens.shape[1])
        if features.tokens.shape[1] > 1:
            rows = values.flatten(0, 1)
            found += _read(name, "frame", frames, rows, owners, classes, seed)
        if bool((values == values[:, :1]).all()):
            whole = features.tokens.flatten(1, 2)
            args = whole, values[:, 0], features.episodes
            found += _read(name, "clip", *args, classes, seed)
    return found


def time_features(
    clips: int, moments: int, episodes: Int[Tensor, " E"]
) -> ClipFeatures:
    """Of who knows which moment of the clip it is, and nothing else.

    A linear probe of them is the best function of time that there is.
    """
    told = torch.eye(moments).view(1, moments, 1, moments)
    return ClipFeatures(tokens=told.expand(clips, -1, -1, -1), episodes=episodes)


def _questions(
    labels: Mapping[str, tuple[Tensor, str]],
) -> list[tuple[str, Tensor, bool]]:
    """Name, values (E, T, q) and whether they are classes; each class for itself."""
    asked = []
    for name, (values, unit) in labels.items():
        values = values.float().reshape(*values.shape[:2], -1)
        if not _varies(values):
            continue
        if unit or not _few_whole(values):
            asked.append((name, values, False))
            continue
        several = values.shape[-1] > 1
        for i, part in enumerate(values.split(1, dim=-1)):
            if _varies(part):
                asked.append((f"{name} {i + 1}" if several else name, part, True))
    return asked


def _varies(values: Tensor) -> bool:
    return bool((values != values[:1, :1]).any())


def _few_whole(values: Tensor) -> bool:
    whole = bool((values == values.round()).all())
    return whole and len(torch.unique(values)) <= MOST_CLASSES


def _read(
    name: str,
    level: Literal["frame", "clip"],
    features: Tensor,
    values: Tensor,
    owners: Tensor,
    classes: bool,
    seed: int,
) -> list[LabelReading]:
    kinds: list[Kind] = ["linear", "mlp", "knn"]
    if features.shape[1] > 1:
        kinds.append("attentive")
    rows = []
    for kind in kinds:
        if classes:
            told = probe_classes(
                features, values[:, 0].long(), owners, kind=kind, seed=seed
            )
            score, guess, count = told.accuracy, told.guess, told.num_test
        else:
            said = probe(features, values, owners, unit="", kind=kind, seed=seed)
            score, guess, count = said.r2, 0.0, said.num_test
        rows.append(
            LabelReading(
                label=name,
                level=level,
                measure="accuracy" if classes else "r2",
                kind=kind,
                score=score,
                guess=guess,
                count=count,
            )
        )
    return rows
