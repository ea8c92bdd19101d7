"""Calibrated buffers of a run: read with the run, checked at every plan."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from telos.config import from_dict, load_json, save_json
from telos.cost import Calibration
from telos.types import Budget, Dynamics, Guardrail, Objective, Plan, Planner

CALIBRATION = "calibration.json"
"""In a run folder."""


class WithinCalibration:
    """A planner that says when it searches harder than its buffers are good for."""

    def __init__(
        self, planner: Planner, name: str, calibrations: Sequence[Calibration]
    ) -> None:
        """Take a planner, the name that it goes by and what was calibrated with it."""
        self._planner, self._name = planner, name
        self._calibrations = tuple(calibrations)

    def plan(
        self,
        dynamics: Dynamics,
        state: Tensor,
        objective: Objective,
        guardrails: Sequence[Guardrail] = (),
        *,
        init: Tensor | None = None,
        budget: Budget | None = None,
        generators: Sequence[torch.Generator],
    ) -> Plan:
        """As the planner plans; a `UserWarning` where the buffers do not reach."""
        plan = self._planner.plan(
            dynamics,
            state,
            objective,
            guardrails,
            init=init,
            budget=budget,
            generators=generators,
        )
        if guardrails:
            for calibration in self._calibrations:
                calibration.check(self._name, plan.evaluations)
        return plan


@dataclass(frozen=True, kw_only=True)
class Calibrated:
    """What `calibration.json` holds for those who plan."""

    model: str
    """`model_digest` of the weights that were calibrated."""
    quantities: Mapping[str, Calibration]
    """By the name of a read-out."""
    evidence: Mapping[str, Any] = field(default_factory=dict)
    """Protocol, rounds and the check on fresh plans, for people."""


def load_calibrated(run: Path) -> Mapping[str, Calibration]:
    """The calibrations of a run by quantity, none if it was not calibrated.

    Raises:
        ValueError: If they belong to other weights, or the file is damaged.
    """
    path = run / CALIBRATION
    if not path.is_file():
        return {}
    found = from_dict(Calibrated, load_json(path))
    if found.model != model_digest(run):
        raise ValueError(
            f"{str(path)!r} was made with other weights than the run holds now; "
            f"calibrate again with `telos calibrate {run}`, or delete the file to plan "
            "with the error of the read-out alone"
        )
    return found.quantities


def save_calibrated(run: Path, calibrated: Calibrated) -> Path:
    """Write a run's calibrations, replacing older ones as a whole."""
    return save_json(run / CALIBRATION, calibrated)


def model_digest(run: Path) -> str:
    """SHA-256 of the weights of a run."""
    return hashlib.sha256((run / "model.safetensors").read_bytes()).hexdigest()
