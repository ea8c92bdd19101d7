"""Gradient descent on plans: what the planners that differentiate share.

Every start descends on its own: energies are summed over starts, so that none sees the
gradient of another, and true Adam scales each number by its own history.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float
from torch import Tensor

from telos.actor.archive import Candidates
from telos.actor.scoring import Scores
from telos.actor.search import Search

Energy = Callable[[Scores], Float[Tensor, "B S"]]
"""From the scores of candidates to what is descended on."""

AfterStep = Callable[[Float[Tensor, "B S H A"], Candidates], None]


def descend(
    search: Search,
    starts: Float[Tensor, "B S H A"],
    energy: Energy,
    *,
    learning_rate: float,
    clip: float,
    after_step: AfterStep = lambda actions, candidates: None,
) -> None:
    """Follow the gradient from every start; every iterate is evaluated and archived.

    Actions are projected on their bounds after each step. What is not finite does not
    move.

    Args:
        search: The question; its budget says how many steps are taken.
        starts: Plans to begin with.
        energy: What to descend on.
        learning_rate: Of Adam, in units of actions; falls to a tenth along a cosine
            where the number of steps is known.
        clip: Largest gradient norm of a plan.
        after_step: Told of the actions, which it may move in place, and of the
            candidates that were evaluated before the step.
    """
    actions = starts.detach().clone().requires_grad_(True)
    optimiser = torch.optim.Adam([actions], lr=learning_rate)
    for step, count in enumerate(search.rounds(lambda _: actions.shape[1])):
        if count < actions.shape[1]:
            break
        for group in optimiser.param_groups:
            group["lr"] = learning_rate * search.cosine(step)
        with torch.enable_grad():
            candidates = search.evaluate(actions)
            value = energy(candidates.scores)
            known = torch.isfinite(value)
            total = torch.where(known, value, 0.0).sum()
        (gradient,) = torch.autograd.grad(total, actions, allow_unused=True)
        actions.grad = clipped(gradient, actions, clip)
        optimiser.step()
        with torch.no_grad():
            actions.clamp_(-1.0, 1.0)
            after_step(actions, candidates.detach())
    search.evaluate_last(actions.detach())


def clipped(
    gradient: Tensor | None, actions: Float[Tensor, "B S H A"], clip: float
) -> Float[Tensor, "B S H A"]:
    """The gradient of every plan, at most `clip` long; zero where it is not finite."""
    if gradient is None:
        return torch.zeros_like(actions)
    length = gradient.flatten(2).norm(dim=-1)[..., None, None]
    scaled = gradient * (clip / length.clamp_min(1e-12)).clamp_max(1.0)
    return torch.where(torch.isfinite(length), scaled, 0.0)
