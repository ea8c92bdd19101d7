"""Moving digits as a world to record."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from telos.envs.checks import check_option
from telos.envs.moving_digits.digits import draw_digits, load_digits
from telos.envs.watched import Reel, WatchedWorld, watched_spec
from telos.envs.world import StreamSpec

SIDE = 0.4
"""Of a digit, sides of the image."""
SPEEDS = (0.01, 0.05)
"""Sides of the image per frame."""
SPLITS = {"train": 1, "test": 2}
"""First number of the seeds of each split."""


class MovingDigits(WatchedWorld):
    """One or two handwritten digits that bounce off the borders of the image.

    ``pixels`` (size, size, 3), white on black. Labels: ``digit`` (N,) which one it is,
    ``position`` (2 N,) of the centres and ``velocity`` (2 N,), x and y of the first
    digit and then of the second, in sides of the image, y upwards. There are no
    actions.
    """

    def __init__(
        self,
        num_envs: int = 1,
        *,
        size: int = 32,
        frames: int = 20,
        digits: int = 1,
        split: str = "train",
    ) -> None:
        """Set B clips up; call ``reset`` before anything else.

        Args:
            num_envs: B.
            size: Pixels along a side: 32 or 64.
            frames: Of a clip; it has one step less.
            digits: N, 1 or 2; two do not see each other.
            split: ``train`` or ``test``: the two share no image of a digit.

        Raises:
            ValueError: If an option is not one of those above.
        """
        check_option("split", split, tuple(SPLITS))
        if size not in (32, 64) or digits not in (1, 2) or frames < 2:
            raise ValueError(
                f"size is {size}, digits is {digits}, frames is {frames}: expected a "
                "size of 32 or 64 pixels, 1 or 2 digits and at least 2 frames."
            )
        self._size, self._frames, self._digits = size, frames, digits
        self._split = split
        length = "sides of the image"
        labels = {
            "digit": StreamSpec(shape=(digits,), dtype="float32"),
            "position": StreamSpec(shape=(2 * digits,), dtype="float32", unit=length),
            "velocity": StreamSpec(
                shape=(2 * digits,), dtype="float32", unit=f"{length} per frame"
            ),
        }
        options = {"size": size, "frames": frames, "digits": digits, "split": split}
        spec = watched_spec("moving-digits", size, frames, labels, options)
        super().__init__(num_envs, spec)

    def _film(self, seeds: Sequence[int]) -> Reel:
        key = SPLITS[self._split]
        rngs = [np.random.default_rng([key, seed]) for seed in seeds]
        images, classes = load_digits(self._split)
        chosen = np.stack(
            [rng.integers(len(classes), size=self._digits) for rng in rngs]
        )
        starts = np.stack([rng.uniform(0, 1, (self._digits, 2)) for rng in rngs])
        angles = np.stack([rng.uniform(0, 2 * np.pi, self._digits) for rng in rngs])
        speeds = np.stack([rng.uniform(*SPEEDS, self._digits) for rng in rngs])
        ways = np.stack([np.cos(angles), np.sin(angles)], axis=-1) * speeds[..., None]
        places, velocities = bounce(starts, ways, self._frames, SIDE / 2)
        shown = draw_digits(images[chosen], places, SIDE, self._size)
        rows = len(seeds), self._frames
        return Reel(
            pixels=np.repeat(shown[..., None], 3, axis=-1),
            labels={
                "digit": np.broadcast_to(
                    classes[chosen][:, None].astype(np.float32), (*rows, self._digits)
                ),
                "position": places.reshape(*rows, -1).astype(np.float32),
                "velocity": velocities.reshape(*rows, -1).astype(np.float32),
            },
            layouts=[{} for _ in seeds],
        )


def bounce(
    starts: np.ndarray, ways: np.ndarray, frames: int, border: float
) -> tuple[np.ndarray, np.ndarray]:
    """Straight motion between mirrors, in closed form: a triangle wave.

    Args:
        starts: (B, N, 2) in [0, 1], shares of the room between the mirrors.
        ways: (B, N, 2) velocities at frame 0.
        frames: T.
        border: Distance of each mirror from the border of the unit square.

    Returns:
        Places and velocities, (B, T, N, 2).
    """
    room = 1 - 2 * border
    times = np.arange(frames)[:, None, None]
    travelled = (starts * room)[:, None] + ways[:, None] * times
    phase = np.mod(travelled, 2 * room)
    back = phase > room
    places = border + np.where(back, 2 * room - phase, phase)
    return places, np.where(back, -ways[:, None], ways[:, None])
