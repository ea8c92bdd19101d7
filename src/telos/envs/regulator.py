"""Linear-quadratic regulation around rest: feedback, cost-to-go and objective.

Around a state of rest s* with its action a*, a step is nearly s' - s* = F (s - s*) +
G (a - a*). For running costs e'Qe + u'Ru with Q and R diagonal, the cost of the best
infinite continuation is e'Pe, where P solves the discrete algebraic Riccati equation,
and u = -K e attains it.

Source: Anderson and Moore 1990, "Optimal Control: Linear Quadratic Methods", chapter 2.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
import torch
from jaxtyping import Float
from scipy.linalg import solve_discrete_are
from torch import Tensor

from telos.envs.exact import ExactStep
from telos.types import Streams, Trajectory

Error = Callable[[Tensor], Tensor]
"""From differences of states (..., D) to errors, for angles that are equal mod 2 pi."""


@dataclass(frozen=True, kw_only=True)
class Weights:
    """What an error of the state and an action cost per step."""

    state: tuple[float, ...]
    """(D,) cost of the squared error of each number of the state."""
    effort: float
    """Cost of a squared action in [-1, 1], beyond what rest needs."""


@dataclass(frozen=True, kw_only=True)
class Regulator:
    """The regulators of B states of rest."""

    target: np.ndarray
    """(B, D)."""
    rest: np.ndarray
    """(B, A) action in [-1, 1] that holds the target."""
    gain: np.ndarray
    """(B, A, D) K."""
    value: np.ndarray
    """(B, D, D) P."""

    def updated(self, rows: Sequence[int], other: Regulator) -> Regulator:
        """The same with some rows from another, which has only those."""
        changed = {}
        for field in fields(self):
            array = getattr(self, field.name).copy()
            array[rows] = getattr(other, field.name)
            changed[field.name] = array
        return Regulator(**changed)


def regulate(
    step: ExactStep, target: np.ndarray, rest: np.ndarray, weights: Weights
) -> Regulator:
    """Solve the Riccati equation at every target (B, D) with its action (B, A)."""
    q, r = np.diag(weights.state), weights.effort * np.eye(rest.shape[1])
    states, actions = _slopes(step, target, rest)
    gains, values = [], []
    # Where slopes do not depend on the target, one solution serves the batch.
    solved: dict[bytes, np.ndarray] = {}
    for f, g in zip(states, actions, strict=True):
        key = f.tobytes() + g.tobytes()
        if key not in solved:
            solved[key] = solve_discrete_are(f, g, q, r)
        value = solved[key]
        gains.append(np.linalg.solve(r + g.T @ value @ g, g.T @ value @ f))
        values.append(value)
    return Regulator(
        target=target, rest=rest, gain=np.stack(gains), value=np.stack(values)
    )


def _slopes(
    step: ExactStep, target: np.ndarray, rest: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Derivatives (B, D, D) by the state and (B, D, A) by the action."""
    given = tuple(torch.from_numpy(x).requires_grad_(True) for x in (target, rest))
    after = step(*given).sum(0)  # rows are independent, so sums keep them apart
    rows = [
        torch.autograd.grad(each, given, retain_graph=True, materialize_grads=True)
        for each in after
    ]
    by_state, by_action = (torch.stack(column, 1) for column in zip(*rows, strict=True))
    return by_state.numpy(), by_action.numpy()


class RegulatorObjective:
    """Running costs, and the regulator's cost-to-go at the end of the horizon.

    Near the target and without limits, the sum over steps is the cost of an infinite
    horizon, less that of the present state, whatever the horizon. Far away the
    cost-to-go is an estimate: it knows neither limits nor bounds of actions.
    """

    name = "regulator"

    def __init__(
        self, regulator: Regulator, weights: Weights, error: Error | None = None
    ) -> None:
        """Take B regulators, and what counts as an error if not the difference.

        They may know less than the states that are judged: the first numbers of those.
        """
        self._target = torch.from_numpy(regulator.target)
        self._rest = torch.from_numpy(regulator.rest)
        self._value = torch.from_numpy(regulator.value)
        self._weights, self._error = weights, error

    def __call__(self, trajectory: Trajectory) -> Float[Tensor, "B S K H"]:
        """Cost of every step; states and actions have no unit in common, nor has it."""
        actions = trajectory.actions
        future = trajectory.future[..., : len(self._weights.state)]
        target = self._target.to(future)[:, None, None, None]
        apart = future - target if self._error is None else self._error(future - target)
        state = (apart.square() * apart.new_tensor(self._weights.state)).sum(-1)
        last = apart[..., -1, :]
        value = self._value.to(future)
        ending = torch.einsum("bski,bij,bskj->bsk", last, value, last)
        state = torch.cat([state[..., :-1], ending[..., None]], -1)
        push = actions - self._rest.to(actions)[:, None, None]
        return state + self._weights.effort * push.square().sum(-1)[:, :, None]

    def terms(self, trajectory: Trajectory) -> Mapping[str, Float[Tensor, "B S K H"]]:
        """The one term under its name."""
        return {self.name: self(trajectory)}


StateOf = Callable[[Streams], np.ndarray]
"""From labels to states (B, D)."""


@dataclass(frozen=True, kw_only=True)
class Body:
    """What feedback needs to know of a world."""

    state_of: StateOf
    high: np.ndarray
    """(A,) action in the world's units for 1; the lowest one is its negative."""
    error: Error | None = None


class RegulatorPolicy:
    """Feedback towards B targets, cut off at the bounds; knows no limits."""

    def __init__(self, regulator: Regulator, body: Body) -> None:
        self._regulator, self._body = regulator, body

    def reset(self, seeds: Sequence[int]) -> None:
        """Nothing to do: the policy is deterministic and keeps no state."""

    def act(self, observation: Streams, labels: Streams) -> np.ndarray:
        """(B, A) actions in the world's own units."""
        unit = feedback(self._regulator, self._body, labels)
        return (self._body.high * np.clip(unit, -1.0, 1.0)).astype(np.float32)


def feedback(regulator: Regulator, body: Body, labels: Streams) -> np.ndarray:
    """(B, A) actions for [-1, 1], not cut off."""
    apart = body.state_of(labels) - regulator.target
    if body.error is not None:
        apart = body.error(torch.from_numpy(apart)).numpy()
    return regulator.rest - np.einsum("bad,bd->ba", regulator.gain, apart)
