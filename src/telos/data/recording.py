"""Episodes as flat arrays over all frames, in memory or still in their file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from telos.data.frames import Frames, select_rows
from telos.data.scratch import MEMORY, Room
from telos.envs.world import WorldSpec
from telos.types import Episode, Streams


@dataclass(frozen=True, kw_only=True, eq=False)
class Recording:
    """E episodes, N frames in all; frame t stands with the action that leaves it."""

    observations: Mapping[str, Frames]
    """name -> (N, ...); `EpisodeFile.stream` leaves images in their file."""
    labels: Mapping[str, Frames]
    """name -> (N, ...)."""
    actions: np.ndarray
    """(N, A) float32, environment units; NaN in the row of an episode's last frame."""
    starts: np.ndarray
    """(E,) int64, first frame of each episode."""
    lengths: np.ndarray
    """(E,) int64, frames of each episode: steps + 1."""
    seeds: np.ndarray
    """(E,) int64."""
    layouts: tuple[Mapping[str, float], ...]
    spec: WorldSpec

    @classmethod
    def from_episodes(cls, episodes: Sequence[Episode], spec: WorldSpec) -> Recording:
        """Join episodes in the given order.

        Raises:
            ValueError: If there are none.
        """
        if not episodes:
            raise ValueError("no episodes: a recording needs at least one")
        lengths = np.array([e.num_steps + 1 for e in episodes], np.int64)
        return cls(
            observations=_join(spec.streams, [e.observations for e in episodes]),
            labels=_join(spec.labels, [e.labels for e in episodes]),
            actions=np.concatenate([_with_last_row(e.actions) for e in episodes]),
            starts=first_frames(lengths),
            lengths=lengths,
            seeds=np.array([e.seed for e in episodes], np.int64),
            layouts=tuple(e.layout for e in episodes),
            spec=spec,
        )

    @property
    def num_episodes(self) -> int:
        return len(self.lengths)

    @property
    def num_frames(self) -> int:
        return len(self.actions)

    @property
    def num_transitions(self) -> int:
        return self.num_frames - self.num_episodes

    def owners(self, rows: np.ndarray) -> np.ndarray:
        """Episodes that rows belong to, in the shape of the rows."""
        return np.searchsorted(self.starts, rows, side="right") - 1

    def episode(self, index: int) -> Episode:
        """Episode ``index``; what is in memory is not copied."""
        self._check([index])
        rows = slice(self.starts[index], self.starts[index] + self.lengths[index])
        return Episode(
            observations={k: v[rows] for k, v in self.observations.items()},
            actions=self.actions[rows][:-1],
            labels={k: v[rows] for k, v in self.labels.items()},
            seed=int(self.seeds[index]),
            layout=self.layouts[index],
        )

    def select(self, episodes: Sequence[int] | np.ndarray) -> Recording:
        """Some episodes, in the order given; what is in memory is copied.

        Raises:
            ValueError: If an index is out of range, or none is given.
        """
        chosen = self._check(episodes)
        rows = frame_rows(self.starts[chosen], self.lengths[chosen])
        seen, labels = self.observations, self.labels
        return Recording(
            observations={name: select_rows(v, rows) for name, v in seen.items()},
            labels={name: select_rows(v, rows) for name, v in labels.items()},
            actions=self.actions[rows],
            starts=first_frames(self.lengths[chosen]),
            lengths=self.lengths[chosen],
            seeds=self.seeds[chosen],
            layouts=tuple(self.layouts[i] for i in chosen),
            spec=self.spec,
        )

    def in_memory(self) -> Recording:
        """The same episodes, with all observations in memory."""
        return self.kept(MEMORY)

    def kept(self, room: Room) -> Recording:
        """The same episodes, with everything that has a row per frame in a room.

        Large labels, which no training reads, stay in their file.

        Raises:
            OSError: If there is no room for it.
        """
        labels = {
            name: room.keep(v) if isinstance(v, np.ndarray) else v
            for name, v in self.labels.items()
        }
        return replace(
            self,
            observations={n: room.keep(v) for n, v in self.observations.items()},
            labels=labels,
            actions=room.keep(self.actions),
        )

    def _check(self, episodes: Sequence[int] | np.ndarray) -> np.ndarray:
        return check_indices(episodes, self.num_episodes)


def check_indices(episodes: Sequence[int] | np.ndarray, count: int) -> np.ndarray:
    """Episode indices as int64.

    Raises:
        ValueError: If there are none, or one is not in [0, count).
    """
    indices = np.asarray(episodes, np.int64)
    if indices.size == 0:
        raise ValueError("no episodes selected; name at least one")
    if indices.min() < 0 or indices.max() >= count:
        raise ValueError(
            f"episodes {indices.min()} to {indices.max()} were asked for, but there "
            f"are {count}, numbered from 0"
        )
    return indices


def spread(count: int, most: int) -> np.ndarray:
    """Indices of at most ``most`` of ``count`` things, evenly spaced."""
    return np.unique(np.linspace(0, count - 1, min(count, most)).astype(np.int64))


def first_frames(lengths: np.ndarray) -> np.ndarray:
    """(E,) first frame of each episode when they are stored one after the other."""
    return np.cumsum(lengths, dtype=np.int64) - lengths


def frame_rows(starts: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Rows of all frames of the episodes, in order."""
    within = np.arange(lengths.sum()) - np.repeat(first_frames(lengths), lengths)
    return np.repeat(starts, lengths) + within


def _join(names: Mapping[str, object], parts: Sequence[Streams]) -> Streams:
    return {name: np.concatenate([part[name] for part in parts]) for name in names}


def _with_last_row(actions: np.ndarray) -> np.ndarray:
    """No action leaves the last frame: its row is NaN, so that a misuse shows."""
    last = np.full((1, actions.shape[1]), np.nan, np.float32)
    return np.concatenate([actions, last])
