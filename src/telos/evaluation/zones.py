"""Keep-out zones between the three who speak of them: world, zones file and picture."""

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


def zone_entries(layout: Mapping[str, float]) -> tuple[dict[str, Any], ...]:
    """The zone of one running episode as entries of a zones file.

    Args:
        layout: Factors of the episode; a world with a zone adds ``zone_x``, ``zone_y``
            and ``zone_radius``, or ``zone_left``, ``zone_top``, ``zone_right`` and
            ``zone_bottom``.
    """
    if "zone_radius" in layout:
        centre = [layout["zone_x"], layout["zone_y"]]
        return (_entry(DISC, center=centre, radius=layout["zone_radius"]),)
    if "zone_left" in layout:
        low = [layout["zone_left"], layout["zone_top"]]
        high = [layout["zone_right"], layout["zone_bottom"]]
        return (_entry(BOX, low=low, high=high),)
    return ()


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


def _entry(kind: str, **numbers: Any) -> dict[str, Any]:
    return {"type": kind, "quantity": "position", **numbers}


class PerEnvironment:
    """One guardrail for B environments that each have a zone of their own.

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
        return self._guardrails[0].kind

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


def zone_guardrails(
    layouts: Sequence[Mapping[str, float]], readout: ReadOut, buffer: float = 0.0
) -> tuple[PerEnvironment, ...]:
    """Guardrails for the zones of the running episodes; none without zones.

    Args:
        layouts: What the world's ``layout()`` says, one per environment.
        readout: State to position, in the unit of the zones.
        buffer: Allowance for wrong predictions, same unit.
    """
    entries = [zone_entries(layout) for layout in layouts]
    if not any(entries):
        return ()
    rows = [[{**entry, "buffer": buffer} for entry in row] for row in entries]
    rails = [parse_zones(row, {"position": readout})[0] for row in rows]
    return (PerEnvironment(rails),)
