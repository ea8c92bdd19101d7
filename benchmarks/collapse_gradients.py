"""What is left of each objective's pull when latents have collapsed?

    python benchmarks/collapse_gradients.py

For every objective with statistics over a batch, the size of its gradient on free
latents (N = 256, D = 32) that lie around zero, or around a common vector as collapsed
encoders have it, at spreads of 1e-4, 1e-2 and 0.5. A size is the root mean square of
N D times the gradient, so that an error of e per dimension has 2 e. The table says how
large it is at 1e-4 as a share of that at 0.5: near 1 a collapse is felt in full, near 0
hardly at all, and far above 1 it is large but of directions only. Also the effective
rank that 300 steps of Adam reach from a line. Writes results/collapse_gradients.json.
"""

from __future__ import annotations

import time
from typing import Any

import torch
from results_file import row, write_result
from torch import Tensor

from telos.learning.diagnostics import effective_rank
from telos.learning.objectives import Objective, Views, build_objective
from telos.learning.objectives import objective_config as configured
from telos.learning.objectives.config import STATISTICAL

N, D = 256, 32
SPREADS = (1e-4, 1e-2, 0.5)
TRACE = 1e-3
"""What lies beside the line, in its own standard deviations."""
STEPS, RATE = 300, 0.02
WITH_PREDICTION = ("vicreg", "logdet", "coding-rate", "sigreg", "visreg")
"""Objectives whose prediction term is one of its own, and left out here."""


def main() -> None:
    """Measure all objectives, then write the table."""
    start = time.monotonic()
    rows = [line for kind in STATISTICAL for line in lines_of(kind)]
    for line in rows:
        print(line["name"], line["value"], flush=True)
    print(write_result("collapse_gradients", time.monotonic() - start, rows))


def lines_of(kind: str) -> list[dict[str, Any]]:
    """Both places, and the way out of a line."""
    lines = []
    for place, centre in (("zero", 0.0), ("a common vector", 1.0)):
        sizes = {spread: pull(kind, centre, spread) for spread in SPREADS}
        share = sizes[SPREADS[0]] / sizes[SPREADS[-1]]
        name = f"{kind}: pull around {place}"
        lines.append(row(name, share, "times", sizes=[*sizes.items()]))
    return [*lines, row(f"{kind}: rank from a line", escape(kind), f"of {D}")]


def built(kind: str) -> Objective:
    """The regulariser alone, or what regularises."""
    alone = {"prediction": 0.0} if kind in WITH_PREDICTION else {}
    return build_objective(configured(kind, slices=256, **alone), D)


def loss_of(objective: Objective, z: Tensor, noise: Tensor) -> Tensor:
    """Of latents, and of the same with noise where two views are wanted."""
    views = Views(
        predicted=z + noise,
        target=z,
        latents=z,
        clips=torch.zeros(len(z), dtype=torch.int64),
    )
    return objective(views, torch.Generator().manual_seed(1))[0]


def pull(kind: str, centre: float, spread: float) -> float:
    """Root mean square of N D times the gradient."""
    draw = torch.Generator().manual_seed(0)
    place = centre * torch.randn(1, D, generator=draw)
    z = place + spread * torch.randn(N, D, generator=draw)
    noise = 0.1 * spread * torch.randn(N, D, generator=draw)
    z.requires_grad_()
    loss_of(built(kind), z, noise).backward()
    assert z.grad is not None
    return float(N * D * z.grad.square().mean().sqrt())


def escape(kind: str) -> float:
    """Effective rank that a sample on a line reaches."""
    draw = torch.Generator().manual_seed(2)
    line = torch.randn(N, 1, generator=draw) * torch.ones(D)
    z = (line + TRACE * torch.randn(N, D, generator=draw)).requires_grad_()
    objective, optimiser = built(kind), torch.optim.Adam([z], RATE)
    for _ in range(STEPS):
        noise = 0.1 * z.detach().std() * torch.randn(N, D, generator=draw)
        optimiser.zero_grad()
        loss_of(objective, z, noise).backward()
        optimiser.step()
    return effective_rank(z.detach())


if __name__ == "__main__":
    main()
