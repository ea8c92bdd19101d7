"""A planar arm of two links with the numbers of gymnasium's Reacher-v5.

The state is (shoulder, elbow, their speeds), (..., 4), rad and rad/s; the elbow's angle
is relative to the upper link. The action in [-1, 1] is a torque on either joint. With
the mass matrix M, the velocity-dependent forces C and the damping d, the accelerations
solve M a = torque - d * speed - C (Lagrange's equations). Integration is that of
the original: fourth-order Runge-Kutta, two steps of 0.01 s under one action.

The masses are those that MuJoCo computes from capsules of radius 1 cm at the density of
water. The armature, inertia of the motors, is thousands of times that of the links. The
elbow stops hard at +-3 rad, where the original has a soft constraint.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from telos.envs.appearance import MARK, appearance, canvas
from telos.envs.factors import Look

LINKS = (0.1, 0.1)
"""Lengths of the links, metres."""
TIP = 0.11
"""Distance of the fingertip from the elbow, metres."""
TORQUE = 200.0
"""Largest torque, N m."""
DAMPING, ARMATURE = 1.0, 1.0
"""Of each joint, N m s/rad and kg m^2."""
ELBOW = 3.0
"""Largest angle of the elbow, rad."""
SECONDS, REPEAT = 0.01, 2
"""Duration of an integration step, and how many there are in a step of the world."""
RADIUS, DENSITY = 0.01, 1000.0
"""Of links and fingertip, metres and kg/m^3."""
VIEW = 0.25
"""Half the side of what an image shows, metres."""
FACTORS = {**appearance(2 * VIEW, "m"), **MARK}
"""How an arm may look; the agent is its fingertip, the mark its target."""


def _capsule(length: float) -> tuple[float, float]:
    """Mass, and inertia around the middle across the axis, of a cylinder with caps."""
    middle = DENSITY * np.pi * RADIUS**2 * length
    caps = DENSITY * 4.0 / 3.0 * np.pi * RADIUS**3
    around = middle * (3.0 * RADIUS**2 + length**2) / 12.0
    far = 2.0 / 5.0 * RADIUS**2 + length**2 / 4.0 + 3.0 / 8.0 * length * RADIUS
    return middle + caps, around + caps * far


_UPPER, _LOWER = (_capsule(length) for length in LINKS)
_BALL = DENSITY * 4.0 / 3.0 * np.pi * RADIUS**3
_FIRST = LINKS[0]
_MOMENT = _LOWER[0] * LINKS[1] / 2 + _BALL * TIP
"""First moment of all that moves with the elbow, about it, kg m."""
_SECOND = (
    _LOWER[1]
    + _LOWER[0] * (LINKS[1] / 2) ** 2
    + _BALL * (2.0 / 5.0 * RADIUS**2 + TIP**2)
)
"""Its inertia about the elbow, kg m^2."""
_WHOLE = _UPPER[1] + _UPPER[0] * (_FIRST / 2) ** 2 + (_LOWER[0] + _BALL) * _FIRST**2
"""Inertia about the shoulder of the upper link, and of the rest as if at the elbow."""


def step(states: Tensor, actions: Tensor) -> Tensor:
    """Next states (..., 4) after actions (..., 2) in [-1, 1]."""
    for _ in range(REPEAT):
        states = _stopped(_runge_kutta(states, actions))
    return states


def tip(angles: np.ndarray) -> np.ndarray:
    """(..., 2) place of the fingertip, metres from the shoulder, of angles (..., 2)."""
    return elbow(angles) + TIP * _direction(angles.sum(-1))


def elbow(angles: np.ndarray) -> np.ndarray:
    """(..., 2) place of the elbow, metres from the shoulder."""
    return _FIRST * _direction(angles[..., 0])


def draw(angles: np.ndarray, target: np.ndarray | None, look: Look) -> np.ndarray:
    """(B, 64, 64, 3) uint8 images of arms at (B, 2) angles.

    A target at (B, 2) is drawn under the arm, if there is one.
    """
    raster = canvas(look, (-VIEW, -VIEW), 2 * VIEW)
    if target is not None:
        raster.disc(target, np.full(1, 1.5 * RADIUS), look.colour("mark"))
    shoulder, middle, end = np.zeros_like(angles), elbow(angles), tip(angles)
    raster.bar(shoulder, middle, RADIUS, look.colour("wall"))
    raster.bar(middle, end, RADIUS, look.colour("wall"))
    raster.disc(end, 1.4 * RADIUS * look.number("agent_size"), look.colour("agent"))
    return look.shine(raster.pixels())


def _direction(angle: np.ndarray) -> np.ndarray:
    return np.stack([np.cos(angle), np.sin(angle)], -1)


def _accelerations(states: Tensor, actions: Tensor) -> Tensor:
    """(..., 2) rad/s^2."""
    bend, first, second = states[..., 1], states[..., 2], states[..., 3]
    across, along = _FIRST * _MOMENT * torch.sin(bend), _FIRST * _MOMENT * bend.cos()
    m11 = ARMATURE + _WHOLE + _SECOND + 2.0 * along
    m12, m22 = _SECOND + along, ARMATURE + _SECOND
    push1 = TORQUE * actions[..., 0] - DAMPING * first
    push2 = TORQUE * actions[..., 1] - DAMPING * second
    push1 = push1 + across * (2.0 * first * second + second**2)
    push2 = push2 - across * first**2
    determinant = m11 * m22 - m12**2
    one = (m22 * push1 - m12 * push2) / determinant
    two = (m11 * push2 - m12 * push1) / determinant
    return torch.stack([one, two], -1)


def _slope(states: Tensor, actions: Tensor) -> Tensor:
    return torch.cat([states[..., 2:], _accelerations(states, actions)], -1)


def _runge_kutta(states: Tensor, actions: Tensor) -> Tensor:
    first = _slope(states, actions)
    second = _slope(states + SECONDS / 2 * first, actions)
    third = _slope(states + SECONDS / 2 * second, actions)
    fourth = _slope(states + SECONDS * third, actions)
    return states + SECONDS / 6 * (first + 2 * second + 2 * third + fourth)


def _stopped(states: Tensor) -> Tensor:
    """The elbow held within its range, at rest where it is held."""
    shoulder, free, first, second = states.unbind(-1)
    held = free.clamp(-ELBOW, ELBOW)
    second = torch.where(held == free, second, torch.zeros_like(second))
    return torch.stack([shoulder, held, first, second], -1)
