"""A world model as tensors and plain data, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from telos.config import from_dict, to_dict
from telos.data.actions import ActionScale
from telos.world_model.config import JEPAConfig
from telos.world_model.jepa import JEPA

PREFIX = "world_model/"


def pack_world_model(model: JEPA) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Named tensors and JSON for a tensor file."""
    tensors = {PREFIX + name: value for name, value in model.state_dict().items()}
    return tensors, {
        "config": to_dict(model.config),
        "action_scale": model.action_scale.to_dict(),
    }


def load_world_model(
    tensors: Mapping[str, Tensor], description: Mapping[str, Any]
) -> JEPA:
    """Undo `pack_world_model`; the model is in evaluation mode.

    Raises:
        ValueError: If tensors are missing or of another shape.
    """
    config = from_dict(JEPAConfig, description["config"])
    model = JEPA(config, ActionScale.from_dict(description["action_scale"]))
    own = {
        k.removeprefix(PREFIX): v for k, v in tensors.items() if k.startswith(PREFIX)
    }
    try:
        model.load_state_dict(own)
    except RuntimeError as mismatch:
        raise ValueError(
            f"the stored world model does not fit its own configuration: {mismatch}"
        ) from None
    return model.eval().requires_grad_(False)
