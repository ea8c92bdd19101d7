"""Files that claim to hold far more than their size, refused before they are read."""

from __future__ import annotations

from pathlib import Path

HARMLESS_BYTES = 256 * 2**20
"""Claims below are never refused: a file of zeros compresses a thousandfold."""
LARGEST_RATIO = 200.0
"""Bytes claimed per byte of the file; real recordings stay well below."""


def check_declared(
    path: Path, declared: int, largest_ratio: float = LARGEST_RATIO
) -> None:
    """Compare what a file claims to hold with what it weighs.

    Args:
        path: The file.
        declared: Bytes of all arrays that would be read, as its headers say.
        largest_ratio: Bytes per byte of the file above which it is refused.

    Raises:
        ValueError: If more than `HARMLESS_BYTES` are claimed at a larger ratio.
    """
    size = max(path.stat().st_size, 1)
    if declared > HARMLESS_BYTES and declared > largest_ratio * size:
        raise ValueError(
            f"{path} claims to hold {declared / 2**30:.1f} GiB in {size / 2**20:.1f} "
            f"MiB, {declared / size:.0f} times its size, and may be made to fill the "
            "memory; if you trust it, store it anew without compression "
            "(numpy.savez, h5repack -f NONE) and read that"
        )
