"""Cart and pole without friction under a continuous force, and their picture.

The state is (cart, its speed, angle, its speed): metres from the middle of the rail,
m/s, rad from upright (clockwise is positive) and rad/s. Integration is semi-implicit
Euler at 20 Hz: speeds change first and then carry cart and angle.

Source: Barto, Sutton and Anderson 1983, "Neuronlike adaptive elements that can solve
difficult learning control problems", appendix, without its friction; derived again by
Florian 2007, "Correct equations for the dynamics of the cart-pole system".
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from telos.envs.appearance import MARK, appearance, canvas
from telos.envs.factors import Look

GRAVITY = 9.81
"""m/s^2."""
CART, POLE = 1.0, 0.1
"""Masses, kg; the pole is a uniform rod."""
HALF_LENGTH = 0.5
"""Half the length of the pole, metres."""
FORCE = 5.0
"""Largest force on the cart, N."""
SECONDS = 0.05
"""Duration of a step."""
VIEW = 1.7
"""Half the side of what an image shows, metres."""
MIDDLE = 0.6
"""Height of the middle of an image above the rail, metres."""
FACTORS = {**appearance(2 * VIEW, "m"), **MARK}
"""How a cart-pole may look; the agent is its pole, the mark its rail."""


def step(states: Tensor, actions: Tensor) -> Tensor:
    """Next states (..., 4) after actions (..., 1) in [-1, 1]."""
    cart, cart_speed, angle, speed = states.unbind(-1)
    sine, cosine = torch.sin(angle), torch.cos(angle)
    total = CART + POLE
    pushed = (FORCE * actions[..., 0] + POLE * HALF_LENGTH * speed**2 * sine) / total
    inertia = HALF_LENGTH * (4.0 / 3.0 - POLE * cosine**2 / total)
    turning = (GRAVITY * sine - cosine * pushed) / inertia
    moving = pushed - POLE * HALF_LENGTH * turning * cosine / total
    cart_speed, speed = cart_speed + SECONDS * moving, speed + SECONDS * turning
    cart, angle = cart + SECONDS * cart_speed, angle + SECONDS * speed
    return torch.stack([cart, cart_speed, angle, speed], -1)


def tip(states: np.ndarray) -> np.ndarray:
    """(..., 2) place of the upper end of the pole, metres; the rail is at height 0."""
    cart, angle = states[..., 0], states[..., 2]
    length = 2 * HALF_LENGTH
    return np.stack([cart + length * np.sin(angle), length * np.cos(angle)], -1)


def draw(states: np.ndarray, end: float, look: Look) -> np.ndarray:
    """(B, 64, 64, 3) uint8 images of (B, 4) states on a rail that ends at +-``end``."""
    num, pivot = len(states), np.stack([states[:, 0], np.zeros(len(states))], -1)
    raster = canvas(look, (-VIEW, MIDDLE - VIEW), 2 * VIEW)
    left, right = np.full((num, 2), [-end, 0.0]), np.full((num, 2), [end, 0.0])
    raster.bar(left, right, 0.02, look.colour("mark"))
    half = np.array([0.12, 0.0])
    raster.bar(pivot - half, pivot + half, 0.08, look.colour("wall"))
    thick = 0.04 * look.number("agent_size")
    raster.bar(pivot, tip(states), thick, look.colour("agent"))
    return look.shine(raster.pixels())
