"""State of optimisers and random generators as named tensors, exact both ways."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch import Tensor


def flatten_optimizer(
    optimizer: torch.optim.Optimizer, prefix: str = "optimizer"
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Split an optimiser (AdamW and its kin) into tensors and JSON.

    Returns:
        Tensors named `prefix/parameter index/moment`, and the settings of the
        parameter groups; `restore_optimizer` takes both.

    Raises:
        ValueError: If a parameter's state or a setting is neither tensor nor number.
    """
    import torch

    state = optimizer.state_dict()
    tensors: dict[str, Tensor] = {}
    for index, moments in state["state"].items():
        for name, value in moments.items():
            if not torch.is_tensor(value):
                raise ValueError(
                    f"optimiser state {name!r} is a {type(value).__name__}, expected a "
                    "tensor; use AdamW, Adam or SGD."
                )
            tensors[f"{prefix}/{index}/{name}"] = value
    return tensors, {"groups": [_plain(group) for group in state["param_groups"]]}


def restore_optimizer(
    optimizer: torch.optim.Optimizer,
    tensors: Mapping[str, Tensor],
    state: Mapping[str, Any],
    prefix: str = "optimizer",
) -> None:
    """Undo `flatten_optimizer`; other tensors in `tensors` are left alone.

    Raises:
        ValueError: If the optimiser has other parameter groups than the stored one.
    """
    moments: dict[int, dict[str, Tensor]] = {}
    for key, tensor in tensors.items():
        head, *tail = key.rsplit("/", 2)
        if head == prefix and len(tail) == 2:
            moments.setdefault(int(tail[0]), {})[tail[1]] = tensor
    groups = [_tupled(group) for group in state["groups"]]
    _check_groups(optimizer, groups)
    optimizer.load_state_dict({"state": moments, "param_groups": groups})


def flatten_generators(
    named: Mapping[str, torch.Generator], prefix: str = "generator"
) -> dict[str, Tensor]:
    """States of generators as uint8 tensors `prefix/name`."""
    return {f"{prefix}/{name}": item.get_state() for name, item in named.items()}


def restore_generators(
    named: Mapping[str, torch.Generator],
    tensors: Mapping[str, Tensor],
    prefix: str = "generator",
) -> None:
    """Undo `flatten_generators`.

    Raises:
        ValueError: If the state of one of them was not stored.
    """
    for name, generator in named.items():
        key = f"{prefix}/{name}"
        if key not in tensors:
            raise ValueError(f"the checkpoint holds no random state {key!r}.")
        generator.set_state(tensors[key].cpu())


def _plain(group: Mapping[str, Any]) -> dict[str, Any]:
    for name, value in group.items():
        items = value if isinstance(value, (list, tuple)) else [value]
        if not all(isinstance(item, (bool, int, float, type(None))) for item in items):
            raise ValueError(
                f"optimiser setting {name!r} is {value!r}, expected numbers (a "
                "learning rate held in a tensor cannot be stored)."
            )
    return dict(group)


def _tupled(group: Mapping[str, Any]) -> dict[str, Any]:
    # JSON made lists of tuples (betas); only the parameter indices are a list.
    return {
        name: tuple(value) if isinstance(value, list) and name != "params" else value
        for name, value in group.items()
    }


def _check_groups(optimizer: torch.optim.Optimizer, groups: list) -> None:
    ours = [len(group["params"]) for group in optimizer.param_groups]
    theirs = [len(group["params"]) for group in groups]
    if ours != theirs:
        raise ValueError(
            f"the stored optimiser has parameter groups of {theirs} tensors, this one "
            f"{ours}: the checkpoint is of another model."
        )
