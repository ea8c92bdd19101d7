"""Handwritten digits that move and bounce off the borders of the image."""

from telos.envs.moving_digits.world import MovingDigits as MovingDigits
