"""Read-outs: frozen maps from a latent state to a quantity with a physical unit.

A guardrail speaks in pixels or metres, a latent does not. A read-out translates; how
well is a number that it carries (`errors`, on held-out data).
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import linear, silu


@dataclass(frozen=True, kw_only=True, eq=False)
class ReadOut:
    """An affine map, or a small SiLU network, with nothing left to train.

    Input and output scales are folded into the first and the last layer.
    """

    name: str
    """The quantity, for example `position`."""
    unit: str
    """Its physical unit, for example `px`."""
    weights: tuple[Tensor, ...]
    """One (out, in) matrix per layer."""
    biases: tuple[Tensor, ...]
    """One (out,) vector per layer."""
    errors: Mapping[str, float] = field(default_factory=dict)
    """Held-out error: `q50`, `q90`, `q99`, `max` of its norm in `unit`, and `r2`."""

    def __post_init__(self) -> None:
        if not self.weights or len(self.weights) != len(self.biases):
            raise ValueError(
                f"read-out {self.name!r} has {len(self.weights)} matrices and "
                f"{len(self.biases)} bias vectors; expected as many of both."
            )
        frozen = tuple(weight.detach() for weight in self.weights)
        object.__setattr__(self, "weights", frozen)
        frozen = tuple(bias.detach() for bias in self.biases)
        object.__setattr__(self, "biases", frozen)

    @property
    def num_inputs(self) -> int:
        """Latent dimension D."""
        return self.weights[0].shape[1]

    @property
    def num_outputs(self) -> int:
        """Numbers q that make up the quantity."""
        return self.weights[-1].shape[0]

    def __call__(self, latents: Float[Tensor, "*batch D"]) -> Float[Tensor, "*batch q"]:
        """Read the quantity out of latents of any leading shape."""
        if latents.shape[-1] != self.num_inputs:
            raise ValueError(
                f"read-out {self.name!r} was fitted on latents of {self.num_inputs} "
                f"dimensions, but these have {latents.shape[-1]}; fit it again for "
                "this world model."
            )
        hidden = latents
        for weight, bias in zip(self.weights[:-1], self.biases[:-1], strict=True):
            hidden = silu(linear(hidden, weight, bias))
        return linear(hidden, self.weights[-1], self.biases[-1])

    @property
    def digest(self) -> str:
        """SHA-256 of all tensors; computed afresh."""
        sha = hashlib.sha256()
        for name, tensor in sorted(self.tensors().items()):
            values = tensor.detach().cpu().contiguous()
            sha.update(f"{name} {values.dtype} {tuple(values.shape)}".encode())
            sha.update(values.numpy().tobytes())
        return sha.hexdigest()

    def to(self, device: torch.device | str) -> ReadOut:
        """The same read-out on another device."""
        return replace(
            self,
            weights=tuple(weight.to(device) for weight in self.weights),
            biases=tuple(bias.to(device) for bias in self.biases),
        )

    def tensors(self) -> dict[str, Tensor]:
        """Named tensors for a tensor file; `read_out_from` reverses it."""
        layers = enumerate(zip(self.weights, self.biases, strict=True))
        return {
            f"{part}.{index}": tensor
            for index, layer in layers
            for part, tensor in zip(("weight", "bias"), layer, strict=True)
        }

    def description(self) -> dict[str, Any]:
        """What is not a tensor, as JSON."""
        return {
            "name": self.name,
            "unit": self.unit,
            "layers": len(self.weights),
            "errors": dict(self.errors),
            "digest": self.digest,
        }


def read_out_from(
    tensors: Mapping[str, Tensor], description: Mapping[str, Any]
) -> ReadOut:
    """Rebuild a read-out from `ReadOut.tensors` and `ReadOut.description`.

    Raises:
        ValueError: If a tensor or an entry is missing, or a tensor is not the one that
            was stored: what guardrails measure with must not change unseen.
    """
    try:
        layers = range(int(description["layers"]))
        readout = ReadOut(
            name=str(description["name"]),
            unit=str(description["unit"]),
            weights=tuple(tensors[f"weight.{index}"] for index in layers),
            biases=tuple(tensors[f"bias.{index}"] for index in layers),
            errors=dict(description.get("errors", {})),
        )
    except KeyError as missing:
        raise ValueError(
            f"a stored read-out lacks {missing}; the file is damaged or comes from "
            "another version. Fit the read-out again."
        ) from None
    if description.get("digest", readout.digest) != readout.digest:
        raise ValueError(
            f"the stored read-out {readout.name!r} was changed after it was fitted: "
            "its tensors have another digest. Guardrails measure with it; restore the "
            "file, or train again."
        )
    return readout


def identity_readout(
    dim: int, indices: Sequence[int], *, name: str = "position", unit: str = ""
) -> ReadOut:
    """Pick entries of an exact state, for dynamics whose state is physical already.

    Args:
        dim: State dimension D.
        indices: Which q entries make up the quantity.
        name: The quantity.
        unit: Its unit.
    """
    if not indices or not all(0 <= index < dim for index in indices):
        raise ValueError(
            f"indices {list(indices)} do not pick from a state of {dim} entries; "
            f"expected numbers from 0 to {dim - 1}."
        )
    return ReadOut(
        name=name,
        unit=unit,
        weights=(torch.eye(dim)[list(indices)],),
        biases=(torch.zeros(len(indices)),),
        errors={"q50": 0.0, "q90": 0.0, "q99": 0.0, "max": 0.0, "r2": 1.0},
    )
