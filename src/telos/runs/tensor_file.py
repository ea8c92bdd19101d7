"""Tensors with their description in one safetensors file, written as a whole.

The description lives in the header of the same file, so that the two cannot come apart
when a process is killed between two writes. A checksum finds flipped and missing bytes.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from telos.config import atomic_write

if TYPE_CHECKING:
    from torch import Tensor

_KEY = "telos"
"""The one entry of the safetensors header that is ours."""


def save_tensors(
    path: str | Path, tensors: Mapping[str, Tensor], description: Mapping[str, Any]
) -> Path:
    """Write tensors and a JSON description as one atomic file.

    Args:
        path: The file, `.safetensors`.
        tensors: By name; copied to the CPU, dtypes kept.
        description: Anything that strict JSON can hold, floats exact.

    Raises:
        OSError: If the disk is full; an existing file is left as it was.
        ValueError: If the description holds NaN or infinity.
    """
    from safetensors.torch import save

    copies = {
        name: tensor.detach().to("cpu", copy=True).contiguous()
        for name, tensor in tensors.items()
    }
    header = {"description": description, "checksum": _checksum(copies)}
    content = save(copies, {_KEY: json.dumps(header, allow_nan=False)})
    return atomic_write(path, content)


def load_tensors(
    path: str | Path, device: str = "cpu"
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what `save_tensors` wrote.

    Returns:
        The tensors by name, and the description.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it is truncated, damaged, or not ours.
    """
    from safetensors import SafetensorError, safe_open

    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"no tensor file {str(path)!r}; check the path.")
    try:
        with safe_open(path, framework="pt", device="cpu") as file:
            header = (file.metadata() or {}).get(_KEY)
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except SafetensorError as problem:
        raise ValueError(
            f"{str(path)!r} is truncated or not a safetensors file ({problem}). "
            "Use another checkpoint, or make it again."
        ) from problem
    if header is None:
        raise ValueError(
            f"{str(path)!r} was not written by telos: its header has no {_KEY!r} entry."
        )
    meta = json.loads(header)
    if meta["checksum"] != _checksum(tensors):
        raise ValueError(
            f"{str(path)!r} is damaged: its content does not match its checksum. "
            "Use another checkpoint, or make it again."
        )
    return {k: v.to(device) for k, v in tensors.items()}, meta["description"]


def _checksum(tensors: Mapping[str, Tensor]) -> int:
    """CRC-32 over names and bytes, in the order of the names."""
    import torch

    crc = 0
    for name in sorted(tensors):
        crc = zlib.crc32(name.encode(), crc)
        flat = tensors[name].reshape(-1).view(torch.uint8)
        crc = zlib.crc32(flat.numpy().data, crc)
    return crc
