"""The chart, on latents that squeeze the world they show."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import torch
from tests.learning.worlds import from_latents

from telos.data.recording import Recording
from telos.learning.chart import ChartPhase, judge_chart
from telos.learning.config import ChartConfig, OptimiserConfig
from telos.learning.loop import make_optimiser, train_step
from telos.runtime import Runtime
from telos.world_model import Chart

CPU = Runtime(device="cpu", dtype="float32", threads=1, reasons=())
CONFIG = ChartConfig(
    steps=600, batch=256, width=32, optimiser=OptimiserConfig(learning_rate=1e-2)
)
MODEL = SimpleNamespace(frame_skip=1)
SIZE = 6.0
"""The world is a corridor from -SIZE to SIZE; a wall at each end stops the agent."""


def squeeze(place: np.ndarray) -> np.ndarray:
    """What the encoder makes of a place: a step near the ends hardly changes it."""
    return np.tanh(place / 3)[..., None]


def recorded(shuffled: bool = False) -> Recording:
    """Episodes of full and smaller steps, many of them pushes against a wall."""
    rng = np.random.default_rng(0)
    place = rng.uniform(-SIZE, SIZE, 40)
    heading = np.sign(rng.normal(size=40))
    places, actions = [place], []
    for _ in range(50):
        heading = np.where(rng.uniform(size=40) < 0.4, -heading, heading)
        action = heading * rng.uniform(0.5, 1, 40)
        actions.append(action)
        place = np.clip(place + action, -SIZE, SIZE)
        places.append(place)
    told = np.stack(actions, 1)
    if shuffled:
        told = rng.permutation(told.flatten()).reshape(told.shape)
    return from_latents(list(squeeze(np.stack(places, 1))), list(told[..., None]))


def accelerated() -> Recording:
    """An action changes the velocity, which a state shows beside the place."""
    rng = np.random.default_rng(0)
    state, states, actions = np.zeros((40, 2)), [], []
    for _ in range(50):
        states.append(state)
        action = rng.uniform(-1, 1, 40)
        actions.append(action)
        velocity = 0.9 * state[:, 1] + 0.3 * action
        state = np.stack([state[:, 0] + velocity, velocity], -1)
    states.append(state)
    told = np.stack(actions, 1)[..., None]
    return from_latents(list(0.1 * np.stack(states, 1)), list(told))


def drawn(recording: Recording) -> tuple[Chart, float]:
    torch.manual_seed(0)
    latents = recording.observations["latent"]
    chart = Chart(latents.shape[-1], 1, CONFIG.width)
    phase = ChartPhase(chart, MODEL, recording, CONFIG)
    optimiser = make_optimiser(phase)
    for step in range(phase.num_steps):
        train_step(phase, optimiser, step, CPU)
    _, measured = phase.loss(phase.num_steps)
    return chart, float(measured["typical_error"])


@torch.no_grad()
def apart(chart: Chart, *places: float) -> np.ndarray:
    """Lengths of the chart between places that follow each other."""
    states = torch.from_numpy(squeeze(np.array(places))).float()
    return np.diff(chart(states).numpy()[:, 0])


def test_a_chart_measures_steps_where_latents_are_squeezed() -> None:
    chart, error = drawn(recorded())
    assert error < 0.05
    found = apart(chart, -5.5, -4, -2, 0, 2, 4, 5.5)
    np.testing.assert_allclose(found, [1.5, 2, 2, 2, 2, 1.5], rtol=0.1)
    latent = np.diff(squeeze(np.array([-5.5, -4, -2, 0]))[:, 0])
    assert latent[2] > 5 * latent[0], "the control: latent distances do not"


def test_a_chart_cannot_be_drawn_from_shuffled_actions() -> None:
    _, error = drawn(recorded(shuffled=True))
    assert error > 0.5


def test_a_chart_says_whether_actions_are_displacements() -> None:
    found = {
        name: judge_chart(drawn(recording)[0], MODEL, recording)
        for name, recording in {
            "displaced": recorded(),
            "accelerated": accelerated(),
            "shuffled": recorded(shuffled=True),
        }.items()
    }
    trusted = ChartConfig().trusted
    assert found["displaced"].settles(0.8).name == "paths"
    assert found["displaced"].settles(1.0).name == "quasimetric"
    assert found["shuffled"].explained < 0.1
    # Velocities are displaced by actions, so the chart shows them and no places.
    assert found["accelerated"].explained > 0.9
    assert found["accelerated"].settles(trusted).name == "quasimetric"
