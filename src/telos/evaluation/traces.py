"""Pictures of a few episodes as one compressed file, for the report."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from telos.config import atomic_write
from telos.evaluation.results import Trace


def save_traces(
    path: str | Path,
    traces: Sequence[Trace],
    extent: Sequence[float] | None = None,
) -> Path:
    """Write traces to a ``.npz`` file; arrays of episode i end in ``_i``.

    Args:
        path: The file.
        traces: In the order in which they should be shown.
        extent: (x_min, x_max, y_min, y_max) that the image spans, world units; the
            second y is the lower edge of the image. Pixels if absent.
    """
    arrays: dict[str, np.ndarray] = {}
    for index, trace in enumerate(traces):
        arrays |= {f"{name}_{index}": value for name, value in _arrays(trace).items()}
    if extent is not None:
        arrays["extent"] = np.asarray(extent, np.float64)

    def write(temporary: Path) -> None:
        with temporary.open("wb") as file:
            np.savez_compressed(file, **arrays)  # type: ignore[arg-type]

    return atomic_write(path, write)


def _arrays(trace: Trace) -> dict[str, np.ndarray]:
    return {
        "frames": trace.frames,
        "goal": trace.goal,
        "positions": trace.positions.astype(np.float32),
        "goal_position": trace.goal_position.astype(np.float32),
        "imagined": trace.imagined,
        "route": trace.route,
        "decision_steps": trace.decision_steps,
        "success": np.array(trace.success),
        "seed": np.array(trace.seed),
        "status": np.array(trace.status, dtype=np.str_),
        "zones": np.array(json.dumps(list(trace.zones))),
        **{f"camera-{name}": frames for name, frames in trace.others.items()},
    }
