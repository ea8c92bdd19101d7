"""What all predictors share: the next state from states, actions and the context."""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor, nn


class Predictor(nn.Module):
    """From states (N, T, Z) and actions (N, T, A), newest last, and the context (N, C)
    of the episode to the next state (N, Z)."""

    memory: int = 1
    """How many of the newest states it looks at."""

    def forward(
        self,
        states: Float[Tensor, "N T Z"],
        context: Float[Tensor, "N C"],
        actions: Float[Tensor, "N T A"],
    ) -> Float[Tensor, "N Z"]:
        """The next state."""
        raise NotImplementedError

    def mismatch(
        self,
        states: Float[Tensor, "N T Z"],
        context: Float[Tensor, "N C"],
        actions: Float[Tensor, "N T A"],
        observed: Float[Tensor, "N Z"],
    ) -> Float[Tensor, ""]:
        """How badly the prediction fits what was observed: what training minimises.

        Mean squared error, unless the predictor says how likely its outcomes are.
        """
        predicted = self(states, context, actions)
        return (predicted - observed).square().mean()
