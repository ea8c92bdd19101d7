"""What a representation holds: labels predicted from latents of unseen episodes.

A probe is trained on some episodes, chosen on others and measured on a third set. Split
by frames instead, a probe would recognise the episode and report what it remembers.

Two controls say what a number is worth: guessing the mean, which knows nothing, and the
same probe on an encoder that has learned nothing. Much can be read out of random
features, of vectors above all.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

Kind = Literal["linear", "mlp"]

RIDGES = (1e-6, 1e-4, 1e-2, 1.0)
"""Ridge penalties per sample, of which validation chooses one."""
WIDTH, STEPS, BATCH, CHECK_EVERY = 64, 600, 256, 50
"""Size and training of the small network; validation chooses the step."""
SHARES = (0.6, 0.2)
"""Episodes to train on and to choose on; the rest measures."""


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


@dataclass(frozen=True, kw_only=True)
class _Part:
    x: Tensor
    y: Tensor


def probe(
    latents: Float[Tensor, "N D"],
    labels: Float[Tensor, "N q"],
    episodes: Tensor,
    *,
    unit: str,
    kind: Kind = "linear",
    seed: int = 0,
) -> ProbeResult:
    """Fit a probe on some episodes and measure it on others.

    Args:
        latents: One row per frame.
        labels: The quantity at the same frames; (N,) counts as one number.
        episodes: (N,) episode that each frame is from.
        unit: Physical unit of the label.
        kind: ``linear`` (ridge) or ``mlp`` (one hidden layer).
        seed: Decides the split, and the network's start.

    Raises:
        ValueError: If rows do not match, or there are fewer than 5 episodes.
    """
    labels = labels.reshape(len(labels), -1).float()
    train, choose, test = _split(latents.float(), labels, episodes, seed)
    mean, scale = train.y.mean(0), train.y.std(0).clamp_min(1e-8)
    fit = _ridge if kind == "linear" else _mlp
    predict = fit(_standardised(train, train), _standardised(choose, train), seed)
    prediction = predict(_standardised(test, train).x) * scale + mean
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


def _split(
    latents: Tensor, labels: Tensor, episodes: Tensor, seed: int
) -> tuple[_Part, _Part, _Part]:
    if not len(latents) == len(labels) == len(episodes):
        raise ValueError(
            f"latents, labels and episodes have {len(latents)}, {len(labels)} and "
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
    parts = [_Part(x=latents[row], y=labels[row]) for row in rows]
    return parts[0], parts[1], parts[2]


def _standardised(part: _Part, train: _Part) -> _Part:
    """Zero mean and unit variance by the training episodes alone."""
    x = (part.x - train.x.mean(0)) / train.x.std(0).clamp_min(1e-8)
    y = (part.y - train.y.mean(0)) / train.y.std(0).clamp_min(1e-8)
    return _Part(x=x, y=y)


def _ridge(train: _Part, choose: _Part, seed: int) -> Callable[[Tensor], Tensor]:
    """Ridge regression whose penalty other episodes choose; it draws nothing."""
    x, y = train.x.double(), train.y.double()
    gram, target = x.T @ x / len(x), x.T @ y / len(x)
    identity = torch.eye(len(gram), dtype=gram.dtype)
    weights = [torch.linalg.solve(gram + r * identity, target).float() for r in RIDGES]
    errors = [_distance(choose.x @ weight, choose.y) for weight in weights]
    best = weights[errors.index(min(errors))]
    return lambda latents: latents @ best


def _mlp(train: _Part, choose: _Part, seed: int) -> Callable[[Tensor], Tensor]:
    """A small network, stopped where other episodes say."""
    generator = torch.Generator().manual_seed(seed)
    net = _network(train.x.shape[1], train.y.shape[1], generator)
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=1e-3)
    best, least = {}, float("inf")
    for step in range(STEPS):
        rows = torch.randint(len(train.x), (BATCH,), generator=generator)
        loss = (net(train.x[rows]) - train.y[rows]).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if (step + 1) % CHECK_EVERY == 0:
            with torch.no_grad():
                error = _distance(net(choose.x), choose.y)
            if error < least:
                least, best = error, {k: v.clone() for k, v in net.state_dict().items()}
    net.load_state_dict(best)
    return torch.no_grad()(net)


def _network(inputs: int, outputs: int, generator: torch.Generator) -> nn.Sequential:
    """One hidden layer whose weights come from the generator."""
    net = nn.Sequential(nn.Linear(inputs, WIDTH), nn.SiLU(), nn.Linear(WIDTH, outputs))
    for layer in (net[0], net[2]):
        assert isinstance(layer, nn.Linear)
        bound = layer.in_features**-0.5
        nn.init.uniform_(layer.weight, -bound, bound, generator=generator)
        nn.init.zeros_(layer.bias)
    return net


def _distance(prediction: Tensor, truth: Tensor) -> float:
    return float((prediction - truth).norm(dim=-1).mean())


def _r2(prediction: Tensor, truth: Tensor) -> float:
    residual = (prediction - truth).square().sum(0)
    total = (truth - truth.mean(0)).square().sum(0)
    varies = total > 1e-8
    if not varies.any():
        return float("nan")
    return float((1 - residual[varies] / total[varies]).mean())
