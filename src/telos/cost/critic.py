"""The trainable critic: how many steps is it to the goal?

Squared latent distance leads through walls. The critic is a goal-conditioned temporal
distance learned from recorded episodes without any reward, and serves as terminal and
running cost, so that a short horizon suffices.

Source: LeCun 2022, section 3.2 (trainable critic); Park et al. 2023, "HIQL"
(2307.11949), for expectile regression on goals; Liu et al. 2022 (2208.08133) for the
quasimetric.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn
from torch.nn.functional import linear, silu, softplus

from telos.cost.compose import ObjectiveAlgebra
from telos.types import Trajectory

BLOCK = 8192
"""States whose distances are worked out together: a layer's activations then stay in
the cache. Of 100,000 states a third more time would go into waiting for memory."""


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

    def to_goals(
        self, latent: Float[Tensor, "B N D"], goal: Float[Tensor, "B Z"]
    ) -> Float[Tensor, "B N"]:
        """`forward` from N states of each environment to its goal.

        What the first layer makes of a goal is worked out once per environment, and
        where no gradient is wanted, activations replace what they were computed from.
        """
        first, *inner, last = (x for x in self.layers if isinstance(x, nn.Linear))
        of_latent, of_goal = first.weight.tensor_split([latent.shape[-1]], dim=1)
        told, in_place = linear(goal, of_goal, first.bias), not torch.is_grad_enabled()

        def distance(block: Tensor) -> Tensor:
            hidden = told.repeat_interleave(block.shape[1], dim=0)
            hidden = hidden.addmm_(block.flatten(0, 1), of_latent.mT)
            hidden = silu(hidden, inplace=in_place)
            for layer in inner:
                hidden = silu(layer(hidden), inplace=in_place)
            return softplus(last(hidden)).view(block.shape[:2])

        return _in_blocks(distance, latent)


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
        return self._distance(self.embed(latent), self.embed(wanted))

    def to_goals(
        self, latent: Float[Tensor, "B N D"], goal: Float[Tensor, "B Z"]
    ) -> Float[Tensor, "B N"]:
        """`forward` from N states of each environment to its goal.

        Where all states of an environment share their context, as imagined ones do, and
        no gradient is wanted, the goal is embedded once.
        """
        context = latent[..., self.state_dim :]
        first = context[:, :1]
        if not torch.is_grad_enabled() and torch.equal(
            context, first.expand_as(context)
        ):
            context = first
        told = goal.unsqueeze(1).expand(-1, context.shape[1], -1)
        wanted = self.embed(torch.cat([told, context], dim=-1))
        if context.shape[1] == 1:
            return _in_blocks(lambda b: self._distance(self.embed(b), wanted), latent)
        return self._distance(self.embed(latent), wanted)

    def _distance(
        self, here: Float[Tensor, "*b E"], there: Float[Tensor, "*b E"]
    ) -> Float[Tensor, "*b"]:
        """Distance between embeddings."""
        apart = here - there
        apart = apart.unflatten(-1, (2, self.components, self.coordinates))
        both_ways = apart[..., 0, :, :].norm(dim=-1)
        one_way = apart[..., 1, :, :].clamp_min(0).amax(-1)
        return softplus(self.scale) * (both_ways + one_way).mean(-1)


def _in_blocks(
    distance: Callable[[Float[Tensor, "B n D"]], Float[Tensor, "B n"]],
    latent: Float[Tensor, "B N D"],
) -> Float[Tensor, "B N"]:
    """Distances of many states, as many at a time as a processor's cache holds."""
    each = max(1, BLOCK // len(latent))
    return torch.cat([distance(part) for part in latent.split(each, dim=1)], dim=1)


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
    told: Float[Tensor, " Z"] | None = None
    """Share of each number of the state that is known of the goal, all by default; the
    rest of it is taken to be as it is in the state that is judged."""

    def __call__(self, trajectory: Trajectory) -> Float[Tensor, "B S K H"]:
        """Energy of every predicted state."""
        future = trajectory.future
        goal = self.goal[..., : self.critic.state_dim].expand(len(future), -1)
        if self.told is not None:
            told, state = self.told.to(goal), future[..., : self.critic.state_dim]
            known = told * goal[:, None, None, None] + (1 - told) * state
            return self.critic(future, known)
        return self.critic.to_goals(future.flatten(1, 3), goal).view(future.shape[:-1])
