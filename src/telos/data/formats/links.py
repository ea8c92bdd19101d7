"""Links in a recording's folder, which may lead to nothing outside of it.

A recording comes from others. The one exception is the cache of the Hugging Face hub,
whose snapshots consist of links to the blobs of the same repository.
"""

from __future__ import annotations

from pathlib import Path


def refuse_outside(root: Path, path: Path) -> None:
    """Refuse a file that a link leads outside of a recording.

    Args:
        root: Folder of the recording; it may itself be reached by a link.
        path: File in it.

    Raises:
        ValueError: If it does.
    """
    real = path.resolve()
    if not any(real.is_relative_to(base) for base in _bases(root.resolve())):
        raise ValueError(
            f"{path} is a link to {real}, outside of the dataset; copy the file there"
        )


def _bases(root: Path) -> list[Path]:
    """The folder, and the blobs of the snapshot that it is or lies in."""
    repositories = [p.parent for p in root.parents if p.name == "snapshots"]
    return [root, *(repository / "blobs" for repository in repositories)]
