"""The trainable critic: how many steps is it to the goal?

Squared latent distance leads through walls. The critic is a goal-conditioned temporal
distance learned from recorded episodes without any reward, and serves as terminal and
running cost, so that a short horizon suffices.

Source: LeCun 2022, section 3.2 (trainable critic); Park et al. 2023, "HIQL"
(2307.11949), for expectile regression on goals; Liu et al. 2022 (2208.08133) for the
quasimetric.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import softplus

from telos.cost.compose import ObjectiveAlgebra
from telos.types import Trajectory


class DistanceNetwork(nn.Module):
    """A free-form network of state, goal and context; the value is not negative.

    Args:
        state_dim: Dimensions Z that move.
        context_dim: Dimensions C that an episode shares.
        width: Hidden units.
    """

    form = "free"

    def __init__(self, state_dim: int, context_dim: int, width: int) -> None:
        super().__init__()
        self.state_dim, self.context_dim, self.width = state_dim, context_dim, width
        self.layers = nn.Sequential(
            nn.Linear(2 * state_dim + context_dim, width),
            nn.SiLU(),
            nn.Linear(width, width),
            nn.SiLU(),
            nn.Linear(width, width),
            nn.SiLU(),
            nn.Linear(width, 1),
        )

    def forward(
        self, latent: Float[Tensor, "*b D"], goal: Float[Tensor, "*b Z"]
    ) -> Float[Tensor, "*b"]:
        """Discounted steps to a goal state, in units of 1 / (1 - discount)."""
        told = torch.cat([latent, goal], dim=-1)
        return softplus(self.layers(told).squeeze(-1))


class QuasimetricNetwork(nn.Module):
    """Distance between embeddings that obeys the triangle inequality.

    State and goal are embedded under the same context. Each component adds a part that
    is the same there and back (Euclidean) and one that is not (the largest rise of a
    coordinate), so that stopping may take longer than setting off.

    Source: Liu et al. 2022, "Metric residual networks" (2208.08133).
    """

    form = "quasimetric"
    components, coordinates = 8, 16

    def __init__(self, state_dim: int, context_dim: int, width: int) -> None:
        super().__init__()
        self.state_dim, self.context_dim, self.width = state_dim, context_dim, width
        self.embed = nn.Sequential(
            nn.Linear(state_dim + context_dim, width),
            nn.SiLU(),
            nn.Linear(width, width),
            nn.SiLU(),
            nn.Linear(width, 2 * self.components * self.coordinates),
        )
        self.scale = nn.Parameter(torch.tensor(-2.0))

    def forward(
        self, latent: Float[Tensor, "*b D"], goal: Float[Tensor, "*b Z"]
    ) -> Float[Tensor, "*b"]:
        """Discounted steps to a goal state, in units of 1 / (1 - discount)."""
        wanted = torch.cat([goal, latent[..., self.state_dim :]], dim=-1)
        apart = self.embed(latent) - self.embed(wanted)
        apart = apart.unflatten(-1, (2, self.components, self.coordinates))
        both_ways = apart[..., 0, :, :].norm(dim=-1)
        one_way = apart[..., 1, :, :].clamp_min(0).amax(-1)
        return softplus(self.scale) * (both_ways + one_way).mean(-1)


Network = DistanceNetwork | QuasimetricNetwork


def build_critic(form: str, state_dim: int, context_dim: int, width: int) -> Network:
    """The network of a form, ``free`` or ``quasimetric``."""
    makers = {"free": DistanceNetwork, "quasimetric": QuasimetricNetwork}
    if form not in makers:
        raise ValueError(f"critic {form!r} is unknown; choose one of {sorted(makers)}")
    return makers[form](state_dim, context_dim, width)


def critic_description(critic: Network) -> dict[str, Any]:
    """What rebuilds the network, as plain data."""
    return {
        "form": critic.form,
        "state_dim": critic.state_dim,
        "context_dim": critic.context_dim,
        "width": critic.width,
    }


@dataclass(frozen=True, eq=False)
class CriticGoal(ObjectiveAlgebra):
    """Learned distance of every predicted state to a goal."""

    critic: Network
    goal: Float[Tensor, "B D"]
    """Encoded goal of each environment."""
    name: str = "goal"

    def __call__(self, trajectory: Trajectory) -> Float[Tensor, "B S K H"]:
        """Energy of every predicted state."""
        future = trajectory.future
        goal = self.goal[..., : self.critic.state_dim]
        goal = goal[:, None, None, None].expand(*future.shape[:-1], -1)
        return self.critic(future, goal)
