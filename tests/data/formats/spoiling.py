"""Ways to break a file, and what is said of it then."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import h5py
import numpy as np

Spoil = Callable[[h5py.File], None]


def drop(place: str) -> Spoil:
    """Take a group or a dataset out."""

    def spoil(file: h5py.File) -> None:
        del file[place]

    return spoil


def put(place: str, rows: object) -> Spoil:
    """Put other rows, or a link, in the place of a dataset."""

    def spoil(file: h5py.File) -> None:
        if place in file:
            del file[place]
        file[place] = rows

    return spoil


def say(place: str, name: str, value: object) -> Spoil:
    """Give an attribute another value."""

    def spoil(file: h5py.File) -> None:
        file[place].attrs[name] = value

    return spoil


def truncated(content: bytes, times: int) -> Iterator[bytes]:
    """The first part of the content, longer every time and never whole."""
    for share in np.arange(times) / times:
        yield content[: int(share * len(content))]


def damaged(content: bytes, times: int) -> Iterator[bytes]:
    """The content with eight random bytes somewhere, again and again."""
    rng = np.random.default_rng(1)
    for _ in range(times):
        broken = bytearray(content)
        at = int(rng.integers(len(broken) - 8))
        broken[at : at + 8] = rng.bytes(8)
        yield bytes(broken)


def complaint(call: Callable[[], object]) -> str:
    """What a call says if it refuses; empty if it does not. Other errors pass."""
    try:
        call()
    except (ValueError, FileNotFoundError) as error:
        return str(error)
    return ""
