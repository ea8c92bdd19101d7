"""Parcels on the Hugging Face Hub: the only file that knows it. Needs telos[hub]."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

PREFIX = "hub:"
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")


def repository(place: str) -> str | None:
    """owner/name of ``hub:owner/name``; None for a path.

    Raises:
        ValueError: If there is a prefix and no such name behind it.
    """
    if not place.startswith(PREFIX):
        return None
    name = place.removeprefix(PREFIX)
    if not _NAME.fullmatch(name):
        raise ValueError(f"{place!r} names no repository; expected hub:owner/name")
    return name


def fetch(name: str, folder: Path, patterns: Sequence[str]) -> Path:
    """Download the files of a repository that match into a folder.

    Raises:
        ImportError: If huggingface_hub is not installed.
        OSError: If the repository cannot be reached.
    """
    hub = import_module("huggingface_hub")
    hub.snapshot_download(
        repo_id=name, local_dir=str(folder), allow_patterns=list(patterns)
    )
    return folder


def fetch_shared(name: str, revision: str | None, patterns: Sequence[str]) -> Path:
    """Where the files of a repository that match lie in the hub's own cache.

    They are downloaded unless they are there.

    Raises:
        ModuleNotFoundError: If huggingface_hub is not installed.
        OSError: If the repository cannot be reached.
    """
    hub = import_module("huggingface_hub")
    return Path(
        hub.snapshot_download(name, revision=revision, allow_patterns=list(patterns))
    )


def upload(name: str, folder: Path) -> None:
    """Upload a folder into a repository that exists, as one commit.

    Raises:
        ImportError: If huggingface_hub is not installed.
        OSError: If the repository cannot be reached.
    """
    hub = import_module("huggingface_hub")
    hub.upload_folder(
        repo_id=name, folder_path=str(folder), commit_message="Upload a run of telos"
    )
