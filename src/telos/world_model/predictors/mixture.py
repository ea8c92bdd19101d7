"""Several outcomes and how likely each is; the most likely one is imagined.

Whether the agent touches a wall is decided within less than a pixel, which a latent
tells only roughly. A single outcome is then a blend of moving and not moving, and every
blended step leads further into the wall, until imagination comes out behind it. With
several outcomes to choose from, the agent is imagined either to move or to stay.

Source: Bishop 1994, "Mixture density networks", equations 22 to 29.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from jaxtyping import Float, Int
from torch import Tensor, nn
from torch.nn.functional import linear

from telos.world_model.config import PredictorConfig
from telos.world_model.predictors.base import Predictor
from telos.world_model.predictors.layers import hidden, hidden_layers, weights_of

LOG_SPREAD = (-6.0, 1.0)
"""Bounds of the logarithm of an outcome's standard deviation."""
FIRST_LOG_SPREAD = -3.0
"""Where it starts: a third of what a state changes per step."""


class MixturePredictor(Predictor):
    """A mixture of normal distributions of the change of the state.

    Every outcome has a spread of its own per dimension, which does not depend on the
    input.
    """

    is_random = True

    def __init__(self, state: int, context: int, action: int, config: PredictorConfig):
        super().__init__(state, context)
        self.outcomes = config.outcomes
        width, inputs = config.width, state + context + action
        self.trunk = nn.Sequential(*hidden_layers(inputs, width, config.depth))
        self.change = nn.Linear(width, self.outcomes * state)
        self.likelihood = nn.Linear(width, self.outcomes)
        self.log_spread = nn.Parameter(
            torch.full((self.outcomes, state), FIRST_LOG_SPREAD)
        )

    def forward(
        self,
        states: Float[Tensor, "N T Z"],
        context: Float[Tensor, "N C"],
        actions: Float[Tensor, "N T A"],
    ) -> Float[Tensor, "N Z"]:
        """The most likely outcome; in training mode the mean, which has a gradient.

        The encoder learns beside the mean. It sees only the newest state.
        """
        outcomes, likelihood = self.distribution(states, context, actions)
        if self.training:
            return (likelihood.exp().unsqueeze(-1) * outcomes).sum(1)
        most_likely = likelihood.argmax(-1)
        return outcomes[torch.arange(outcomes.shape[0]), most_likely]

    def along(
        self,
        told: Float[Tensor, "N H1 ZCA"],
        luck: Float[Tensor, "N H"] | None = None,
        shared: int = 1,
    ) -> Callable[[int], None]:
        """See `Predictor.along`; without luck only the order of likelihoods counts."""
        if self.training:
            return super().along(told)
        trunk = weights_of(self.trunk)
        change, likelihood = weights_of([self.change, self.likelihood])
        states, rows = told[..., : self.state].unbind(1), told.unbind(1)
        # Outcomes of all rows lie one after the other; here those of each row begin.
        first = torch.arange(len(told), device=told.device) * self.outcomes

        def step(number: int) -> None:
            features = hidden(rows[number], trunk)
            changes = linear(features, *change).view(-1, self.state)
            told_likely = linear(features, *likelihood)
            outcome = (
                told_likely.argmax(-1)
                if luck is None
                else drawn(told_likely, luck[:, number])
            )
            chosen = changes.index_select(0, outcome.add_(first))
            torch.add(states[number], chosen, out=states[number + 1])

        return step

    def distribution(
        self,
        states: Float[Tensor, "N T Z"],
        context: Float[Tensor, "N C"],
        actions: Float[Tensor, "N T A"],
    ) -> tuple[Float[Tensor, "N M Z"], Float[Tensor, "N M"]]:
        """M next states, and the logarithms of their probabilities."""
        now = states[:, -1]
        told = self.trunk(torch.cat([now, context, actions[:, -1]], -1))
        changes = self.change(told).unflatten(-1, (self.outcomes, self.state))
        return now.unsqueeze(1) + changes, self.likelihood(told).log_softmax(-1)

    def mismatch(
        self,
        states: Float[Tensor, "N T Z"],
        context: Float[Tensor, "N C"],
        actions: Float[Tensor, "N T A"],
        observed: Float[Tensor, "N Z"],
    ) -> Float[Tensor, ""]:
        """Negative log-likelihood per dimension, without its constant."""
        outcomes, likelihood = self.distribution(states, context, actions)
        log_spread = self.log_spread.clamp(*LOG_SPREAD)
        error = (observed.unsqueeze(1) - outcomes) / log_spread.exp()
        fit = -(0.5 * error.square() + log_spread).sum(-1)
        return -torch.logsumexp(likelihood + fit, -1).mean() / self.state


def drawn(
    likelihood: Float[Tensor, "N M"], luck: Float[Tensor, " N"]
) -> Int[Tensor, " N"]:
    """Which of M outcomes numbers in [0, 1) choose, the most likely one first.

    Outcome m is chosen by a share of all numbers that is its probability; 0 chooses the
    most likely one, so that a future without luck is the one that is imagined alone.
    """
    ranked, order = likelihood.softmax(-1).sort(dim=-1, descending=True, stable=True)
    passed = ranked.cumsum(-1) <= luck[:, None]
    place = passed.sum(-1).clamp_(max=likelihood.shape[-1] - 1)
    return order.gather(-1, place[:, None])[:, 0]
