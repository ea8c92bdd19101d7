"""Observations as people write them down: a file, or a file for each stream."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

from telos.agent.frame_files import frames_of_file, is_frame_file
from telos.agent.seen import Seen
from telos.types import Streams

_OF_STREAM = re.compile(r"(?P<stream>[A-Za-z_][\w.-]*)=(?P<file>.+)")


def names_frames(text: str) -> bool:
    """Whether a text names files that observations are read from."""
    return all(is_frame_file(file) for _, file in _pieces(text))


def beside(folder: Path, text: str) -> str:
    """The same text with its files in a folder."""
    return ",".join(
        str(folder / file) if stream is None else f"{stream}={folder / file}"
        for stream, file in _pieces(text)
    )


def read_frames(text: str, seen: Seen) -> list[Streams]:
    """What was observed, oldest first, at most as many frames as are seen together.

    Args:
        text: An image, for agents that see one camera; an ``.npz`` file with an array
            per stream, of one frame or of several; FILE.h5:EPISODE:FRAME, frames
            counted from 0 or, with a minus, from the end; or, separated by commas,
            STREAM=FILE, where FILE is one of these.
        seen: What the agent looks at.

    Returns:
        Frames of (1, ...) streams.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If a stream is missing, or has another shape; with ``seen.resize``
            pictures may be larger, see `telos.agent.shrinking`.
    """
    rows = _rows(text, seen)
    missing = [repr(name) for name in seen.streams if name not in rows]
    if missing:
        raise ValueError(
            f"{text!r} has no {' and no '.join(missing)}, which the run sees; it has "
            f"{', '.join(rows)}. Give every stream: {seen.example}"
        )
    if len(counts := {len(values) for values in rows.values()}) > 1:
        raise ValueError(
            f"the streams of {text!r} have {sorted(counts)} frames; expected as many "
            "of each"
        )
    (count,) = counts
    newest = range(max(0, count - seen.history), count)
    return [{n: values[at : at + 1] for n, values in rows.items()} for at in newest]


def read_goal(text: str, seen: Seen) -> Streams:
    """A frame of what should be observed, of those streams that a text shows.

    Args:
        text: As for `read_frames`; the newest frame counts.
        seen: What the agent looks at.

    Returns:
        (1, ...) streams, at least one.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it shows nothing that the agent sees, or in another shape.
    """
    return {name: values[-1:] for name, values in _rows(text, seen).items()}


def _pieces(text: str) -> list[tuple[str | None, str]]:
    """(stream, file) for each STREAM=FILE of a text; (None, text) for anything else."""
    found = [_OF_STREAM.fullmatch(part) for part in text.split(",")]
    named = [(match["stream"], match["file"]) for match in found if match is not None]
    return [*named] if len(named) == len(found) else [(None, text)]


def _rows(text: str, seen: Seen) -> Streams:
    """Frames (N, ...), oldest first, of those streams that a text shows."""
    rows: Streams = {}
    for stream, file in _pieces(text):
        found = frames_of_file(file, _only(stream, seen, text))
        if doubled := sorted(set(found) & set(rows)):
            raise ValueError(f"{text!r} gives {doubled[0]!r} twice; give it once")
        rows = {**rows, **found}
    return rows


def _only(stream: str | None, seen: Seen, text: str) -> Seen:
    """What is seen in one stream."""
    if stream is None:
        return seen
    if stream not in seen.streams:
        raise ValueError(
            f"{text!r}: the run sees no {stream!r}; it sees {', '.join(seen.streams)}. "
            f"If a file is called so, say ./{text}"
        )
    return replace(seen, streams={stream: seen.streams[stream]})
