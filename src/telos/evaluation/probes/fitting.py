"""The kinds of probe: each is fitted on one part and chosen on another.

`Aim` says what is read, numbers or classes; all kinds read both.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn
from torch.nn import functional

from telos.evaluation.probes.networks import Attentive, hidden_layer
from telos.evaluation.probes.parts import Part, Parts

Kind = Literal["linear", "mlp", "knn", "attentive"]
Reader = Callable[[Tensor], Tensor]
"""From features (N, D) or (N, L, D) to numbers (N, q) or scores of classes (N, C)."""

RIDGES = (1e-6, 1e-4, 1e-2, 1.0)
"""Ridge penalties per sample, of which validation chooses one."""
NEIGHBOURS = (1, 3, 10, 30, 100)
"""Numbers of neighbours, of which validation chooses one."""
STEPS, BATCH, CHECK_EVERY = 600, 256, 50
"""Training of a network, tokens of a batch; validation chooses the step."""
ROWS = 32
"""Rows of a batch, at least."""
ITERATIONS = 30
"""Of the convex problem that is solved for linear classes, at most."""
AT_ONCE = 1024
"""Rows whose distances are held at the same time."""


@dataclass(frozen=True, kw_only=True)
class Aim:
    """What is read."""

    loss: Callable[[Tensor, Tensor], Tensor]
    """Of predictions and truth, to be minimised."""
    error: Callable[[Tensor, Tensor], float]
    """What validation chooses by; less is better."""
    linear: Callable[[Part, float], Reader]
    """The best linear reader under a penalty."""


def fit(parts: Parts, aim: Aim, kind: Kind, seed: int) -> Reader:
    """A probe of standardised parts; the test part is not looked at.

    Raises:
        ValueError: If there is no such kind, or an attentive one is given no tokens.
    """
    if kind not in _FITS:
        raise ValueError(f"probe {kind!r} is unknown; choose one of {[*_FITS]}")
    train, choose = parts.train, parts.choose
    if kind != "attentive":
        read = _FITS[kind](train.pooled(), choose.pooled(), aim, seed)
        return lambda x: read(x if x.ndim == 2 else x.mean(dim=1))
    if train.x.ndim != 3:
        raise ValueError(
            f"an attentive probe looks over tokens (N, L, D), features are "
            f"{tuple(train.x.shape)}: give the frames of a clip or the tokens of an "
            "image"
        )
    return _attentive(train, choose, aim, seed)


def ridge(part: Part, penalty: float) -> Reader:
    """Ridge regression, in closed form."""
    x, y = part.x.double(), part.y.double()
    gram, target = x.T @ x / len(x), x.T @ y / len(x)
    identity = torch.eye(len(gram), dtype=gram.dtype)
    weight = torch.linalg.solve(gram + penalty * identity, target).float()
    return lambda x: x @ weight


def logistic(part: Part, penalty: float) -> Reader:
    """Multinomial logistic regression, by L-BFGS from nothing: it draws nothing."""
    inputs, classes = part.x.shape[1], part.y.shape[1]
    weight = torch.zeros(inputs, classes, requires_grad=True)
    bias = torch.zeros(classes, requires_grad=True)
    solver = torch.optim.LBFGS(
        [weight, bias], max_iter=ITERATIONS, line_search_fn="strong_wolfe"
    )

    def closure() -> Tensor:
        solver.zero_grad()
        loss = functional.cross_entropy(part.x @ weight + bias, part.y)
        loss = loss + penalty / 2 * weight.square().sum()
        loss.backward()
        return loss

    solver.step(closure)
    found, offset = weight.detach(), bias.detach()
    return lambda x: x @ found + offset


def _linear(train: Part, choose: Part, aim: Aim, seed: int) -> Reader:
    """The penalty is chosen by other episodes; it draws nothing."""
    return _best([aim.linear(train, p) for p in RIDGES], choose, aim)


def _knn(train: Part, choose: Part, aim: Aim, seed: int) -> Reader:
    """The mean of the nearest rows; other episodes choose of how many."""
    counts = [k for k in NEIGHBOURS if k <= len(train.x)]
    return _best([neighbours(train, k) for k in counts], choose, aim)


def neighbours(part: Part, count: int) -> Reader:
    """The mean label of the nearest rows by Euclidean distance."""

    def read(x: Tensor) -> Tensor:
        near = [
            torch.cdist(rows, part.x).topk(count, largest=False).indices
            for rows in x.split(AT_ONCE)
        ]
        return part.y[torch.cat(near)].mean(dim=1)

    return read


def _mlp(train: Part, choose: Part, aim: Aim, seed: int) -> Reader:
    """A small network, stopped where other episodes say."""
    generator = torch.Generator().manual_seed(seed)
    net = hidden_layer(train.x.shape[1], train.y.shape[1], generator)
    return _trained(net, train, choose, aim, generator)


def _attentive(train: Part, choose: Part, aim: Aim, seed: int) -> Reader:
    generator = torch.Generator().manual_seed(seed)
    net = Attentive(train.x.shape[-1], train.y.shape[1], generator)
    return _trained(net, train, choose, aim, generator)


_FITS: dict[str, Callable[[Part, Part, Aim, int], Reader]] = {
    "linear": _linear,
    "mlp": _mlp,
    "knn": _knn,
    "attentive": _attentive,
}


def _best(readers: list[Reader], choose: Part, aim: Aim) -> Reader:
    errors = [aim.error(read(choose.x), choose.y) for read in readers]
    return readers[errors.index(min(errors))]


def _trained(
    net: nn.Module, train: Part, choose: Part, aim: Aim, generator: torch.Generator
) -> Reader:
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3, weight_decay=1e-3)
    batch = BATCH if train.x.ndim == 2 else max(ROWS, BATCH // train.x.shape[1])
    best, least = {}, float("inf")
    for step in range(STEPS):
        rows = torch.randint(len(train.x), (batch,), generator=generator)
        loss = aim.loss(net(train.x[rows]), train.y[rows])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if (step + 1) % CHECK_EVERY == 0:
            with torch.no_grad():
                error = aim.error(net(choose.x), choose.y)
            if error < least:
                least, best = error, {k: v.clone() for k, v in net.state_dict().items()}
    net.load_state_dict(best)
    return torch.no_grad()(net)
