"""Pretrained vision transformers in the format of the Hugging Face Hub.

The only file that knows `transformers`; it needs telos[pretrained]. A checkpoint is a
folder with config.json, preprocessor_config.json and *.safetensors. Pickles are never
read and code that lies beside the weights is never run.
"""

from __future__ import annotations

import hashlib
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor, nn

from telos.config import file_digest, load_json
from telos.runs.hub import fetch_shared

PLACES = "TELOS_PRETRAINED"
"""Environment variable: folders of checkpoints, separated as in PATH. Whichever has the
digest that a run wants is used, wherever the run says that it lay."""
PATTERNS = ("config.json", "preprocessor_config.json", "*.safetensors*")
"""What belongs to a checkpoint."""
_HUB = re.compile(r"([A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*)(?:@([\w.-]+))?")


@dataclass(frozen=True, kw_only=True)
class Preprocessing:
    """How a checkpoint wants its images."""

    size: tuple[int, int]
    """Height and width, pixels."""
    scale: float
    """Levels of 0 to 255 are multiplied by this first."""
    mean: tuple[float, ...]
    std: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """A network that is never trained here, and how it wants its images."""

    network: nn.Module
    """From normalised images (n, 3, H, W) to tokens (n, N, D), patches row by row at
    the end, whatever the network adds before them."""
    patch: int
    """Side of a patch, pixels."""
    width: int
    """Numbers of a token."""
    preprocessing: Preprocessing

    @property
    def grid(self) -> tuple[int, int]:
        """Rows and columns of patches."""
        height, width = self.preprocessing.size
        return height // self.patch, width // self.patch


class _Tokens(nn.Module):
    """The last hidden state of a transformer, as a plain function."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, pixels: Float[Tensor, "n 3 H W"]) -> Float[Tensor, "n N D"]:
        return self.network(pixel_values=pixels).last_hidden_state


def load_pretrained(place: str, digest: str = "") -> Checkpoint:
    """A checkpoint, checked.

    Args:
        place: A folder, or owner/name or owner/name@revision on the hub, which is
            downloaded unless this machine has it.
        digest: Of the checkpoint that is wanted; any if empty.

    Raises:
        FileNotFoundError: If it is not there.
        ModuleNotFoundError: If telos[pretrained] is not installed.
        ValueError: If it is another checkpoint, or of a kind that cannot be used.
    """
    folder = find_checkpoint(place, digest)
    return _load(folder, checkpoint_digest(folder))


def find_checkpoint(place: str, digest: str = "") -> Path:
    """The folder of a checkpoint; errors as of `load_pretrained`."""
    for folder in _elsewhere() if digest else ():
        if checkpoint_digest(folder) == digest:
            return folder
    folder = _locate(place)
    if not (folder / "config.json").is_file():
        raise FileNotFoundError(
            f"the pretrained weights {place!r}"
            + (f" (digest {digest[:16]}...)" if digest else "")
            + " are not on this machine. Give a folder with config.json, "
            "preprocessor_config.json and model.safetensors, or owner/name of the hub; "
            f"for a run that was trained elsewhere, name that folder in {PLACES}."
        )
    found = checkpoint_digest(folder)
    if digest and found != digest:
        raise ValueError(
            f"the pretrained weights in {str(folder)!r} have the digest "
            f"{found[:16]}..., but this run was trained on {digest[:16]}...: what it "
            f"learned means nothing on others. Name the right folder in {PLACES}."
        )
    return folder


def checkpoint_digest(folder: Path) -> str:
    """SHA-256 over configuration, preprocessing and weights, by name and content.

    Raises:
        ValueError: If there are no safetensors.
    """
    names = sorted({path.name for p in PATTERNS for path in folder.glob(p)})
    if not any(name.endswith(".safetensors") for name in names):
        raise ValueError(
            f"{str(folder)!r} holds no .safetensors file; pickles (.bin, .pt) can run "
            "code and are not read. Convert the weights, or take a checkpoint that has "
            "them"
        )
    whole = hashlib.sha256()
    for name in names:
        whole.update(f"{name} {file_digest(folder / name)}\n".encode())
    return whole.hexdigest()


def hub_name(place: str) -> tuple[str, str | None] | None:
    """Repository and revision of a place on the hub; None for a folder."""
    if Path(place).is_dir():
        return None
    match = _HUB.fullmatch(place)
    return None if match is None else (match[1], match[2])


def _locate(place: str) -> Path:
    on_hub = hub_name(place)
    if on_hub is None:
        return Path(place).expanduser()
    _library()  # what is downloaded could not be read without it
    return fetch_shared(*on_hub, PATTERNS)


def _elsewhere() -> Iterator[Path]:
    """Checkpoints that the environment names."""
    for name in os.environ.get(PLACES, "").split(os.pathsep):
        if name and (Path(name) / "config.json").is_file():
            yield Path(name)


def _library() -> Any:
    return import_module("transformers")


@lru_cache(maxsize=2)
def _load(folder: Path, digest: str) -> Checkpoint:
    """Read a checkpoint; `digest` only says whether it is the same as before."""
    described = load_json(folder / "config.json")
    library = _library()
    own = {"trust_remote_code": False, "local_files_only": True}
    network = library.AutoModel.from_pretrained(
        str(folder), use_safetensors=True, **own
    )
    kind = described.get("model_type")
    wanted = getattr(network, "main_input_name", "pixel_values")
    patch, width = (_number(described, k) for k in ("patch_size", "hidden_size"))
    if wanted != "pixel_values" or patch is None or width is None:
        raise ValueError(
            f"{str(folder)!r} is a {kind!r}, which is no transformer over patches of "
            "single images; take one such as DINOv2, ViT, I-JEPA or the vision part of "
            "CLIP or SigLIP"
        )
    preprocessing = read_preprocessing(folder)
    checkpoint = Checkpoint(
        network=_Tokens(network).float().eval().requires_grad_(False),
        patch=patch,
        width=width,
        preprocessing=preprocessing,
    )
    _check_tokens(checkpoint, folder)
    return checkpoint


@torch.no_grad()
def _check_tokens(checkpoint: Checkpoint, folder: Path) -> None:
    rows, columns = checkpoint.grid
    example = torch.zeros(1, 3, *checkpoint.preprocessing.size)
    tokens = checkpoint.network(example)
    if tokens.ndim != 3 or tokens.shape[1] < rows * columns:
        raise ValueError(
            f"{str(folder)!r} turns an image into {tuple(tokens.shape)}; expected "
            f"(1, N, D) with at least {rows} x {columns} patches"
        )


def read_preprocessing(folder: Path) -> Preprocessing:
    """What preprocessor_config.json says.

    A crop of the middle is taken as the size of the whole image: what is cropped away
    could be what the agent acts on.

    Raises:
        ValueError: If the file is missing or names no size.
    """
    path = folder / "preprocessor_config.json"
    if not path.is_file():
        raise ValueError(
            f"{str(folder)!r} has no preprocessor_config.json, so that nobody knows "
            "which images its network expects; copy it from where the weights come from"
        )
    said = load_json(path)
    size = _sides(said.get("crop_size") if said.get("do_center_crop") else None)
    size = size or _sides(said.get("size"))
    if size is None:
        raise ValueError(f"{str(path)!r} names no size that images should have")
    normal = said.get("do_normalize", True)
    return Preprocessing(
        size=size,
        scale=said.get("rescale_factor", 1 / 255) if said.get("do_rescale", 1) else 1.0,
        mean=tuple(said["image_mean"]) if normal else (0.0, 0.0, 0.0),
        std=tuple(said["image_std"]) if normal else (1.0, 1.0, 1.0),
    )


def _sides(size: Any) -> tuple[int, int] | None:
    """Height and width of any way to write a size."""
    if isinstance(size, Mapping) and "height" in size:
        return int(size["height"]), int(size["width"])
    if isinstance(size, Mapping):
        size = size.get("shortest_edge")
    return None if size is None else (int(size), int(size))


def _number(described: Mapping[str, Any], name: str) -> int | None:
    value = described.get(name)
    return value if isinstance(value, int) else None
