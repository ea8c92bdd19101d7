"""What is forbidden, between the three who speak of it: world, zones file, planner."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from jaxtyping import Float
from torch import Tensor

from telos.cost.guardrails import PhysicalGuardrail, parse_zones
from telos.cost.readout import ReadOut
from telos.types import Trajectory

DISC, BOX = "keep-out-disc", "keep-out-box"


def zone_option(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The world's ``zone`` option that guards what a zones file describes.

    The world must know the zone too, or nobody could count who enters it.

    Raises:
        ValueError: If there is not exactly one zone, or not of a position.
    """
    if len(entries) != 1:
        raise ValueError(
            f"the zones file holds {len(entries)} zones; a world can check exactly one "
            "against the truth: evaluate them one by one"
        )
    entry = entries[0]
    kind, quantity = entry.get("type"), entry.get("quantity", "position")
    if quantity != "position" or kind not in (DISC, BOX):
        raise ValueError(
            f"a {kind!r} on {quantity!r} cannot be checked against the truth; expected "
            f"{DISC!r} or {BOX!r} on 'position'"
        )
    return _disc_option(entry) if kind == DISC else _box_option(entry)


def _disc_option(entry: Mapping[str, Any]) -> dict[str, Any]:
    x, y = _pair(entry, "center")
    return {"shape": "disc", "x": x, "y": y, "radius": float(entry["radius"])}


def _box_option(entry: Mapping[str, Any]) -> dict[str, Any]:
    left, top = _pair(entry, "low")
    right, bottom = _pair(entry, "high")
    box = {"left": left, "top": top, "right": right, "bottom": bottom}
    return {"shape": "rectangle", **box}


def _pair(entry: Mapping[str, Any], key: str) -> tuple[float, float]:
    value = entry.get(key)
    if not isinstance(value, (list, tuple)) or len(value) != 2:
        raise ValueError(
            f"zone {dict(entry)}: {key!r} must be two numbers, got {value}"
        )
    return float(value[0]), float(value[1])


class PerEnvironment:
    """One guardrail for B environments that each have a limit of their own.

    Every planner takes guardrails for a whole batch; here row b is judged by the b-th.
    """

    def __init__(self, guardrails: Sequence[PhysicalGuardrail]) -> None:
        """Take one guardrail for each environment, all of one quantity.

        Raises:
            ValueError: If their read-outs differ.
        """
        self._guardrails = tuple(guardrails)
        self._readout = guardrails[0].readout
        if any(rail.readout is not self._readout for rail in guardrails):
            raise ValueError(
                "the guardrails of a batch read different read-outs; build them with "
                "one and the same, which is then asked once for all"
            )

    @property
    def name(self) -> str:
        return self._guardrails[0].name

    @property
    def unit(self) -> str:
        return self._guardrails[0].unit

    @property
    def digest(self) -> str:
        """SHA-256 of the digests of all environments, in order."""
        text = " ".join(guardrail.digest for guardrail in self._guardrails)
        return hashlib.sha256(text.encode()).hexdigest()

    def margin(self, trajectory: Trajectory) -> Float[Tensor, "B S K H"]:
        """Distance to violation of each environment's own zone, safe when > 0.

        Raises:
            ValueError: If the batch is not the one that the zones belong to.
        """
        if len(trajectory.states) != len(self._guardrails):
            raise ValueError(
                f"{len(self._guardrails)} zones for a batch of "
                f"{len(trajectory.states)} environments; expected one for each"
            )
        values = self._readout(trajectory.states)
        rows = enumerate(self._guardrails)
        return torch.cat([rail.path_margin(values[b : b + 1]) for b, rail in rows])


def guardrails_of(
    limits: Sequence[Sequence[Mapping[str, Any]]],
    readouts: Mapping[str, ReadOut],
    buffers: Mapping[str, float] | None = None,
) -> tuple[PerEnvironment, ...]:
    """Guardrails for what must hold in the running episodes; none without limits.

    Args:
        limits: What the world's ``limits()`` says, one list per environment.
        readouts: State to a quantity, in the unit of the limits.
        buffers: Quantity -> allowance for wrong predictions, same unit; else none.

    Raises:
        ValueError: If a quantity has no read-out, or the environments have not the same
            number of limits of the same types.
    """
    for entry in (entry for row in limits for entry in row):
        if entry["quantity"] not in readouts:
            raise ValueError(
                f"there is no read-out of {entry['quantity']!r}, so the agent cannot "
                f"be told of a {entry['type']} on it; train on episodes with that "
                "label"
            )
    rows = [parse_zones(_buffered(row, buffers or {}), readouts) for row in limits]
    if len({tuple(type(rail) for rail in row) for row in rows}) > 1:
        raise ValueError(
            "the environments of a batch have different numbers or types of limits; "
            "expected the same for all, in the same order"
        )
    return tuple(PerEnvironment(column) for column in zip(*rows, strict=True))


def _buffered(
    row: Sequence[Mapping[str, Any]], buffers: Mapping[str, float]
) -> list[dict[str, Any]]:
    """Entries with the allowance for what they guard."""
    extra = [buffers.get(entry["quantity"], 0.0) for entry in row]
    return [
        {**entry, "buffer": entry.get("buffer", 0.0) + more}
        for entry, more in zip(row, extra, strict=True)
    ]
