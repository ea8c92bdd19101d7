"""Videos of moving digits in which the impossible happens, in full view."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from telos.envs.checks import check_count, check_option
from telos.envs.moving_digits.digits import draw_digits, load_digits
from telos.envs.moving_digits.world import SIDE, SPEEDS, bounce

CALM = 20
"""Frames at least before something is planted, and after."""
SEEDS = {"validation": 3, "test": 4}
"""First number of the seeds of each split; those of training are others."""
AWAY = 9.0
"""Where a digit is that is gone."""
FAR = 0.2
"""Least distance of a jump, sides of the image."""
TURN = (np.pi / 2, 3 * np.pi / 2)
"""Angles by which a digit turns without a border."""


@dataclass(frozen=True, kw_only=True)
class Planted:
    """Q videos of one digit each, as held out from training."""

    clips: np.ndarray
    """(Q, T, S, S, 3) uint8."""
    event: np.ndarray
    """(Q,) first frame that is not what it would have been."""


def planted(
    anomaly: str,
    count: int,
    *,
    frames: int = 60,
    size: int = 64,
    split: str = "test",
    seed: int = 0,
) -> Planted:
    """Videos with an anomaly at a random time.

    Args:
        anomaly: One of `ANOMALIES`, or ``nothing``: the same videos without it.
        count: Q.
        frames: T; at least 20 lie before the event and 20 after.
        size: Pixels along a side: 32 or 64.
        split: ``validation``, to choose and to calibrate on, or ``test``.
        seed: Video i depends on ``seed + i`` alone.

    Raises:
        ValueError: If an argument is not one of those above.
    """
    check_option("anomaly", anomaly, ("nothing", *ANOMALIES))
    check_option("split", split, tuple(SEEDS))
    check_count("count", count)
    if size not in (32, 64) or frames < 2 * CALM:
        raise ValueError(
            f"size is {size}, frames is {frames}: expected a size of 32 or 64 pixels "
            f"and at least {2 * CALM} frames."
        )
    drawn = [_draw([SEEDS[split], seed + i], frames) for i in range(count)]
    usual = [video.usual(frames) for video in drawn]
    clips = _film(usual, size)
    if anomaly != "nothing":
        after = [ANOMALIES[anomaly](*pair) for pair in zip(drawn, usual, strict=True)]
        others = _film(after, size)
        for clip, other, video in zip(clips, others, drawn, strict=True):
            clip[video.event :] = other[video.event :]
    return Planted(
        clips=np.repeat(clips[..., None], 3, axis=-1),
        event=np.array([video.event for video in drawn]),
    )


@dataclass(frozen=True, kw_only=True)
class _Shown:
    """A digit and where it is."""

    image: np.ndarray
    places: np.ndarray
    """(T, 2)."""
    velocities: np.ndarray


@dataclass(frozen=True, kw_only=True)
class _Video:
    """What decides a video, and what may become of it at the event."""

    event: int
    image: np.ndarray
    other_image: np.ndarray
    """Of another digit."""
    start: np.ndarray
    velocity: np.ndarray
    turn: float
    """Radians."""
    jump: np.ndarray
    """(T, 2) another way, far from this one at the event."""

    def usual(self, frames: int) -> _Shown:
        """What happens if nothing is planted."""
        places, velocities = _way(self.start, self.velocity, frames)
        return _Shown(image=self.image, places=places, velocities=velocities)


def _draw(key: list[int], frames: int) -> _Video:
    rng = np.random.default_rng(key)
    images, classes = load_digits("test")
    first = rng.integers(len(classes))
    others = np.flatnonzero(classes != classes[first])
    event = int(rng.integers(CALM, frames - CALM + 1))
    start, velocity = _random_way(rng)
    place = _way(start, velocity, frames)[0][event]
    while True:
        jump = _way(*_random_way(rng), frames)[0]
        if np.linalg.norm(jump[event] - place) > FAR:
            break
    return _Video(
        event=event,
        image=images[first],
        other_image=images[rng.choice(others)],
        start=start,
        velocity=velocity,
        turn=float(rng.uniform(*TURN)),
        jump=jump,
    )


def _random_way(rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """A place, as a share of the room between the borders, and a velocity."""
    angle, speed = rng.uniform(0, 2 * np.pi), rng.uniform(*SPEEDS)
    return rng.uniform(0, 1, 2), speed * np.array([np.cos(angle), np.sin(angle)])


def _way(
    start: np.ndarray, velocity: np.ndarray, frames: int
) -> tuple[np.ndarray, np.ndarray]:
    """Places and velocities (T, 2)."""
    places, velocities = bounce(
        start[None, None], velocity[None, None], frames, SIDE / 2
    )
    return places[0, :, 0], velocities[0, :, 0]


def _vanishes(video: _Video, usual: _Shown) -> _Shown:
    return replace(usual, places=usual.places + AWAY)


def _jumps(video: _Video, usual: _Shown) -> _Shown:
    return replace(usual, places=video.jump)


def _changes(video: _Video, usual: _Shown) -> _Shown:
    return replace(usual, image=video.other_image)


def _stops(video: _Video, usual: _Shown) -> _Shown:
    last = usual.places[video.event - 1]
    return replace(usual, places=np.broadcast_to(last, usual.places.shape))


def _turns(video: _Video, usual: _Shown) -> _Shown:
    """Another direction, from the last usual place on."""
    last = video.event - 1
    cosine, sine = np.cos(video.turn), np.sin(video.turn)
    velocity = np.array([[cosine, -sine], [sine, cosine]]) @ usual.velocities[last]
    start = (usual.places[last] - SIDE / 2) / (1 - SIDE)
    places = usual.places.copy()
    places[last:] = _way(start, velocity, len(places) - last)[0]
    return replace(usual, places=places)


ANOMALIES: dict[str, Callable[[_Video, _Shown], _Shown]] = {
    "vanishes": _vanishes,
    "jumps": _jumps,
    "changes": _changes,
    "stops": _stops,
    "turns": _turns,
}
"""Name -> what is shown from the event on."""


def _film(shown: list[_Shown], size: int) -> np.ndarray:
    images = np.stack([each.image for each in shown])[:, None]
    places = np.stack([each.places for each in shown])[:, :, None]
    return draw_digits(images, places, SIDE, size)
