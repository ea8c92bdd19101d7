"""A finished run as a parcel: known files only, each with size and digest.

    PARCEL/
      manifest.json       what belongs to it: name -> bytes and SHA-256
      README.md           the model card
      config.json, env.json, model.json, model.safetensors and, where the run has them,
      calibration.json, diagnostics.json, metrics.jsonl, decoder.safetensors,
      evaluations/NAME/evaluation.json, attribution/NAME.json

Nothing that could run when it is opened: no pickles, no arrays of objects, no code.
What comes from elsewhere is believed after every name, size and digest was checked.
Digests find damage; that a parcel comes from whom you think is said by the digest of
its manifest, if you know it from them.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from telos.config import file_digest, load_json, save_json
from telos.runs.metrics import read_lines
from telos.runs.run import Run

FORMAT, VERSION = "telos-parcel", 1
MANIFEST, CARD = "manifest.json", "README.md"
NEEDED = ("config.json", "env.json", "model.json", "model.safetensors", CARD)
_ALLOWED = re.compile(
    r"(?:README\.md|(?:config|env|model|calibration|diagnostics)\.json|metrics\.jsonl"
    r"|(?:model|decoder)\.safetensors"
    r"|evaluations/[A-Za-z0-9][\w.-]*/evaluation\.json"
    r"|attribution/[A-Za-z0-9][\w.-]*\.json)"
)
PATTERNS = (
    MANIFEST,
    CARD,
    "config.json",
    "env.json",
    "model.json",
    "calibration.json",
    "diagnostics.json",
    "metrics.jsonl",
    "model.safetensors",
    "decoder.safetensors",
    "evaluations/*/evaluation.json",
    "attribution/*.json",
)
"""The same as patterns, for those who fetch."""
LARGEST = {
    ".safetensors": 16 << 30,
    ".json": 256 << 20,
    ".jsonl": 1 << 30,
    ".md": 1 << 20,
}
"""Bytes that a file may have, by its suffix."""
_SHA256 = re.compile("[0-9a-f]{64}")


def pack(run: Run, card: str, folder: Path) -> str:
    """Write the parcel of a finished run into an empty folder.

    Returns:
        The digest of its manifest, which stands for all of it.

    Raises:
        FileNotFoundError: If the run has no finished model.
    """
    run.load_model()
    names = [name for name in _files(run.path) if _ALLOWED.fullmatch(name)]
    for name in names:
        if name != CARD:
            target = folder / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(run.path / name, target)
    (folder / CARD).write_text(card, encoding="utf-8")
    files = {
        name: {
            "bytes": (folder / name).stat().st_size,
            "sha256": file_digest(folder / name),
        }
        for name in sorted({*names, CARD})
    }
    manifest = {"format": FORMAT, "version": VERSION, "files": files}
    return file_digest(save_json(folder / MANIFEST, manifest))


def read_manifest(folder: Path, digest: str | None = None) -> dict[str, dict[str, Any]]:
    """What belongs to a parcel, checked: name -> ``bytes`` and ``sha256``.

    Args:
        folder: Holds at least the manifest.
        digest: What `pack` returned, if it is known.

    Raises:
        FileNotFoundError: If there is no manifest.
        ValueError: If it is damaged, is another one, or names what may not be there.
    """
    path = folder / MANIFEST
    if not path.is_file() or path.is_symlink():
        raise FileNotFoundError(
            f"{str(folder)!r} holds no {MANIFEST}; expected what `telos push` wrote."
        )
    _check_size(MANIFEST, path.stat().st_size)
    found = file_digest(path)
    if digest is not None and found != digest:
        raise ValueError(
            f"the parcel in {str(folder)!r} has the digest {found}, not {digest}; "
            "it is another version, or was changed. Nothing was taken from it."
        )
    content = load_json(path)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError(f"{str(path)!r} is no manifest of a parcel of telos.")
    if content.get("version") != VERSION:
        raise ValueError(
            f"{str(path)!r} has version {content.get('version')!r}, this telos reads "
            f"version {VERSION}; upgrade telos."
        )
    files = content.get("files")
    if not isinstance(files, dict):
        raise ValueError(f"{str(path)!r} lists no files.")
    for name, entry in files.items():
        _check_entry(name, entry)
    if missing := sorted(set(NEEDED) - set(files)):
        raise ValueError(f"the parcel lacks {', '.join(missing)}; push it again.")
    return files


def unpack(parcel: Path, folder: Path, digest: str | None = None) -> None:
    """Copy a parcel into an empty folder, which is then a run.

    Raises:
        FileNotFoundError: If a file is missing.
        ValueError: If a name, size or digest is wrong, a link leads elsewhere,
            something lies there that is not listed, or the model cannot be read.
    """
    files = read_manifest(parcel, digest)
    _check_strangers(parcel, set(files))
    for name, entry in files.items():
        source, target = parcel / name, folder / name
        _require_own(parcel, name)
        target.parent.mkdir(parents=True, exist_ok=True)
        # Checked after copying: what is checked is what is kept.
        shutil.copyfile(source, target)
        if (
            target.stat().st_size != entry["bytes"]
            or file_digest(target) != entry["sha256"]
        ):
            raise ValueError(
                f"{name!r} is damaged: it is not the file that the manifest lists. "
                "Fetch it again; nothing was kept."
            )
        if name.endswith(".json"):
            load_json(target)
    read_lines(folder / "metrics.jsonl")
    Run.open(folder).load_model()


@contextmanager
def in_place_of(target: Path, overwrite: bool) -> Iterator[Path]:
    """An empty folder that takes the place of another when all went well.

    Raises:
        FileExistsError: If the place is taken and `overwrite` is not set, or what is
            there is neither a run nor a parcel.
    """
    require_free(target, overwrite)
    target.parent.mkdir(parents=True, exist_ok=True)
    mark = f"{os.getpid()}-{target.name}"
    fresh, old = target.parent / f".tmp-{mark}", target.parent / f".old-{mark}"
    fresh.mkdir()
    try:
        yield fresh
        if target.exists():
            target.rename(old)
        fresh.rename(target)
    finally:
        if old.exists() and not target.exists():
            old.rename(target)
        shutil.rmtree(fresh, ignore_errors=True)
        shutil.rmtree(old, ignore_errors=True)


def require_free(target: Path, overwrite: bool) -> None:
    """Refuse a place that is taken, see `in_place_of`."""
    if not target.exists() or (target.is_dir() and not any(target.iterdir())):
        return
    ours = any((target / name).is_file() for name in (MANIFEST, "env.json"))
    if not (target.is_dir() and ours):
        raise FileExistsError(
            f"{str(target)!r} exists and is neither a run nor a parcel; it is never "
            "overwritten. Choose another path."
        )
    if not overwrite:
        raise FileExistsError(
            f"{str(target)!r} already exists; choose another path, or replace it with "
            "--overwrite."
        )


def fetch_checked(fetch: Callable[[list[str]], Path], digest: str | None) -> Path:
    """Fetch a parcel from afar: its manifest first, and the rest if that is in order.

    Args:
        fetch: From patterns of names to the folder where the files then lie.
        digest: Of the manifest, if it is known.
    """
    read_manifest(fetch([MANIFEST]), digest)
    return fetch(list(PATTERNS))


def _files(folder: Path) -> Iterator[str]:
    """Names below a folder, with slashes; what is hidden is no part of anything."""
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder)
        if path.is_dir() and not path.is_symlink():
            continue
        if not any(part.startswith(".") for part in name.parts):
            yield name.as_posix()


def _check_strangers(parcel: Path, known: set[str]) -> None:
    strangers = sorted(set(_files(parcel)) - known - {MANIFEST})
    if strangers:
        raise ValueError(
            f"{str(parcel)!r} holds {', '.join(strangers[:5])}, which its manifest "
            "does not list. A parcel holds no pickles and nothing unknown; remove it, "
            "or fetch another one."
        )


def _check_entry(name: object, entry: object) -> None:
    if not isinstance(name, str) or not _ALLOWED.fullmatch(name):
        raise ValueError(
            f"the manifest lists {name!r}, which no run has; only known names without "
            "pickles are taken."
        )
    size = entry.get("bytes") if isinstance(entry, dict) else None
    sha = entry.get("sha256") if isinstance(entry, dict) else None
    whole = isinstance(size, int) and not isinstance(size, bool) and size >= 0
    if not whole or not isinstance(sha, str) or not _SHA256.fullmatch(sha):
        raise ValueError(
            f"the manifest says {entry!r} of {name!r}; expected 'bytes' and 'sha256'."
        )
    assert isinstance(size, int)
    _check_size(name, size)


def _check_size(name: str, size: int) -> None:
    largest = LARGEST[Path(name).suffix]
    if size > largest:
        raise ValueError(f"{name!r} has {size} bytes; at most {largest} are taken.")


def _require_own(parcel: Path, name: str) -> None:
    """A file of its own: neither a link nor below one."""
    path = parcel / name
    inside = [path, *list(path.parents)[: len(Path(name).parts) - 1]]
    if any(part.is_symlink() for part in inside):
        raise ValueError(
            f"{name!r} is a link that leads elsewhere; it is not followed."
        )
    if not path.is_file():
        raise FileNotFoundError(f"{name!r} is missing in {str(parcel)!r}.")
    _check_size(name, path.stat().st_size)
