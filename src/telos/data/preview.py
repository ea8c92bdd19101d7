"""Pictures of a recording: a contact sheet (PNG) and a preview video (MP4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from telos.data.recording import spread
from telos.data.store import EpisodeFile
from telos.envs.world import StreamSpec, WorldSpec
from telos.types import Episode

SMALLEST_TILE = 96
"""Shorter side of a frame on a contact sheet, pixels."""
SMALLEST_VIDEO = 256
"""Shorter side of a video, pixels."""
GAP = 4
CAPTION = 14
BACKGROUND = (250, 250, 248)
INK = (60, 60, 66)

Place = tuple[int, int]
"""Episode, and frame within it."""


def is_image(stream: StreamSpec) -> bool:
    """Whether a stream holds images: uint8 (H, W, 3) or (H, W, 1)."""
    shape = stream.shape
    return stream.dtype == "uint8" and len(shape) == 3 and shape[2] in (1, 3)


def image_streams(spec: WorldSpec) -> list[str]:
    """Names of all streams that hold images."""
    return [name for name, stream in spec.streams.items() if is_image(stream)]


def cameras(spec: WorldSpec) -> list[str]:
    """Names of all streams that can be drawn.

    Raises:
        ValueError: If there is none.
    """
    names = image_streams(spec)
    if not names:
        raise ValueError(
            f"world {spec.id!r} has no image stream to draw; its streams are "
            f"{sorted(spec.streams)}"
        )
    return names


def evenly_spaced(
    file: EpisodeFile, episodes: int, frames: int
) -> Mapping[str, list[list[Place]]]:
    """Places that show a recording: for each image stream, rows of frames.

    Args:
        file: The recording.
        episodes: Most rows, evenly spaced in the file.
        frames: Most frames of a row, from the first to the last of its episode.
    """
    rows = [
        [(int(e), int(t)) for t in spread(int(file.lengths[e]), frames)]
        for e in spread(file.num_episodes, episodes)
    ]
    return dict.fromkeys(image_streams(file.spec), rows)


def frames_of(
    file: EpisodeFile, stream: str, places: Sequence[Place]
) -> list[np.ndarray]:
    """(H, W, 3) uint8 images at some places of a file, read one by one."""
    name = f"observations/{stream}"
    rows = [int(file.starts[episode]) + frame for episode, frame in places]
    images = [file.read(name, [(row, row + 1)])[0] for row in rows]
    return [np.broadcast_to(image, (*image.shape[:2], 3)) for image in images]


def contact_sheet(
    episodes: Sequence[Episode], *streams: str, columns: int = 8
) -> np.ndarray:
    """A row per episode and camera, frames evenly spaced from the first to the last.

    Args:
        episodes: At least one.
        streams: At least one image stream, see `cameras`.
        columns: Most frames per row.

    Returns:
        (H, W, 3) uint8.
    """
    rows = [
        _sheet_row(episode, stream, columns)
        for episode in episodes
        for stream in streams
    ]
    width = max(row.shape[1] for row in rows)
    height = sum(row.shape[0] for row in rows) + GAP
    sheet = np.full((height, width, 3), BACKGROUND, np.uint8)
    top = GAP
    for row in rows:
        sheet[top : top + row.shape[0], : row.shape[1]] = row
        top += row.shape[0]
    return sheet


def enlarge(frame: np.ndarray, smallest: int) -> np.ndarray:
    """Repeat pixels until the shorter side has at least ``smallest``; grey to RGB.

    Args:
        frame: (H, W, 3) or (H, W, 1) uint8.
        smallest: Pixels of the shorter side.
    """
    factor = max(1, -(-smallest // min(frame.shape[:2])))
    large = frame.repeat(factor, axis=0).repeat(factor, axis=1)
    return np.broadcast_to(large, (*large.shape[:2], 3))


def side_by_side(films: Sequence[Iterable[np.ndarray]]) -> Iterator[np.ndarray]:
    """(H, W, 3) frames of several cameras in one, each enlarged to about one height.

    Args:
        films: Of each camera, as many (H, W, 3) or (H, W, 1) uint8 frames.
    """
    for frames in zip(*films, strict=True):
        large = [enlarge(frame, SMALLEST_VIDEO) for frame in frames]
        height = max(frame.shape[0] for frame in large)
        yield np.concatenate([_padded(frame, height) for frame in large], axis=1)


def _padded(frame: np.ndarray, height: int) -> np.ndarray:
    below = np.full((height - len(frame), frame.shape[1], 3), BACKGROUND, np.uint8)
    return np.concatenate([frame, below])


def write_png(path: Path, image: np.ndarray) -> None:
    """Write an (H, W, 3) uint8 image, atomically."""
    from PIL import Image

    with _atomic(path) as temporary:
        Image.fromarray(image).save(temporary, format="PNG")


def write_video(path: Path, frames: Iterable[np.ndarray], fps: int = 20) -> None:
    """Write (H, W, 3) uint8 frames as H.264 yuv420p in MP4, atomically.

    Frames are enlarged to at least 256 pixels, without interpolation.
    """
    with _atomic(path) as temporary:
        _encode(temporary, frames, fps)


@contextmanager
def _atomic(path: Path) -> Iterator[Path]:
    """Yield a name to write under; the file then appears under its own, whole."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def _encode(path: Path, frames: Iterable[np.ndarray], fps: int) -> None:
    import av

    options = {"movflags": "faststart", "brand": "mp42"}
    with av.open(str(path), "w", format="mp4", options=options) as container:
        stream = container.add_stream("libx264", rate=fps, options={"crf": "18"})
        stream.pix_fmt = "yuv420p"
        for index, frame in enumerate(frames):
            image = _even(enlarge(frame, SMALLEST_VIDEO))
            if index == 0:
                stream.height, stream.width = image.shape[:2]
            picture = av.VideoFrame.from_ndarray(np.ascontiguousarray(image))
            container.mux(stream.encode(picture))
        container.mux(stream.encode())


def _even(image: np.ndarray) -> np.ndarray:
    """yuv420p halves both sides; an odd last row or column is repeated."""
    height, width = image.shape[:2]
    return np.pad(image, ((0, height % 2), (0, width % 2), (0, 0)), mode="edge")


def _sheet_row(episode: Episode, stream: str, columns: int) -> np.ndarray:
    frames = episode.observations[stream]
    chosen = np.unique(np.linspace(0, len(frames) - 1, columns).astype(int))
    tiles = [enlarge(frames[index], SMALLEST_TILE) for index in chosen]
    gutter = np.full((tiles[0].shape[0], GAP, 3), BACKGROUND, np.uint8)
    strip = np.concatenate([part for tile in tiles for part in (gutter, tile)], axis=1)
    strip = np.concatenate([strip, gutter], axis=1)
    caption = _caption(f"{stream}   {_describe(episode, chosen)}", strip.shape[1])
    below = np.full((GAP, strip.shape[1], 3), BACKGROUND, np.uint8)
    return np.concatenate([caption, strip, below])


def _describe(episode: Episode, frames: np.ndarray) -> str:
    layout = ", ".join(f"{name} {value:.4g}" for name, value in episode.layout.items())
    shown = ", ".join(str(index) for index in frames)
    return f"seed {episode.seed}   {layout}   frames {shown}"


def _caption(text: str, width: int) -> np.ndarray:
    from PIL import Image, ImageDraw

    image = Image.new("RGB", (width, CAPTION), BACKGROUND)
    ImageDraw.Draw(image).text((GAP, 1), text, fill=INK)
    return np.asarray(image)
