"""Files that hold several episodes each: parquet tables and videos."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from telos.data.formats.lerobot.tables import Clip

if TYPE_CHECKING:
    import pyarrow as pa

Images = Literal["h264", "lossless", "png"]

CHUNK_FILES = 1000
"""Files in a folder."""
DATA_BYTES = 100 * 2**20
"""Size from which a new parquet file is begun."""
VIDEO_BYTES = 200 * 2**20
"""Size from which a new video is begun."""
GROUP_BYTES = 16 * 2**20
"""Size from which buffered rows are written as a row group."""
GROUP_ROWS = 4096
"""Number of rows from which they are."""
KEY_FRAMES = 2
"""Every so many frames one is complete: training reads single frames at random."""


def numbered(number: int) -> tuple[int, int]:
    """Chunk and file of the n-th file."""
    return divmod(number, CHUNK_FILES)


class TableShards:
    """Parquet files of limited size.

    Args:
        folder: Where chunks are made.
        schema: Of all rows.
        limit: Bytes from which a new file is begun.
    """

    def __init__(
        self, folder: Path, schema: pa.Schema, limit: int = DATA_BYTES
    ) -> None:
        self._folder, self._schema, self._limit = folder, schema, limit
        self._number = -1
        self._writer: Any = None
        self._sink: Any = None
        self._held: list[pa.Table] = []
        self._held_rows, self._held_bytes = 0, 0

    @property
    def place(self) -> tuple[int, int]:
        """Chunk and file that the next rows go to."""
        if self._writer is None or self._sink.tell() >= self._limit:
            self._begin()
        return numbered(self._number)

    def add(self, table: pa.Table) -> None:
        """Append rows to the file that `place` named."""
        self._held.append(table)
        self._held_rows += table.num_rows
        self._held_bytes += table.nbytes
        if self._held_rows >= GROUP_ROWS or self._held_bytes >= GROUP_BYTES:
            self._flush()

    def close(self) -> None:
        self._flush()
        if self._writer is not None:
            self._writer.close()
            self._sink.close()
        self._writer = None

    def _begin(self) -> None:
        import pyarrow.parquet as pq

        self.close()
        self._number += 1
        chunk, file = numbered(self._number)
        path = self._folder / f"chunk-{chunk:03d}" / f"file-{file:03d}.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        self._sink = path.open("wb")
        self._writer = pq.ParquetWriter(self._sink, self._schema)

    def _flush(self) -> None:
        import pyarrow as pa

        if self._held:
            self._writer.write_table(pa.concat_tables(self._held))
        self._held, self._held_rows, self._held_bytes = [], 0, 0


class VideoShards:
    """Videos of limited size of one camera.

    Args:
        folder: Where chunks are made.
        size: Height and width.
        fps: Frames per second.
        lossless: Keep every pixel, in a kind of H.264 that browsers do not play.
        limit: Bytes from which a new file is begun.
    """

    def __init__(
        self,
        folder: Path,
        size: tuple[int, int],
        fps: float,
        *,
        lossless: bool,
        limit: int = VIDEO_BYTES,
    ) -> None:
        self._folder, self._size, self._limit = folder, size, limit
        self._rate = Fraction(fps).limit_denominator(1001)
        self.codec, self.pixel_format, self._options = _coding(size, lossless)
        self._number, self._frames = -1, 0
        self._container: Any = None
        self._stream: Any = None
        self._path = folder

    def add(self, pictures: np.ndarray) -> Clip:
        """Append an episode's (N, H, W, 3) uint8 pictures and say where they lie."""
        import av

        full = self._path.is_file() and self._path.stat().st_size >= self._limit
        if self._container is None or full:
            self._begin()
        container: Any = self._container
        start = float(self._frames / self._rate)
        for picture in pictures:
            frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "rgb24")
            frame.pts, frame.time_base = self._frames, 1 / self._rate
            container.mux(self._stream.encode(frame))
            self._frames += 1
        return Clip(*numbered(self._number), start)

    def close(self) -> None:
        if self._container is not None:
            self._container.mux(self._stream.encode())
            self._container.close()
        self._container = None

    def _begin(self) -> None:
        import av

        self.close()
        self._number, self._frames = self._number + 1, 0
        chunk, file = numbered(self._number)
        self._path = self._folder / f"chunk-{chunk:03d}" / f"file-{file:03d}.mp4"
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._container = av.open(str(self._path.absolute()), "w", format="mp4")
        stream = self._container.add_stream(
            self.codec, rate=self._rate, options=self._options
        )
        stream.height, stream.width = self._size
        stream.pix_fmt = self.pixel_format
        stream.gop_size, stream.max_b_frames = KEY_FRAMES, 0
        stream.time_base = 1 / self._rate
        self._stream = stream


def _coding(size: tuple[int, int], lossless: bool) -> tuple[str, str, dict[str, str]]:
    """Codec, pixel format and options."""
    if lossless:
        return "libx264rgb", "rgb24", {"qp": "0"}
    # Colour at half resolution, which everything plays, needs even sides.
    even = size[0] % 2 == 0 and size[1] % 2 == 0
    return "libx264", "yuv420p" if even else "yuv444p", {"crf": "18"}


def png_column(pictures: np.ndarray) -> pa.Array:
    """(N, H, W, 3) uint8 pictures as a column of PNG files."""
    import pyarrow as pa

    cells = [{"bytes": _png(picture), "path": None} for picture in pictures]
    return pa.array(cells, png_type())


def png_type() -> pa.DataType:
    """The column type of pictures, that of Hugging Face's ``Image``."""
    import pyarrow as pa

    return pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def _png(picture: np.ndarray) -> bytes:
    from PIL import Image

    buffer = io.BytesIO()
    Image.fromarray(picture).save(buffer, format="PNG")
    return buffer.getvalue()
