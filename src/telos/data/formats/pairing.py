"""Which action belongs to which frame: shifted by rows, and for every N-th frame.

With a shift of K, the action that leaves frame t is the one that the recorder stored
with frame t + K. K = +1 therefore undoes a recorder that stored actions one row late,
each beside the frame that it led to; K = -1 undoes one that stored them a row early.
Frames at the ends that are left without an action are dropped.

With every N-th frame kept, the N actions between two of them are joined into one of N
times as many numbers, in order: nothing that was done is lost, and windows with a frame
skip do the same. Steps at the end that do not fill a group of N are dropped.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from telos.envs.world import WorldSpec
from telos.types import Episode, Streams


@dataclass(frozen=True, kw_only=True)
class Pairing:
    """How frames and actions are paired anew.

    Raises:
        ValueError: If ``every`` is below 1.
    """

    shift: int = 0
    """Rows by which actions were stored late."""
    every: int = 1
    """Of so many frames one is kept."""

    def __post_init__(self) -> None:
        if self.every < 1:
            raise ValueError(f"every is {self.every}, expected at least 1")

    def spec(self, spec: WorldSpec) -> WorldSpec:
        """The spec of episodes that were paired anew."""
        return replace(
            spec,
            action_low=np.tile(spec.action_low, self.every),
            action_high=np.tile(spec.action_high, self.every),
            max_steps=max(0, spec.max_steps - abs(self.shift)) // self.every,
        )

    def episode(self, episode: Episode) -> Episode | None:
        """The episode paired anew; None if nothing is left of it."""
        steps = (episode.num_steps - abs(self.shift)) // self.every
        if steps < 1:
            return None
        first_frame, first_action = max(0, -self.shift), max(0, self.shift)
        frames = slice(first_frame, first_frame + steps * self.every + 1, self.every)
        rows = slice(first_action, first_action + steps * self.every)
        return replace(
            episode,
            observations=_cut(episode.observations, frames),
            labels=_cut(episode.labels, frames),
            actions=episode.actions[rows].reshape(steps, -1),
        )


def _cut(streams: Streams, frames: slice) -> Streams:
    return {name: array[frames] for name, array in streams.items()}
