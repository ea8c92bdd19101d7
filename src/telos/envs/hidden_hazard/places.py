"""Where the hazard of an episode may lie, and where it does: from the seed alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

HALF_WAY = 0.75
"""Half the distance of start and target, metres."""
ASIDE = 0.7
"""Distance of the harmless places from the middle of the way, metres."""
RADIUS = 0.25
"""Of the hazard, metres."""
MOST_PLACES = 3
"""One in the way and one on either side of it."""


@dataclass(frozen=True, kw_only=True)
class Placement:
    """One environment at its reset."""

    start: np.ndarray
    """(2,) metres."""
    target: np.ndarray
    """(2,) metres."""
    places: np.ndarray
    """(M, 2) where the hazard may lie, metres; the first is in the way."""
    mode: int
    """Which of the places it lies at."""


def place(seed: int, num_places: int, probability: float) -> Placement:
    """Ways in all directions; the hazard is drawn from the prior."""
    rng = np.random.default_rng([seed, 0])
    angle = rng.uniform(-np.pi, np.pi)
    along = np.array([np.cos(angle), np.sin(angle)])
    aside = rng.choice([-ASIDE, ASIDE]) * np.array([-along[1], along[0]])
    places = np.stack([0.0 * aside, aside, -aside])[:num_places]
    mode = int(modes_of(rng.uniform(size=1), num_places, probability)[0])
    return Placement(
        start=-HALF_WAY * along, target=HALF_WAY * along, places=places, mode=mode
    )


def modes_of(uniform: np.ndarray, num_places: int, probability: float) -> np.ndarray:
    """Places drawn from the prior by uniform numbers of any shape.

    Place 0, in the way, has the given probability; the others share the rest.
    """
    rest = (uniform - probability) / (1.0 - probability)
    other = 1 + np.floor(rest * (num_places - 1)).astype(int)
    return np.where(uniform < probability, 0, np.minimum(other, num_places - 1))
