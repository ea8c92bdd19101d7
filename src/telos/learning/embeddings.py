"""Are anyone's embeddings collapsed? An array in, a verdict with its evidence out.

Cheap enough to be called while a training runs: a few thousand rows of some hundred
dimensions take a fraction of a second.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from telos.learning.diagnostics import DEAD_STD, judge
from telos.learning.spectra import (
    effective_rank,
    lidar,
    mean_correlation,
    participation_ratio,
    power_slope,
    share_within,
    spectrum,
)
from telos.types import Verdict

ROWS_PER_DIMENSION = 4
"""Fewer rows than this per dimension, and a note says that the rank is not reliable."""
RIDGES = (1e-3, 1e-1, 1e1, 1e3)
"""Penalties of the linear predictor, as shares of the mean variance."""


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """A verdict on embeddings, and what it rests on."""

    verdict: Verdict
    spectrum: Sequence[float]
    """Eigenvalues of the covariance, largest first."""
    notes: Sequence[str]
    """What could not be judged, or not reliably, and what would help."""


def diagnose_embeddings(
    embeddings: np.ndarray | Tensor,
    *,
    clips: np.ndarray | Tensor | None = None,
    groups: np.ndarray | Tensor | None = None,
    predictions: np.ndarray | Tensor | None = None,
    scale: float = 1.0,
) -> Diagnosis:
    """Judge embeddings by their spread, their spectrum and what moves in them.

    Args:
        embeddings: (N, D), or (E, T, D): T consecutive frames of E clips. A torch
            tensor or a numpy array.
        clips: The clip that each of N rows is from; not needed for (E, T, D).
        groups: The sample that each row is a view of, (N,) or (E, T), for LiDAR.
        predictions: What a model predicted each row to be, of the shape of the
            embeddings, NaN where it predicted nothing; only with (E, T, D).
        scale: Standard deviation that a healthy dimension has. 1 for what a batch norm
            or a variance loss leaves; 1/sqrt(D) for rows of unit length.

    Returns:
        Verdicts are ``ok``, ``partial``, ``dimensional``, ``slow-feature`` and
        ``complete``, as `telos.learning.diagnostics.judge` explains them. Without
        clips, slow features cannot be seen, and a note says so.

    Raises:
        ValueError: If the arrays do not fit together, hold NaN or infinity, or are too
            small to judge.
    """
    z = _checked(embeddings)
    flat = z.flatten(0, -2).double()
    if not scale > 0:
        raise ValueError(f"scale is {scale}, expected a deviation above 0")
    std = flat.std(dim=0)
    eigenvalues = spectrum(flat)
    evidence = {
        "std_min": float(std.min()),
        "std_mean": float(std.mean()),
        "dead": float((std < DEAD_STD * scale).double().mean()),
        "effective_rank": effective_rank(flat),
        "dimensions": float(min(flat.shape[1], len(flat) - 1)),
        "participation_ratio": participation_ratio(eigenvalues),
        "power_slope": power_slope(eigenvalues),
        "mean_correlation": mean_correlation(flat),
        **_over_time(z, clips, predictions),
    }
    if groups is not None:
        evidence["lidar"] = lidar(flat, _labels(groups, len(flat), "groups"))
    return Diagnosis(
        verdict=judge(evidence),
        spectrum=eigenvalues.tolist(),
        notes=_notes(flat, evidence, scale),
    )


def _over_time(
    z: Tensor,
    clips: np.ndarray | Tensor | None,
    predictions: np.ndarray | Tensor | None,
) -> Mapping[str, float]:
    """What can be said of clips and of the order of their frames."""
    if z.ndim == 2:
        if predictions is not None:
            raise ValueError(
                f"predictions need the order of frames: embeddings {tuple(z.shape)} "
                "are given without it, expected (E, T, D)"
            )
        if clips is None:
            return {}
        return {
            "within_share": share_within(z.double(), _labels(clips, len(z), "clips"))
        }
    if clips is not None:
        raise ValueError(
            f"embeddings {tuple(z.shape)} are clips already: leave out the clips"
        )
    episodes, frames, _ = z.shape
    index = torch.arange(episodes).repeat_interleave(frames)
    found = {"within_share": share_within(z.flatten(0, 1).double(), index)}
    if episodes >= 2 and frames >= 2:
        found["linear_skill"] = linear_skill(z.double())
    if predictions is not None:
        found["prediction_skill"] = _skill(z.double(), _tensor(predictions).double())
    return found


def linear_skill(z: Tensor) -> float:
    """1 - error of a linear predictor of the next frame / error of no change.

    Fitted on every other clip of (E, T, D) and measured on the rest, with the penalty
    that suits them best: how predictable the embeddings are for something simple.
    Independent noise has 0.5, a random walk 0.
    """
    now, then = z[:, :-1], z[:, 1:]
    x, y = now[::2].flatten(0, 1), (then - now)[::2].flatten(0, 1)
    centre_x, centre_y = x.mean(dim=0), y.mean(dim=0)
    x, y = x - centre_x, y - centre_y
    gram, target = x.T @ x / len(x), x.T @ y / len(x)
    penalty = gram.diagonal().mean().clamp_min(1e-12) * torch.eye(len(gram)).to(gram)
    moved, seen = (then - now)[1::2], now[1::2] - centre_x
    errors = []
    for ridge in RIDGES:
        weight = torch.linalg.solve(gram + ridge * penalty, target)
        errors.append((seen @ weight + centre_y - moved).square().mean())
    still = moved.square().mean().clamp_min(1e-12)
    return float(1 - torch.stack(errors).min() / still)


def _skill(z: Tensor, predictions: Tensor) -> float:
    """Prediction skill of a model, where it predicted."""
    if predictions.shape != z.shape:
        raise ValueError(
            f"predictions are {tuple(predictions.shape)}, embeddings {tuple(z.shape)}: "
            "expected one prediction per row"
        )
    known = ~predictions[:, 1:].isnan().any(dim=-1)
    if not known.any():
        raise ValueError(
            "predictions are NaN after the first frame of every clip: expected at "
            "least one that is known"
        )
    error = (predictions[:, 1:] - z[:, 1:])[known].square().mean()
    still = (z[:, 1:] - z[:, :-1])[known].square().mean()
    return float(1 - error / still.clamp_min(1e-12))


def _notes(flat: Tensor, evidence: Mapping[str, float], scale: float) -> list[str]:
    notes, (rows, dims) = [], flat.shape
    if rows < ROWS_PER_DIMENSION * dims:
        notes.append(
            f"{rows} rows for {dims} dimensions: rank and correlation are not reliable "
            f"below {ROWS_PER_DIMENSION * dims} rows"
        )
    if "within_share" not in evidence:
        notes.append(
            "slow features cannot be seen without clips: give (E, T, D), or the clip "
            "of each row"
        )
    lengths = flat.norm(dim=1)
    if float((lengths - 1).abs().max()) < 1e-3 and scale == 1:
        notes.append(
            "all rows have unit length: a healthy deviation is then "
            f"{dims**-0.5:.3g}, give it as scale"
        )
    return notes


def _checked(embeddings: np.ndarray | Tensor) -> Tensor:
    z = _tensor(embeddings)
    if z.ndim not in (2, 3) or z.shape[-1] < 1:
        raise ValueError(
            f"embeddings are {tuple(z.shape)}: expected (N, D), or (E, T, D) with T "
            "consecutive frames of E clips"
        )
    if z.flatten(0, -2).shape[0] < 2:
        raise ValueError(
            f"embeddings are {tuple(z.shape)}: one row has no spread; give many"
        )
    bad = int((~torch.isfinite(z)).flatten(0, -2).any(dim=-1).sum())
    if bad:
        raise ValueError(
            f"{bad} of {z.flatten(0, -2).shape[0]} rows hold NaN or infinity: the "
            "model diverged, or its input did"
        )
    return z


def _tensor(array: np.ndarray | Tensor) -> Tensor:
    if isinstance(array, Tensor):
        return array.detach().cpu()
    if array.dtype.kind not in "fiu":
        raise ValueError(f"an array of {array.dtype}: expected numbers")
    return torch.from_numpy(np.ascontiguousarray(array, np.float64))


def _labels(labels: np.ndarray | Tensor, rows: int, name: str) -> Tensor:
    flat = _tensor(labels).flatten()
    if len(flat) != rows or not torch.equal(flat, flat.round()):
        raise ValueError(
            f"{name} are {tuple(labels.shape)} for {rows} rows: expected a whole "
            "number for each row"
        )
    return flat.long()
