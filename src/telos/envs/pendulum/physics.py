"""A rigid pendulum without friction, and its picture.

A point of 1 kg turns at 1 m around a pivot; the angle (rad) is 0 upright and grows
clockwise. With gravity g and a torque u in N m, angle'' = g sin(angle) + u.
Integration is semi-implicit Euler at 20 Hz: the speed changes first and then carries
the angle, which keeps the energy of a free swing from drifting.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from telos.envs.appearance import appearance, canvas
from telos.envs.exact import ExactStep
from telos.envs.factors import Look

GRAVITY = 9.81
"""m/s^2; as a torque on the level arm also N m."""
SECONDS = 0.05
"""Duration of a step."""
VIEW = 1.25
"""Half the side of what an image shows, metres."""
FACTORS = appearance(2 * VIEW, "m")
"""How a pendulum may look."""


def stepper(torque: float) -> ExactStep:
    """The step of states (..., 2), angle and speed, under a largest torque in N m."""

    def step(states: Tensor, actions: Tensor) -> Tensor:
        angle, speed = states[..., 0], states[..., 1]
        push = GRAVITY * torch.sin(angle) + torque * actions[..., 0]
        speed = speed + SECONDS * push
        return torch.stack([angle + SECONDS * speed, speed], -1)

    return step


def wrapped(angle: np.ndarray) -> np.ndarray:
    """The same direction as an angle in [-pi, pi)."""
    return np.mod(angle + np.pi, 2 * np.pi) - np.pi


def tip(angle: np.ndarray) -> np.ndarray:
    """(..., 2) place of the moving end, metres from the pivot, y upwards."""
    return np.stack([np.sin(angle), np.cos(angle)], -1)


def draw(angle: np.ndarray, look: Look) -> np.ndarray:
    """(B, 64, 64, 3) uint8 images of pendulums at (B,) angles."""
    raster = canvas(look, (-VIEW, -VIEW), 2 * VIEW)
    pivot, end = np.zeros((len(angle), 2)), tip(angle)
    raster.bar(pivot, end, 0.04, look.colour("wall"))
    raster.disc(end, 0.12 * look.number("agent_size"), look.colour("agent"))
    return look.shine(raster.pixels())
