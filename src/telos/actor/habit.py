"""Mode 1: what is usually done in such a state on the way to such a goal.

A habit answers at once, without imagining anything. It is learned from what was
recorded: every frame that came later in an episode is a goal that its actions led to.
Alone it acts; imagined ahead it is where a search begins, which then need not find by
chance what is known from experience.

Source: LeCun 2022, section 3.1.3 (Mode-1); Ghosh et al. 2019, "Learning to Reach Goals
via Iterated Supervised Learning" (1912.06088), for goals in hindsight; Bishop 1994,
"Mixture density networks", equations 22 to 29, for several ways of doing a thing.
"""

from __future__ import annotations

from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from telos.types import Dynamics

LOG_SPREAD = (-4.0, 1.0)
"""Bounds of the logarithm of the standard deviation of a choice."""
FIRST_LOG_SPREAD = -1.0
"""Where it starts: a third of the way from the middle to the bound of an action."""


class Habit(nn.Module):
    """A mixture of normal distributions over the next action, in [-1, 1].

    Where something can be passed on the left or on the right, the mean of both is a way
    into it; therefore several choices, of which the likeliest is made.

    Args:
        state_dim: Dimensions Z that move.
        context_dim: Dimensions C that an episode shares.
        action_dim: Numbers A of an action.
        width: Hidden units.
        choices: Components M.
    """

    def __init__(
        self,
        state_dim: int,
        context_dim: int,
        action_dim: int,
        width: int = 256,
        choices: int = 8,
    ) -> None:
        super().__init__()
        self.state_dim, self.context_dim = state_dim, context_dim
        self.action_dim, self.width, self.choices = action_dim, width, choices
        self.trunk = nn.Sequential(
            nn.Linear(2 * state_dim + context_dim, width),
            nn.SiLU(),
            nn.Linear(width, width),
            nn.SiLU(),
            nn.Linear(width, width),
            nn.SiLU(),
        )
        self.action = nn.Linear(width, choices * action_dim)
        self.likelihood = nn.Linear(width, choices)
        self.log_spread = nn.Parameter(
            torch.full((choices, action_dim), FIRST_LOG_SPREAD)
        )

    def description(self) -> dict[str, Any]:
        """What rebuilds the network, as plain data."""
        names = ("state_dim", "context_dim", "action_dim", "width", "choices")
        return {name: getattr(self, name) for name in names}

    def distribution(
        self, latent: Float[Tensor, "N D"], goal: Float[Tensor, "N Z"]
    ) -> tuple[Float[Tensor, "N M A"], Float[Tensor, "N M"]]:
        """M actions, and the logarithms of their probabilities."""
        state = latent[:, : self.state_dim]
        context = latent[:, self.state_dim :]
        told = self.trunk(torch.cat([state, goal - state, context], dim=-1))
        actions = self.action(told).unflatten(-1, (self.choices, self.action_dim))
        return actions, self.likelihood(told).log_softmax(-1)

    def mismatch(
        self,
        latent: Float[Tensor, "N D"],
        goal: Float[Tensor, "N Z"],
        action: Float[Tensor, "N A"],
    ) -> Float[Tensor, " N"]:
        """Negative log-likelihood of what was done, without its constant."""
        actions, likelihood = self.distribution(latent, goal)
        log_spread = self.log_spread.clamp(*LOG_SPREAD)
        error = (action.unsqueeze(1) - actions) / log_spread.exp()
        fit = -(0.5 * error.square() + log_spread).sum(-1)
        return -torch.logsumexp(likelihood + fit, dim=-1)

    @torch.no_grad()
    def act(
        self, latent: Float[Tensor, "N D"], goal: Float[Tensor, "N Z"]
    ) -> Float[Tensor, "N A"]:
        """The likeliest choice."""
        actions, likelihood = self.distribution(latent, goal)
        rows = torch.arange(len(latent), device=latent.device)
        return actions[rows, likelihood.argmax(-1)].clamp(-1.0, 1.0)

    @torch.no_grad()
    def imagine(
        self,
        dynamics: Dynamics,
        state: Float[Tensor, "B T D"],
        goal: Float[Tensor, "B D"],
        horizon: int,
    ) -> Float[Tensor, "B H A"]:
        """What the habit would do for ``horizon`` steps, if the dynamics are right.

        Costs ``horizon`` evaluations of the dynamics per environment.
        """
        now, wanted, done = state[:, -1], goal[:, : self.state_dim], []
        for _ in range(horizon):
            action = self.act(now, wanted)
            ahead = dynamics.rollout(now[:, None], action[:, None, None])
            now = ahead.states[:, 0, 0, -1]
            done.append(action)
        return torch.stack(done, dim=1)
