"""Episodes as small data for the player: frames as image reels, drawings as numbers.

A reel is a stack of frames in one PNG. Frames of an episode differ in few pixels, and
stacked one below the other the previous frame lies within the 32 KiB that deflate looks
back, so that a frame of 12 KiB takes a few hundred bytes.
"""

from __future__ import annotations

import base64
import json
import re
import struct
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from telos.report.zones import Extent, parse_zones

REEL_FRAMES = 128
"""Frames per reel: 64-pixel frames then stay below browsers' limits on image height."""
REEL_BYTES = 600_000
"""Budget of one episode; above it every second frame is dropped, and so on."""
MAX_FUTURES = 8
"""Imagined futures drawn per decision."""
SCENE_FRAMES = 25
"""Frames whose median is the scene; more only take longer."""
GHOST_CONTRAST = 24
"""Difference in brightness levels (of 255) from which a goal pixel is shown."""


@dataclass(frozen=True, kw_only=True)
class View:
    """What another camera saw in an episode."""

    name: str
    reels: Sequence[str]
    size: tuple[int, int]
    """Width and height of a frame, pixels."""


@dataclass(frozen=True, kw_only=True)
class Replay:
    """One recorded episode; places are thousandths of the image from its top left."""

    seed: int
    success: bool
    reels: Sequence[str]
    """PNG stacks as base64, ``REEL_FRAMES`` frames each."""
    size: tuple[int, int]
    """Width and height of a frame, pixels."""
    stride: int
    """Steps per kept frame."""
    steps: int
    path: Sequence[Sequence[int]]
    """Position at every step; empty where positions have no place in the image."""
    imagined: Sequence[Sequence[Sequence[int]]]
    """Per decision, a flat x, y, x, y list for each future."""
    routes: Sequence[Sequence[int]]
    """Flat x, y, x, y lists of the routes that were followed, each of them once."""
    route_of: Sequence[int]
    """Per decision, which of the routes it followed."""
    decisions: Sequence[int]
    """Step at which each decision was taken."""
    status: Sequence[str]
    goal: tuple[int, int] | None
    """Where the goal image differs from the background, if that is one place."""
    ghost: str | None
    """PNG with what only the goal image shows, the rest transparent."""
    zones: Sequence[Mapping[str, Any]]
    others: Sequence[View] = ()
    """Other cameras, at the same steps."""

    def to_json(self) -> dict[str, Any]:
        """What the player reads."""
        return asdict(self)


def load_replays(path: Path, limit: int, unit: str) -> list[Replay]:
    """The first ``limit`` episodes of a traces file; failures were recorded first.

    Args:
        path: The file.
        limit: How many episodes to read at most.
        unit: Unit of positions. Without a recorded extent, positions in ``px`` are
            drawn where they say and positions in other units are not drawn.

    Raises:
        ValueError: If the file is damaged or lacks an array that a replay needs.
    """
    try:
        with np.load(path, allow_pickle=False) as arrays:
            indices = sorted(
                int(key.removeprefix("frames_"))
                for key in arrays.files
                if key.removeprefix("frames_").isdigit()
            )
            return [_replay(arrays, index, unit) for index in indices[:limit]]
    except (OSError, KeyError, ValueError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path.name} could not be read ({error}). Run `telos evaluate` again."
        ) from error


def _replay(arrays: Mapping[str, np.ndarray], index: int, unit: str) -> Replay:
    frames = np.asarray(arrays[f"frames_{index}"])
    extent = _extent(arrays, frames, unit)
    ghost, marker = _goal(arrays, index, frames, extent)
    others = _cameras(arrays, index)
    stride, reels = _reels([frames, *others.values()])
    routes, route_of = _routes(_optional(arrays, f"route_{index}"), extent)
    return Replay(
        seed=int(_scalar(arrays, f"seed_{index}", index)),
        success=bool(_scalar(arrays, f"success_{index}", 0)),
        reels=reels[0],
        size=(frames.shape[2], frames.shape[1]),
        stride=stride,
        steps=len(frames) - 1,
        path=_path(arrays[f"positions_{index}"], extent),
        imagined=_imagined(_optional(arrays, f"imagined_{index}"), extent),
        routes=routes,
        route_of=route_of,
        decisions=_optional(arrays, f"decision_steps_{index}").astype(int).tolist(),
        status=_statuses(_optional(arrays, f"status_{index}")),
        goal=marker,
        ghost=ghost,
        zones=parse_zones(_zones_json(arrays, index), extent) if extent else [],
        others=[
            View(name=name, reels=own, size=(seen.shape[2], seen.shape[1]))
            for (name, seen), own in zip(others.items(), reels[1:], strict=True)
        ],
    )


def _cameras(arrays: Mapping[str, np.ndarray], index: int) -> dict[str, np.ndarray]:
    """Frames of the other cameras by name."""
    key = re.compile(rf"camera-(.+)_{index}")
    found = {match[1]: name for name in arrays if (match := key.fullmatch(name))}
    return {name: np.asarray(arrays[found[name]]) for name in found}


def _scalar(arrays: Mapping[str, np.ndarray], key: str, default: float) -> float:
    return np.asarray(arrays[key]).item() if key in arrays else default


def _optional(arrays: Mapping[str, np.ndarray], key: str) -> np.ndarray:
    return np.asarray(arrays[key]) if key in arrays else np.zeros(0)


def _extent(
    arrays: Mapping[str, np.ndarray], frames: np.ndarray, unit: str
) -> Extent | None:
    """World units that the image spans, if they are known."""
    if "extent" in arrays:
        x0, x1, y0, y1 = (float(v) for v in np.asarray(arrays["extent"]).reshape(4))
        return Extent(x0=x0, x1=x1, y0=y0, y1=y1)
    if unit == "px":
        return Extent(x0=0, x1=frames.shape[2], y0=0, y1=frames.shape[1])
    return None


def _path(positions: np.ndarray, extent: Extent | None) -> list[list[int]]:
    """Positions up to the first that is not finite."""
    if extent is None:
        return []
    finite = np.atleast_1d(np.isfinite(positions).all(-1))
    known = len(finite) if finite.all() else int(np.argmin(finite))
    return extent.shares(positions[:known]).tolist()


def _zones_json(arrays: Mapping[str, np.ndarray], index: int) -> Any:
    """Zones of the episode, else those of the whole evaluation."""
    key = f"zones_{index}" if f"zones_{index}" in arrays else "zones"
    written = str(_scalar(arrays, key, 0)) if key in arrays else ""
    return json.loads(written) if written else []


def _imagined(futures: np.ndarray, extent: Extent | None) -> list[list[list[int]]]:
    """Futures of every decision; those with a NaN are not drawn."""
    if extent is None or futures.ndim != 4:
        return []
    return [
        [extent.shares(f).ravel().tolist() for f in decision if np.isfinite(f).all()]
        for decision in futures[:, :MAX_FUTURES]
    ]


def _routes(
    routes: np.ndarray, extent: Extent | None
) -> tuple[list[list[int]], list[int]]:
    """Routes up to their ends; one that several decisions followed is kept once."""
    if extent is None or routes.ndim != 3:
        return [], []
    drawn: list[list[int]] = []
    followed = []
    for route in routes:
        known = np.isfinite(route).all(-1)
        flat = extent.shares(route[known]).ravel().tolist()
        if not drawn or drawn[-1] != flat:
            drawn.append(flat)
        followed.append(len(drawn) - 1)
    return drawn, followed


def _statuses(values: np.ndarray) -> list[str]:
    """Names; integers are indices into the order of ``types.Status``."""
    names = ("certified", "backup", "infeasible")
    if values.dtype.kind in "iuf":
        return [names[int(v)] if 0 <= v < len(names) else "" for v in values]
    return [v.decode() if isinstance(v, bytes) else str(v) for v in values.tolist()]


def _goal(
    arrays: Mapping[str, np.ndarray],
    index: int,
    frames: np.ndarray,
    extent: Extent | None,
) -> tuple[str | None, tuple[int, int] | None]:
    """Ghost image and marker of the goal."""
    image = _optional(arrays, f"goal_{index}")
    exact = _optional(arrays, f"goal_position_{index}")
    known = extent is not None and exact.size == 2 and np.isfinite(exact).all()
    marker = extent.shares(exact.reshape(2)) if extent is not None and known else None
    if image.shape != frames.shape[1:]:
        return None, tuple(marker.tolist()) if marker is not None else None
    alpha = _only_in_goal(image, frames)
    ghost = png(np.concatenate([image.astype(np.uint8), alpha[..., None]], axis=-1))
    marker = _one_place(alpha) if marker is None else marker
    return ghost, tuple(marker.tolist()) if marker is not None else None


def _only_in_goal(image: np.ndarray, frames: np.ndarray) -> np.ndarray:
    """(H, W) opacity of what the goal image shows beyond the scene.

    The median over an episode is the scene without a moving agent, but with one that
    rests; the first frame is the scene with the agent at its start. The agent of the
    goal image differs from both.
    """
    goal = image.astype(float)
    sampled = frames[:: max(len(frames) // SCENE_FRAMES, 1)]
    scenes = (np.median(sampled, axis=0), frames[0].astype(float))
    contrast = np.min([np.abs(goal - s).max(axis=-1) for s in scenes], axis=0)
    return np.clip((contrast - GHOST_CONTRAST) * 3, 0, 200).astype(np.uint8)


def _one_place(alpha: np.ndarray) -> np.ndarray | None:
    """Centre of what is visible, in thousandths of the image, if it is compact."""
    rows, columns = np.nonzero(alpha)
    if len(rows) == 0:
        return None
    shares = np.stack([columns + 0.5, rows + 0.5], -1) / np.array(alpha.shape[::-1])
    weights = alpha[rows, columns].astype(float)
    centre = np.average(shares, axis=0, weights=weights)
    spread = np.sqrt(np.average((shares - centre) ** 2, axis=0, weights=weights))
    return np.rint(1000 * centre).astype(int) if spread.max() < 0.1 else None


def _reels(films: Sequence[np.ndarray]) -> tuple[int, list[list[str]]]:
    """Stride, and PNG stacks of each film, that fit the budget together."""
    stride = 1
    while True:
        reels = [_stacks(film[::stride]) for film in films]
        size = sum(len(reel) for own in reels for reel in own)
        if size <= REEL_BYTES or len(films[0][::stride]) <= 2:
            return stride, reels
        stride *= 2


def _stacks(kept: np.ndarray) -> list[str]:
    return [
        png(kept[i : i + REEL_FRAMES].reshape(-1, *kept.shape[2:]))
        for i in range(0, len(kept), REEL_FRAMES)
    ]


def png(image: np.ndarray) -> str:
    """A (H, W, 3) or (H, W, 4) uint8 image as base64 PNG, the same bytes every time.

    Source: PNG specification, section 11; filter 0 keeps equal rows equal, which is
    what makes stacks of similar frames small.
    """
    height, width, channels = image.shape
    if channels not in (3, 4) or image.dtype != np.uint8:
        raise ValueError(
            f"an image is (H, W, 3|4) uint8, got {image.shape} {image.dtype}"
        )
    header = struct.pack(
        ">IIBBBBB", width, height, 8, 2 if channels == 3 else 6, 0, 0, 0
    )
    rows = np.zeros((height, 1 + width * channels), np.uint8)
    rows[:, 1:] = image.reshape(height, -1)
    body = zlib.compress(rows.tobytes(), 9)
    chunks = _chunk(b"IHDR", header) + _chunk(b"IDAT", body) + _chunk(b"IEND", b"")
    return base64.b64encode(b"\x89PNG\r\n\x1a\n" + chunks).decode()


def _chunk(kind: bytes, body: bytes) -> bytes:
    check = zlib.crc32(kind + body)
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", check)
