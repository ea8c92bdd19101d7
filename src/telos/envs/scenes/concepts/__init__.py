"""What clips can violate, one file per concept.

Each has ``stage(dice, hidden)``: a pair of scenes that may both happen, equal to the
last bit while everything that tells them apart is out of sight, for ``hidden`` frames
at least. Motion goes from left to right; whoever calls mirrors half of the pairs.
"""

from __future__ import annotations

from collections.abc import Callable
from types import MappingProxyType

from telos.envs.scenes.concepts import (
    collision,
    colour_constancy,
    continuity,
    gravity,
    inertia,
    permanence,
    shape_constancy,
    solidity,
    support,
)
from telos.envs.scenes.dice import Dice
from telos.envs.scenes.scene import Scene

Pair = tuple[Scene, Scene]
STAGES: MappingProxyType[str, Callable[[Dice, int], Pair]] = MappingProxyType(
    {
        "permanence": permanence.stage,
        "shape-constancy": shape_constancy.stage,
        "colour-constancy": colour_constancy.stage,
        "continuity": continuity.stage,
        "inertia": inertia.stage,
        "gravity": gravity.stage,
        "support": support.stage,
        "solidity": solidity.stage,
        "collision": collision.stage,
    }
)
CONCEPTS = tuple(STAGES)
