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
    after_step: AfterStep = lambda actions, candidates: None,
) -> None:
    """Follow the gradient from every start; every iterate is evaluated and archived.

    Gradients have to be disabled around it; it enables them where it needs them.
    Actions are projected on their bounds after each step. What is not finite does not
    move.

    Args:
        search: The question; its budget says how many steps are taken.
        starts: Plans to begin with.
        energy: What to descend on.
        learning_rate: Of Adam, in units of actions; falls along a cosine where the
            number of steps is known.
        after_step: Told of the actions, which it may move in place, and of the
            candidates that were evaluated before the step.
    """
    actions = starts[:, : search.affords(starts.shape[1])].detach().clone()
    actions.requires_grad_(True)
    optimiser = torch.optim.Adam([actions], lr=learning_rate)
    for step, count in enumerate(search.rounds(actions.shape[1])):
        if count < actions.shape[1]:
            return
        for group in optimiser.param_groups:
            group["lr"] = learning_rate * search.cosine(step)
        with torch.enable_grad():
            candidates = search.evaluate(actions.clone())
            value = energy(candidates.scores)
            total = torch.where(torch.isfinite(value), value, 0.0).sum()
        if step + 1 == search.amount.iterations:
            return
        if not total.requires_grad:
            raise ValueError(
                "no gradient reaches the actions: dynamics or objective cannot be "
                "differentiated; plan with a search, such as ICEM."
            )
        (gradient,) = torch.autograd.grad(total, actions)
        actions.grad = directions_of(gradient)
        optimiser.step()
        actions.clamp_(-1.0, 1.0)
        after_step(actions, candidates.detach())


def directions_of(gradient: Float[Tensor, "B S H A"]) -> Float[Tensor, "B S H A"]:
    """The gradient of every plan, one long; zero where it is not finite.

    Adam remembers how large gradients were: a plan that begins where dynamics explode
    would crawl ever after. How far it moves is Adam's business, not the gradient's.
    """
    length = gradient.flatten(2).norm(dim=-1)[..., None, None]
    direction = gradient / length.clamp_min(1e-12)
    return torch.where(torch.isfinite(length), direction, 0.0)
