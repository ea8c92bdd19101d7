"""Planning problems whose dynamics are exact, with an optimum from another solver."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from scipy.optimize import minimize
from torch import Tensor

from telos.cost import (
    Bound,
    KeepOutDisc,
    ObjectiveAlgebra,
    identity_readout,
)
from telos.envs.pendulum.physics import stepper
from telos.types import Guardrail, Objective, Trajectory
from telos.world_model import FunctionDynamics


@dataclass(frozen=True, kw_only=True)
class Problem:
    """What is planned, and from where."""

    name: str
    step: Callable[[Tensor, Tensor], Tensor]
    objective: Objective
    guardrails: Sequence[Guardrail]
    horizon: int
    action_dim: int
    start: Callable[[torch.Generator, int], Tensor]
    """From a generator and a number to starts (B, 1, D)."""
    guesses: Callable[[int], list[np.ndarray]]
    """Where the reference solver begins, from the horizon to (H, A) plans."""

    @property
    def dynamics(self) -> FunctionDynamics:
        return FunctionDynamics(self.step)


class Regulate(ObjectiveAlgebra):
    """Squared distance to a state, along the way and at the end, and effort."""

    name = "regulate"

    def __init__(self, target: Sequence[float], running: float, effort: float) -> None:
        self.target, self.running, self.effort = torch.tensor(target), running, effort

    def __call__(self, trajectory: Trajectory) -> Tensor:
        apart = (trajectory.future - self.target).square().sum(-1)
        weight = torch.full((apart.shape[-1],), self.running)
        weight[-1] = 1.0
        effort = trajectory.actions.square().sum(-1)[:, :, None]
        return weight * apart + self.effort * effort


def around(side: float) -> Callable[[int], np.ndarray]:
    """A plan that goes right, swerving to one side and back."""

    def plan(horizon: int) -> np.ndarray:
        swerve = side * np.cos(np.pi * np.arange(horizon) / (horizon - 1))
        return np.stack([np.full(horizon, 0.7), swerve], -1)

    return plan


def disc(name: str, height: float) -> Problem:
    """A point that walks in the plane, a disc between start and goal."""
    position = identity_readout(2, [0, 1], unit="m")
    zone = KeepOutDisc(readout=position, center=(1.0, height), radius=0.5)
    noise = torch.tensor([0.1, 0.1])
    return Problem(
        name=name,
        step=lambda x, a: x + 0.2 * a,
        objective=Regulate([2.0, 0.0], running=0.02, effort=0.01),
        guardrails=[zone],
        horizon=15,
        action_dim=2,
        start=lambda g, n: noise * torch.randn(n, 1, 2, generator=g),
        guesses=lambda h: [np.zeros((h, 2)), around(0.6)(h), around(-0.6)(h)],
    )


def pendulum() -> Problem:
    """The world `pendulum`, set upright without ever turning faster than a limit."""
    speed = identity_readout(2, [1], unit="rad/s")
    spread = torch.tensor([0.3, 0.1])
    centre = torch.tensor([0.5, 0.0])
    return Problem(
        name="pendulum, speed limit",
        step=stepper(torque=12.0),
        objective=Regulate([0.0, 0.0], running=0.1, effort=0.01),
        guardrails=[Bound(readout=speed, low=-0.8, high=0.8)],
        horizon=20,
        action_dim=1,
        start=lambda g, n: centre + spread * (torch.rand(n, 1, 2, generator=g) - 0.5),
        guesses=lambda h: [np.zeros((h, 1)), np.full((h, 1), -0.4)],
    )


def integrator() -> Problem:
    """The double integrator of linear-quadratic control; nothing is forbidden."""
    f = torch.tensor([[1.0, 0.2], [0.0, 1.0]])
    g = torch.tensor([[0.0], [0.2]])
    return Problem(
        name="double integrator",
        step=lambda x, a: x @ f.T + a @ g.T,
        objective=Regulate([0.0, 0.0], running=1.0, effort=0.1),
        guardrails=[],
        horizon=12,
        action_dim=1,
        start=lambda r, n: 0.5 * torch.randn(n, 1, 2, generator=r),
        guesses=lambda h: [np.zeros((h, 1))],
    )


PROBLEMS = [
    integrator(),
    disc("disc beside the way", 0.25),
    disc("disc in the way", 0.0),
    pendulum(),
]


def optimum(problem: Problem, start: Tensor) -> float:
    """Lowest cost that sequential quadratic programming finds from any guess.

    Args:
        problem: What is planned.
        start: (1, 1, D).

    Raises:
        RuntimeError: If no guess leads to a feasible plan.
    """
    shape = problem.horizon, problem.action_dim

    def rolled(flat: np.ndarray) -> tuple[Tensor, Trajectory]:
        actions = torch.from_numpy(flat).float().view(1, 1, *shape).requires_grad_(True)
        return actions, problem.dynamics.rollout(start, actions)

    def cost(flat: np.ndarray) -> tuple[float, np.ndarray]:
        actions, trajectory = rolled(flat)
        total = problem.objective(trajectory).sum()
        (gradient,) = torch.autograd.grad(total, actions)
        return float(total.detach()), gradient.flatten().double().numpy()

    def margins(flat: np.ndarray) -> np.ndarray:
        _, trajectory = rolled(flat)
        each = [g.margin(trajectory).detach().flatten() for g in problem.guardrails]
        return torch.cat(each).double().numpy()

    def slopes(flat: np.ndarray) -> np.ndarray:
        actions, trajectory = rolled(flat)
        each = [g.margin(trajectory).flatten() for g in problem.guardrails]
        rows = [
            torch.autograd.grad(m, actions, retain_graph=True)[0].flatten()
            for m in torch.cat(each)
        ]
        return torch.stack(rows).double().numpy()

    constraints = [{"type": "ineq", "fun": margins, "jac": slopes}]
    found = []
    for guess in problem.guesses(problem.horizon):
        answer = minimize(
            cost,
            guess.flatten(),
            jac=True,
            bounds=[(-1.0, 1.0)] * guess.size,
            constraints=constraints if problem.guardrails else (),
            method="SLSQP",
            options={"maxiter": 300, "ftol": 1e-7},
        )
        inside = not problem.guardrails or margins(answer.x).min() >= -1e-6
        if inside and np.isfinite(answer.fun):
            found.append(float(answer.fun))
    if not found:
        raise RuntimeError(f"{problem.name}: no feasible plan was found from {start}.")
    return min(found)
