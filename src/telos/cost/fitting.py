"""Fit read-outs on logged latents and labels, and measure them on held-out ones."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import torch
from jaxtyping import Float
from torch import Tensor, nn

from telos.cost.readout import ReadOut

Kind = Literal["linear", "mlp"]

SLAB = 2**13
"""Rows that are looked at together; a fit holds no second copy of its data."""
RIDGE = 1e-4
"""Ridge penalty per sample, on standardised latents."""


@dataclass(frozen=True, kw_only=True)
class MlpConfig:
    """A small network, trained for a few seconds."""

    width: int = 64
    """Hidden units in each of two layers."""
    steps: int = 1500
    """Adam steps."""
    batch: int = 512
    """Rows per step."""
    learning_rate: float = 3e-3
    """Peak; decays to zero by a cosine."""
    weight_decay: float = 1e-4
    """Decoupled, per unit of learning rate."""


def fit_readout(
    latents: Float[Tensor, "N D"],
    labels: Float[Tensor, "N q"],
    *,
    name: str,
    unit: str,
    kind: Kind = "mlp",
    generator: torch.Generator,
    held_out_fraction: float = 0.1,
    groups: Tensor | None = None,
    config: MlpConfig | None = None,
) -> ReadOut:
    """Fit a frozen map from latents to a labelled quantity.

    Args:
        latents: Encoded frames.
        labels: The quantity at the same frames, in `unit`.
        name: The quantity.
        unit: Its physical unit.
        kind: `linear` (ridge, closed form) or `mlp`.
        generator: Decides the split, the initial weights and the batches.
        held_out_fraction: Share of rows (of groups, if given) kept for `errors`.
        groups: (N,) episode of each row. Neighbouring frames are nearly equal, so that
            rows held out without it flatter the read-out.
        config: Size and training of the network.

    Raises:
        ValueError: On unequal or too few rows, or values that are not finite.
    """
    _check(latents, labels, groups, held_out_fraction)
    latents, labels = latents.detach().cpu().float(), labels.detach().cpu().float()
    train, held_out = _split(len(latents), groups, held_out_fraction, generator)
    inputs, outputs = _Standard.of(latents, train), _Standard.of(labels, train)

    def pairs(rows: Tensor) -> tuple[Tensor, Tensor]:
        return inputs.apply(latents[rows]), outputs.apply(labels[rows])

    if kind == "linear":
        weights, biases = _ridge(*pairs(train))
    else:
        sizes = latents.shape[1], labels.shape[1]
        settings = config or MlpConfig()
        weights, biases = _train_mlp(pairs, train, sizes, settings, generator)
    weights, biases = _fold(weights, biases, inputs, outputs)
    readout = ReadOut(name=name, unit=unit, weights=weights, biases=biases)
    return replace(
        readout, errors=measure(readout, latents[held_out], labels[held_out])
    )


def measure(
    readout: ReadOut, latents: Float[Tensor, "N D"], labels: Float[Tensor, "N q"]
) -> dict[str, float]:
    """Quantiles of the error's norm in the read-out's unit, and R squared."""
    error = readout(latents) - labels
    norm = error.norm(dim=-1)
    levels = torch.tensor([0.5, 0.9, 0.99, 1.0], device=norm.device)
    quantiles = torch.quantile(norm, levels).tolist()
    spread = (labels - labels.mean(0)).square().sum().clamp_min(1e-12)
    r2 = float(1 - error.square().sum() / spread)
    return dict(zip(("q50", "q90", "q99", "max"), quantiles, strict=True)) | {"r2": r2}


@dataclass(frozen=True)
class _Standard:
    """Shift and scale to zero mean and unit variance; constants only shift."""

    mean: Tensor
    std: Tensor

    @classmethod
    def of(cls, values: Tensor, rows: Tensor) -> _Standard:
        """Of some rows, in double precision and a slab at a time."""
        slabs = rows.split(SLAB)
        mean = sum(values[s].double().sum(0) for s in slabs) / len(rows)
        squares = sum((values[s].double() - mean).square().sum(0) for s in slabs)
        std = torch.as_tensor(squares / len(rows)).sqrt().float()
        std = torch.where(std > 1e-8, std, torch.ones_like(std))
        return cls(torch.as_tensor(mean).float(), std)

    def apply(self, values: Tensor) -> Tensor:
        return (values - self.mean) / self.std


def _check(
    latents: Tensor, labels: Tensor, groups: Tensor | None, fraction: float
) -> None:
    if latents.ndim != 2 or labels.ndim != 2 or len(latents) != len(labels):
        raise ValueError(
            f"latents {tuple(latents.shape)} and labels {tuple(labels.shape)} do not "
            "match; expected (N, D) and (N, q) with the same N."
        )
    if groups is not None and groups.shape != (len(latents),):
        raise ValueError(
            f"groups have shape {tuple(groups.shape)}, expected ({len(latents)},)."
        )
    if not 0 < fraction < 1:
        raise ValueError(f"held_out_fraction is {fraction}, expected between 0 and 1.")
    for what, values in (("latents", latents), ("labels", labels)):
        if not all(torch.isfinite(slab).all() for slab in values.split(SLAB)):
            raise ValueError(f"{what} hold NaN or infinity; drop these rows first.")


def _split(
    num_rows: int, groups: Tensor | None, fraction: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Row indices to train on and to hold out; a group is never on both sides."""
    rows = torch.arange(num_rows)
    _, owner = torch.unique(
        rows if groups is None else groups.cpu(), return_inverse=True
    )
    count = int(owner.max()) + 1 if num_rows else 0
    num_held_out = max(1, round(fraction * count))
    if count - num_held_out < 1:
        raise ValueError(
            f"{count} rows or groups cannot be split into training and held-out ones; "
            "record more episodes."
        )
    order = torch.randperm(count, generator=generator)
    held_out = torch.isin(owner, order[:num_held_out])
    return rows[~held_out], rows[held_out]


def _ridge(x: Tensor, y: Tensor) -> tuple[list[Tensor], list[Tensor]]:
    """Closed-form ridge regression of standardised data, in double precision."""
    x64, y64 = x.double(), y.double()
    gram = x64.T @ x64 + RIDGE * len(x) * torch.eye(x.shape[1], dtype=torch.float64)
    weight = torch.linalg.solve(gram, x64.T @ y64).T.float()
    return [weight], [torch.zeros(len(weight))]


def _train_mlp(
    pairs: Callable[[Tensor], tuple[Tensor, Tensor]],
    train: Tensor,
    sizes: tuple[int, int],
    config: MlpConfig,
    generator: torch.Generator,
) -> tuple[list[Tensor], list[Tensor]]:
    """Adam on the mean squared error of standardised data, drawn from some rows."""
    net = _mlp((sizes[0], config.width, config.width, sizes[1]), generator)
    count = len(train)
    optimizer = torch.optim.AdamW(
        net.parameters(), config.learning_rate, weight_decay=config.weight_decay
    )
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, config.steps)
    for _ in range(config.steps):
        drawn = torch.randint(count, (min(config.batch, count),), generator=generator)
        x, y = pairs(train[drawn])
        optimizer.zero_grad()
        nn.functional.mse_loss(net(x), y).backward()
        optimizer.step()
        schedule.step()
    layers = [layer for layer in net if isinstance(layer, nn.Linear)]
    return [layer.weight.detach() for layer in layers], [
        layer.bias.detach() for layer in layers
    ]


def _mlp(sizes: tuple[int, int, int, int], generator: torch.Generator) -> nn.Sequential:
    """A SiLU network whose initial weights come from the generator."""
    first, second, third = (_layer(sizes[i], sizes[i + 1], generator) for i in range(3))
    return nn.Sequential(first, nn.SiLU(), second, nn.SiLU(), third)


def _layer(size_in: int, size_out: int, generator: torch.Generator) -> nn.Module:
    # Without skip_init the constructor would advance the global random state.
    layer = nn.utils.skip_init(nn.Linear, size_in, size_out)
    bound = size_in**-0.5
    with torch.no_grad():
        for parameter in layer.parameters():
            parameter.uniform_(-bound, bound, generator=generator)
    return layer


def _fold(
    weights: list[Tensor], biases: list[Tensor], inputs: _Standard, outputs: _Standard
) -> tuple[tuple[Tensor, ...], tuple[Tensor, ...]]:
    """Put the standardisation of inputs and outputs into the first and last layer."""
    weights, biases = list(weights), list(biases)
    weights[0] = weights[0] / inputs.std
    biases[0] = biases[0] - weights[0] @ inputs.mean
    weights[-1] = weights[-1] * outputs.std[:, None]
    biases[-1] = biases[-1] * outputs.std + outputs.mean
    return tuple(weights), tuple(biases)
