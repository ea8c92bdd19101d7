"""Folders of videos, each with a table of actions beside it or all without.

Videos are found in sub-folders too and are taken in the order of their names, numbers
in names by their value. See `beside` for the tables. Without tables the actions have
dimension 0: such a recording can be looked at, not trained on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from telos.data.formats.action_coding import (
    ActionCoding,
    ActionRange,
    continuous,
    no_actions,
)
from telos.data.formats.beside import (
    Beside,
    find_beside,
    read_beside,
    rows_of_frames,
)
from telos.data.formats.decode import Video, VideoFacts, probe
from telos.data.formats.links import refuse_outside
from telos.data.formats.source import Wanted
from telos.envs.world import StreamSpec, WorldSpec
from telos.types import Episode

SUFFIXES = (".mp4", ".mkv", ".avi", ".webm")


def recognises(path: Path) -> bool:
    """Whether a path is a video, or a folder with videos."""
    return next(_videos(path), None) is not None


class VideosSource:
    """Videos and what lies beside them.

    Args:
        path: A folder, or one video.
        wanted: What of it is asked for.

    Raises:
        ValueError: If a file is damaged, tables have different columns, only some
            videos have one, pictures differ in size and none is asked for, a stream is
            wanted that there is not, or a link leads out of the folder.
    """

    def __init__(self, path: str | Path, wanted: Wanted | None = None) -> None:
        self.path, self._wanted = Path(path), wanted or Wanted()
        self._videos = sorted(_videos(self.path), key=_natural)
        if not self._videos:
            raise ValueError(f"{self.path} holds no videos ({', '.join(SUFFIXES)})")
        self._tables = self._find_tables()
        self._refuse_outside()
        facts = [probe(video) for video in self._videos]
        self._fps = _common_fps(facts)
        self._spec = self._make_spec(facts)

    @property
    def format(self) -> str:
        return "videos"

    @property
    def spec(self) -> WorldSpec:
        return self._spec

    @property
    def num_episodes(self) -> int:
        return len(self._videos)

    @property
    def fps(self) -> float | None:
        """Frames per second, where all videos agree."""
        return self._fps

    def episodes(self, first: int = 0) -> Iterator[Episode]:
        """A video is an episode; see `Source.episodes`."""
        for number in range(first, self.num_episodes):
            yield self._episode(number)

    def _find_tables(self) -> list[Path | None]:
        tables = [find_beside(video) for video in self._videos]
        lonely = [v for v, t in zip(self._videos, tables, strict=True) if t is None]
        if 0 < len(lonely) < len(tables):
            raise ValueError(
                f"{lonely[0]} has no table of actions beside it, as {len(lonely)} of "
                f"{len(tables)} videos; give all of them one, or none"
            )
        return tables

    def _refuse_outside(self) -> None:
        """A path that was given may be a link; what it leads to may not."""
        if self.path.is_dir():
            for file in (*self._videos, *filter(None, self._tables)):
                refuse_outside(self.path, file)

    def _make_spec(self, facts: list[VideoFacts]) -> WorldSpec:
        names, state_dim, coding = self._survey()
        streams = {"pixels": StreamSpec(shape=(*self._size(facts), 3), dtype="uint8")}
        if state_dim:
            streams["state"] = StreamSpec(shape=(state_dim,), dtype="float32")
        wanted = self._wanted.streams
        unknown = sorted(set(wanted or ()) - set(streams))
        if unknown:
            raise ValueError(
                f"{self.path} has no streams {unknown}; it has {sorted(streams)}"
            )
        kept = {n: s for n, s in streams.items() if wanted is None or n in wanted}
        return WorldSpec(
            id=self.path.resolve().stem,
            action_low=coding.low,
            action_high=coding.high,
            streams=kept,
            labels={"time": StreamSpec(shape=(), dtype="float64", unit="s")},
            max_steps=max(fact.num_frames for fact in facts) - 1,
            options={"action_names": list(names), "actions": coding.options()}
            if names
            else {},
        )

    def _survey(self) -> tuple[tuple[str, ...], int, ActionCoding]:
        """Names of actions, size of the state, and coding, the same for all tables."""
        paths = [path for path in self._tables if path is not None]
        if not paths:
            return (), 0, no_actions()
        kinds: dict[tuple[tuple[str, ...], int], Path] = {}
        ranges: list[ActionRange] = []
        for path in paths:
            table = read_beside(path)
            kinds.setdefault((table.action_names, _state_dim(table)), path)
            ranges.append(_range(table))
        if len(kinds) > 1:
            (left, one), (right, other), *_ = kinds.items()
            raise ValueError(
                f"{one} and {other} have different columns: actions and number of "
                f"states are {left} and {right}"
            )
        (names, state_dim), _ = next(iter(kinds.items()))
        return names, state_dim, self._coding(ranges) if names else no_actions()

    def _coding(self, ranges: list[ActionRange]) -> ActionCoding:
        found = ranges[0]
        for other in ranges[1:]:
            found.merge(other)
        try:
            return continuous(found)
        except ValueError as error:
            raise ValueError(f"{self.path}: {error}") from error

    def _size(self, facts: list[VideoFacts]) -> tuple[int, int]:
        if self._wanted.image_size is not None:
            return self._wanted.image_size
        first = facts[0].size
        for video, fact in zip(self._videos, facts, strict=True):
            if fact.size != first:
                raise ValueError(
                    f"{video} has {fact.size[0]} x {fact.size[1]} pixels, "
                    f"{self._videos[0]} {first[0]} x {first[1]}; give a size to resize "
                    "them to"
                )
        return first

    def _episode(self, number: int) -> Episode:
        times, pictures = self._decode(self._videos[number])
        frames, path = slice(0, len(times)), self._tables[number]
        actions, state = np.zeros((len(times) - 1, 0), np.float32), None
        if path is not None:
            table = read_beside(path)
            frames, rows = rows_of_frames(table, times, path)
            actions = table.actions[rows[:-1]]
            state = None if table.state is None else table.state[rows]
        found = {"pixels": pictures, "state": state}
        cut = {"pixels": frames, "state": slice(None)}
        return Episode(
            observations={
                name: array[cut[name]]
                for name in self._spec.streams
                if (array := found[name]) is not None
            },
            actions=actions,
            labels={"time": times[frames]},
            seed=number,
        )

    def _decode(self, path: Path) -> tuple[np.ndarray, np.ndarray | None]:
        """(N,) seconds since the first frame, and (N, H, W, 3) pictures if wanted."""
        stream = self._spec.streams.get("pixels")
        times: list[float] = []
        pictures: list[np.ndarray] = []
        with Video(path, self._wanted.image_size) as video:
            for time, frame in video.frames():
                times.append(time)
                if stream is None:
                    continue
                picture = video.pixels(frame)
                if picture.shape != stream.shape:
                    raise ValueError(
                        f"{path}: frame {len(times) - 1} has shape {picture.shape}, "
                        f"expected {stream.shape}; give a size to resize to"
                    )
                pictures.append(picture)
        seconds = np.array(times) - times[0]
        return seconds, np.stack(pictures) if stream is not None else None


def _range(table: Beside) -> ActionRange:
    found = ActionRange(table.actions.shape[1:])
    found.add(table.actions)
    return found


def _state_dim(table: Beside) -> int:
    return 0 if table.state is None else table.state.shape[1]


def _common_fps(facts: list[VideoFacts]) -> float | None:
    rates = {None if fact.fps is None else round(fact.fps, 3) for fact in facts}
    return rates.pop() if len(rates) == 1 else None


def _videos(path: Path) -> Iterator[Path]:
    """Video files at or below a path; what is hidden is left out."""
    found = path.rglob("*") if path.is_dir() else iter([path])
    for file in found:
        hidden = any(part.startswith(".") for part in file.relative_to(path).parts)
        if file.suffix.lower() in SUFFIXES and not hidden and file.is_file():
            yield file


def _natural(path: Path) -> list[tuple[int, str]]:
    """Sorting key that takes numbers in names by their value."""
    pieces = re.split(r"(\d+)", str(path))
    return [(int(p), "") if p.isdecimal() else (-1, p) for p in pieces]
