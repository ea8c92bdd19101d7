"""A recording of what an agent itself saw and did, to hold its model against."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from telos.data.recording import Recording
from telos.envs.world import GoalWorld, Step
from telos.evaluation.open_loop import LabelReadOut, Model, open_loop
from telos.types import Episode

EPISODES = 32
"""Episodes that are kept."""


@dataclass(frozen=True, kw_only=True)
class _Page:
    """One step of a batch."""

    step: Step
    actions: np.ndarray
    arrived: np.ndarray
    """(B,) whether the goal is reached."""


class Diary:
    """Keeps what happened until the goal was reached; after that nothing moves.

    Args:
        world: Whose episodes are written down.
        needed: Steps that are kept in any case.
    """

    def __init__(self, world: GoalWorld, needed: int) -> None:
        self._world, self._needed = world, needed
        self._pages: list[_Page] = []
        self._seeds: Sequence[int] = ()
        self._episodes: dict[int, Episode] = {}

    def open(self, seeds: Sequence[int]) -> None:
        """A new batch of episodes starts."""
        self.close()
        self._seeds = seeds if len(self._episodes) < EPISODES else ()

    def write(self, step: Step, actions: np.ndarray, arrived: np.ndarray) -> None:
        """What was seen, and what was done then."""
        if self._seeds:
            self._pages.append(_Page(step=step, actions=actions, arrived=arrived))

    def close(self) -> None:
        """The batch has ended; its last action leads to a frame nobody showed."""
        if self._pages:
            for row, seed in enumerate(self._seeds):
                self._episodes.setdefault(seed, self._episode(row, seed))
        self._pages = []

    def look_back(
        self, model: Model, horizon: int, readout: LabelReadOut | None
    ) -> dict[str, Any] | None:
        """Open-loop errors on the kept episodes, see `open_loop`.

        None if no episode is long enough. Adds ``worse_latent`` and ``worse_readout``:
        the first step at which "nothing changes" predicts better, None if it never
        does within the horizon.
        """
        self.close()
        recording = self._recording()
        longest = int(recording.lengths.max()) - 1 if recording else 0
        horizon = min(horizon, longest // model.frame_skip - (model.history - 1))
        if recording is None or horizon < 1:
            return None
        with warnings.catch_warnings():
            # Short episodes are those that reached their goal at once.
            warnings.simplefilter("ignore", UserWarning)
            steps = range(1, horizon + 1)
            found = open_loop(model, recording, steps, readout)
        return {
            **found,
            "worse_latent": first_worse(found["latent"], found["persistence"]),
            "worse_readout": first_worse(
                found.get("readout", ()), found.get("readout_persistence", ())
            ),
        }

    def _recording(self) -> Recording | None:
        kept = list(self._episodes.values())[:EPISODES]
        long_enough = [episode for episode in kept if episode.num_steps]
        if not long_enough:
            return None
        return Recording.from_episodes(long_enough, self._world.spec)

    def _episode(self, row: int, seed: int) -> Episode:
        over = np.array(
            [p.arrived[row] or bool(p.step.terminated[row]) for p in self._pages]
        )
        end = int(over.argmax()) if over.any() else len(over) - 1
        end = min(max(end, self._needed), len(over) - 1)
        pages = self._pages[: end + 1]
        spec = self._world.spec
        return Episode(
            observations={
                name: np.stack([page.step.observations[name][row] for page in pages])
                for name in spec.streams
            },
            labels={
                name: np.stack([page.step.labels[name][row] for page in pages])
                for name in spec.labels
            },
            actions=np.stack([p.actions[row] for p in pages[:-1]]).astype(np.float32)
            if end
            else np.zeros((0, spec.action_dim), np.float32),
            seed=seed,
        )


def first_worse(errors: Sequence[float], persistence: Sequence[float]) -> int | None:
    """The first step, from 1, at which persistence errs less; None if it never does."""
    pairs = enumerate(zip(errors, persistence, strict=True), start=1)
    return next((step for step, (error, still) in pairs if error > still), None)
