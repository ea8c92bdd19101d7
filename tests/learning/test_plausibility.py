"""What recognises impossible states, on a corridor with a wall that a model ignores."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tests.learning.worlds import from_latents
from torch import nn

from telos.cost.plausibility import LARGEST, Plausibility, PlausibilityNetwork
from telos.data.recording import Recording
from telos.learning.config import OptimiserConfig, PlausibilityConfig
from telos.learning.loop import make_optimiser, train_step
from telos.learning.plausibility import PlausibilityPhase
from telos.runtime import Runtime
from telos.types import Trajectory

CPU = Runtime(device="cpu", dtype="float32", threads=1, reasons=())
CONFIG = PlausibilityConfig(
    steps=600,
    batch=128,
    width=32,
    length=4,
    optimiser=OptimiserConfig(learning_rate=1e-2),
)
WALL = 0.8
"""Half-width of the band around zero where nobody ever was."""


class Corridor(nn.Module):
    """One state dimension and a context of 1; walks through the wall if told to."""

    config = SimpleNamespace(action_dim=1)

    def __init__(self, wall: bool) -> None:
        super().__init__()
        self.wall = wall

    def split(self, latent: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return latent[..., :1], latent[..., 1:]

    def imagine(self, latent: torch.Tensor, actions: torch.Tensor) -> torch.Tensor:
        states = [latent[:, :1]]
        for step in range(actions.shape[1]):
            after = (states[-1] + 0.4 * actions[:, step]).clamp(-2, 2)
            if self.wall:
                after = states[-1].sign() * after.abs().clamp(min=WALL)
            states.append(after)
        return torch.stack(states, 1)


def observed() -> Recording:
    """Everywhere but in the wall."""
    rng = np.random.default_rng(0)
    paths = rng.uniform(WALL, 2, (20, 30, 1)) * rng.choice([-1, 1], (20, 30, 1))
    return from_latents([np.concatenate([p, np.ones_like(p)], 1) for p in paths])


def trained(model: nn.Module) -> PlausibilityNetwork:
    torch.manual_seed(0)
    network = PlausibilityNetwork(2, CONFIG.width)
    phase = PlausibilityPhase(network, model, observed(), CONFIG)
    optimiser = make_optimiser(phase)
    for step in range(phase.num_steps):
        train_step(phase, optimiser, step, CPU)
    return network


@torch.no_grad()
def log_odds(network: PlausibilityNetwork, *places: float) -> np.ndarray:
    latent = torch.tensor([[place, 1.0] for place in places])
    return network(latent).numpy()


def test_states_that_were_never_observed_are_recognised() -> None:
    network = trained(Corridor(wall=False))
    assert (log_odds(network, -0.2, 0.0, 0.2) < -2).all()
    assert (log_odds(network, -1.5, -1.0, 1.0, 1.5) > -0.7).all()


def test_right_predictions_cannot_be_told_from_observations() -> None:
    """The control: with a model that knows the wall, nothing is suspicious."""
    network = trained(Corridor(wall=True))
    assert (np.abs(log_odds(network, -1.5, -1.0, 1.0, 1.5)) < 1.5).all()


def test_a_batch_is_a_function_of_seed_and_step() -> None:
    phases = [
        PlausibilityPhase(
            PlausibilityNetwork(2, 8), Corridor(wall=False), observed(), CONFIG, seed=s
        )
        for s in (3, 3, 4)
    ]
    for phase in phases:
        for parameter in phase.network.parameters():
            parameter.data.fill_(0.1)
    first, same, other = (phase.loss(7)[0].item() for phase in phases)
    assert first == same
    assert first != other


class Places(PlausibilityNetwork):
    """Log-odds that are the latent itself."""

    def __init__(self) -> None:
        super().__init__(1, 1)

    def forward(self, latent: torch.Tensor) -> torch.Tensor:
        return latent.squeeze(-1)


@pytest.mark.parametrize(
    ("path", "energy"),
    [
        ([0.0, 1.0, -2.0, 0.5], [0, 0, 0, 0]),
        ([0.0, -3.0, 1.0, -4.0], [0, 0.5, 0.5, 2.0]),
        ([-99.0, 0.0, -99.0, 0.0], [LARGEST, LARGEST, 2 * LARGEST, 2 * LARGEST]),
    ],
)
def test_doubt_adds_up_and_does_not_pass(path: list, energy: list) -> None:
    states = torch.tensor([7.0, *path]).view(1, 1, 1, 5, 1)
    trajectory = Trajectory(states=states, actions=torch.zeros(1, 1, 4, 1))
    found = Plausibility(Places(), threshold=-2.5)(trajectory)
    torch.testing.assert_close(found.flatten(), torch.tensor(energy).float())
