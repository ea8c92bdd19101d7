"""Parquet files as numpy arrays, a few rows at a time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from telos.data.formats.bombs import check_declared

if TYPE_CHECKING:
    import pyarrow as pa
    import pyarrow.parquet as pq

BATCH_ROWS = 256
"""Rows that are decoded at a time: with pictures in them, rows are large."""
CELL_BYTES = 8
"""Bytes of a number in memory."""
BUFFER_BYTES = 2**16
"""Bytes of a column that are read at a time, instead of a whole row group's."""


@contextmanager
def open_parquet(path: Path) -> Iterator[pq.ParquetFile]:
    """Open a parquet file.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged, now or while the block reads it, or claims far
            more numbers than its size lets one expect.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    if not path.is_file():
        raise FileNotFoundError(f"{path} does not exist; download the dataset whole")
    try:
        with pq.ParquetFile(path, buffer_size=BUFFER_BYTES) as file:
            # Runs of equal values weigh nothing, so that a small file may hold rows
            # without end. What its header says of its own size knows no runs either.
            cells = file.metadata.num_rows * file.metadata.num_columns
            check_declared(path, CELL_BYTES * cells)
            yield file
    except (pa.ArrowException, OSError, EOFError) as error:
        raise ValueError(
            f"{path} cannot be read as parquet ({_first_line(error)}); it is truncated "
            "or damaged: restore a whole copy"
        ) from error


def read_columns(path: Path, names: Sequence[str]) -> list[list[Any]]:
    """Whole columns as Python values, in the order of the names.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is damaged, or lacks a column.
    """
    with open_parquet(path) as file:
        check_columns(path, file, names)
        table = file.read(columns=list(names))
        columns = [table.column(name).to_pylist() for name in names]
    for name, column in zip(names, columns, strict=True):
        if None in column:
            raise ValueError(f"{path}: column {name!r} is empty in some rows")
    return columns


def read_texts(path: Path, number: str) -> list[tuple[int, str]]:
    """The rows of a table that has a column of numbers and one of texts.

    The column of texts has several names: it is whatever pandas made of an index.

    Raises:
        ValueError: If the file is damaged, or has no such columns.
    """
    import pyarrow as pa

    with open_parquet(path) as file:
        table = file.read()
    texts = [
        field.name
        for field in table.schema
        if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)
    ]
    if number not in table.column_names or len(texts) != 1:
        raise ValueError(
            f"{path} has columns {table.column_names}, expected {number!r} and one of "
            "text"
        )
    numbers = table.column(number).to_pylist()
    return list(zip(numbers, table.column(texts[0]).to_pylist(), strict=True))


def check_columns(path: Path, file: pq.ParquetFile, names: Sequence[str]) -> None:
    """Refuse a file that lacks a column.

    Raises:
        ValueError: If it does.
    """
    missing = sorted(set(names) - set(file.schema_arrow.names))
    if missing:
        raise ValueError(
            f"{path} has no columns {missing}; it has {file.schema_arrow.names}"
        )


def read_rows(
    path: Path, names: Sequence[str], first: int, lengths: Sequence[int]
) -> Iterator[pa.Table]:
    """Consecutive blocks of rows; row groups before the first are not read.

    Args:
        path: The file.
        names: Columns.
        first: Row at which the first block begins.
        lengths: Rows of each block.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged, lacks a column or has too few rows.
    """
    import pyarrow as pa

    with open_parquet(path) as file:
        check_columns(path, file, names)
        waiting = iter(lengths)
        held, num_held, wanted = [], 0, next(waiting, None)
        for batch in _batches(file, names, first):
            held, num_held = [*held, batch], num_held + batch.num_rows
            while wanted is not None and num_held >= wanted:
                table = pa.Table.from_batches(held)
                yield table.slice(0, wanted)
                held, num_held = table.slice(wanted).to_batches(), num_held - wanted
                wanted = next(waiting, None)
            if wanted is None:
                return
        if wanted is not None:
            raise ValueError(
                f"{path} has {file.metadata.num_rows} rows, fewer than the table of "
                "episodes promises; restore a whole copy"
            )


def _batches(
    file: pq.ParquetFile, names: Sequence[str], first: int
) -> Iterator[pa.RecordBatch]:
    """Rows from ``first`` to the end."""
    group, skip = 0, first
    while group < file.num_row_groups:
        rows = file.metadata.row_group(group).num_rows
        if skip < rows:
            break
        group, skip = group + 1, skip - rows
    groups = list(range(group, file.num_row_groups))
    for batch in file.iter_batches(BATCH_ROWS, row_groups=groups, columns=list(names)):
        if skip < batch.num_rows:
            yield batch.slice(skip)
        skip = max(0, skip - batch.num_rows)


def numbers(table: pa.Table, name: str, shape: tuple[int, ...]) -> np.ndarray:
    """(N, *shape) of a column of numbers or of nested lists of them, in its own type.

    Raises:
        ValueError: If a value is missing, or rows have another shape.
    """
    import pyarrow as pa

    flat = table.column(name).combine_chunks()
    while True:
        if isinstance(flat.type, pa.BaseExtensionType):
            flat = flat.storage
        if not _is_list(flat.type):
            break
        flat = flat.flatten()
    expected = table.num_rows * math.prod(shape)
    if len(flat) != expected or flat.null_count or pa.types.is_nested(flat.type):
        raise ValueError(
            f"column {name!r} holds {len(flat) - flat.null_count} numbers in "
            f"{table.num_rows} rows, expected {expected} (shape {shape})"
        )
    return flat.to_numpy(zero_copy_only=False).reshape(table.num_rows, *shape)


def contents(table: pa.Table, name: str) -> Iterator[bytes]:
    """Encoded pictures of a column, one per row.

    Raises:
        ValueError: If a row holds none.
    """
    for number, cell in enumerate(table.column(name)):
        value = cell.as_py()
        content = value.get("bytes") if isinstance(value, dict) else value
        if not isinstance(content, bytes):
            raise ValueError(
                f"column {name!r} holds no picture in row {number}; pictures have to "
                "be stored in the table"
            )
        yield content


def _is_list(kind: pa.DataType) -> bool:
    import pyarrow as pa

    return (
        pa.types.is_list(kind)
        or pa.types.is_large_list(kind)
        or pa.types.is_fixed_size_list(kind)
    )


def _first_line(error: Exception) -> str:
    return (str(error) or type(error).__name__).splitlines()[0]
