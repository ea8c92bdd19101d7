"""What all predictors share: the next state from states, actions and the context."""

from __future__ import annotations

from collections.abc import Callable

from jaxtyping import Float
from torch import Tensor, nn


class Predictor(nn.Module):
    """From states (N, T, Z) and actions (N, T, A), newest last, and the context (N, C)
    of the episode to the next state (N, Z)."""

    memory: int = 1
    """How many of the newest states it looks at."""
    is_random: bool = False
    """Whether it knows several outcomes that luck can choose from."""

    def __init__(self, state: int, context: int) -> None:
        super().__init__()
        self.state, self.context = state, context

    def forward(
        self,
        states: Float[Tensor, "N T Z"],
        context: Float[Tensor, "N C"],
        actions: Float[Tensor, "N T A"],
    ) -> Float[Tensor, "N Z"]:
        """The next state."""
        raise NotImplementedError

    def along(
        self,
        told: Float[Tensor, "N H1 ZCA"],
        luck: Float[Tensor, "N H"] | None = None,
        shared: int = 1,
    ) -> Callable[[int], None]:
        """`forward` for a whole plan at once; without gradients, as it works in place.

        What does not depend on the step is done here, once. A predictor that can do
        more of that says so.

        Args:
            told: State, context and action of every step, side by side; the first
                state, and everything else but states, is filled in.
            luck: Numbers in [0, 1) that choose among outcomes, in order of likelihood;
                None, or 0, chooses the most likely one. Only what `is_random` heeds it.
            shared: So many rows, one after the other, begin in one state and have one
                context: the candidates of an environment.

        Returns:
            A function of the step h, to be called in order: it writes state h + 1.
        """
        states, rest = told[..., : self.state], told[..., self.state :]
        context, actions = rest[:, 0, : self.context], rest[..., self.context :]

        def step(number: int) -> None:
            seen = slice(max(0, number + 1 - self.memory), number + 1)
            states[:, number + 1] = self(states[:, seen], context, actions[:, seen])

        return step

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
