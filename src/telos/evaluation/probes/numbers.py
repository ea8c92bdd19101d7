"""Quantities: how much of what varies in them can be read out of features."""

from __future__ import annotations

from dataclasses import dataclass

from jaxtyping import Float
from torch import Tensor

from telos.evaluation.probes.fitting import Aim, Kind, fit, ridge
from telos.evaluation.probes.parts import Part, Parts, split


@dataclass(frozen=True, kw_only=True)
class ProbeResult:
    """How well a label can be read out of a latent, on unseen episodes."""

    r2: float
    """Explained variance, averaged over what varies; 0 is guessing the mean."""
    error: float
    """Mean distance between prediction and label, in `unit`."""
    guess: float
    """The same for always guessing the training mean: what 'knows nothing' is."""
    unit: str
    kind: Kind
    num_test: int
    """Frames measured on."""


@dataclass(frozen=True, kw_only=True)
class LabelProbes:
    """What can be read of one label, by each kind of probe, beside the controls.

    All are trained, chosen and measured on the same frames.
    """

    linear: ProbeResult
    mlp: ProbeResult
    untrained_linear: ProbeResult | None = None
    """On an encoder that has learned nothing; None if there was none."""
    untrained_mlp: ProbeResult | None = None


def probe(
    latents: Float[Tensor, "N *L D"],
    labels: Float[Tensor, "N q"],
    episodes: Tensor,
    *,
    unit: str,
    kind: Kind = "linear",
    seed: int = 0,
) -> ProbeResult:
    """Fit a probe on some episodes and measure it on others.

    Args:
        latents: One row per frame, or L tokens for each row.
        labels: The quantity at the same frames; (N,) counts as one number.
        episodes: (N,) episode that each frame is from.
        unit: Physical unit of the label.
        kind: ``linear`` (ridge), ``mlp`` (one hidden layer), ``knn`` (the mean of the
            nearest) or ``attentive`` (a query over the tokens, of which the other kinds
            look at the mean).
        seed: Decides the split, and the network's start.

    Raises:
        ValueError: If rows do not match, or there are fewer than 5 episodes.
    """
    labels = labels.reshape(len(labels), -1).float()
    parts = split(latents.float(), labels, episodes, seed)
    train, test = parts.train, parts.test
    mean, scale = train.y.mean(0), train.y.std(0).clamp_min(1e-8)

    def scaled(part: Part) -> Part:
        return Part(x=part.x, y=(part.y - mean) / scale)

    scaled_parts = Parts(
        train=scaled(train), choose=scaled(parts.choose), test=scaled(test)
    ).standardised()
    read = fit(scaled_parts, _NUMBERS, kind, seed)
    prediction = read(scaled_parts.test.x) * scale + mean
    return ProbeResult(
        r2=_r2(prediction, test.y),
        error=_distance(prediction, test.y),
        guess=_distance(mean.expand_as(test.y), test.y),
        unit=unit,
        kind=kind,
        num_test=len(test.y),
    )


def probe_label(
    latents: Float[Tensor, "N D"],
    labels: Float[Tensor, "N q"],
    episodes: Tensor,
    *,
    untrained: Float[Tensor, "N D"] | None = None,
    unit: str,
    seed: int = 0,
) -> LabelProbes:
    """Both kinds of probe, on latents and on those of an untrained encoder.

    Args:
        latents: One row per frame.
        labels: The quantity at the same frames.
        episodes: (N,) episode that each frame is from.
        untrained: The same frames as an encoder sees them that has learned nothing.
        unit: Physical unit of the label.
        seed: Decides the split, and the networks' start.

    Raises:
        ValueError: As `probe`.
    """

    def by(kind: Kind, seen: Tensor) -> ProbeResult:
        return probe(seen, labels, episodes, unit=unit, kind=kind, seed=seed)

    return LabelProbes(
        linear=by("linear", latents),
        mlp=by("mlp", latents),
        untrained_linear=None if untrained is None else by("linear", untrained),
        untrained_mlp=None if untrained is None else by("mlp", untrained),
    )


def _distance(prediction: Tensor, truth: Tensor) -> float:
    return float((prediction - truth).norm(dim=-1).mean())


def _r2(prediction: Tensor, truth: Tensor) -> float:
    residual = (prediction - truth).square().sum(0)
    total = (truth - truth.mean(0)).square().sum(0)
    varies = total > 1e-8
    if not varies.any():
        return float("nan")
    return float((1 - residual[varies] / total[varies]).mean())


def _squared(prediction: Tensor, truth: Tensor) -> Tensor:
    return (prediction - truth).square().mean()


_NUMBERS = Aim(loss=_squared, error=_distance, linear=ridge)
