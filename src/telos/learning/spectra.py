"""What the covariance of embeddings says: the measures of collapse, each by itself.

All but the deviations are blind to scale, and those of the spectrum need many more rows
than dimensions: noise has a high rank, and so has a handful of rows.
"""

from __future__ import annotations

import torch
from jaxtyping import Float, Int
from torch import Tensor

LIDAR_FLOOR = 1e-4
"""Variance added within groups, as in the paper."""
FLAT = 1e-6
"""Eigenvalues below this share of the largest are left out of a slope."""


def effective_rank(z: Float[Tensor, "N D"]) -> float:
    """RankMe: exponential of the entropy of normalised singular values.

    Blind to scale: read it beside the standard deviations.

    Source: Garrido et al. 2023 (2210.02885), equation 2; here after centring.
    """
    singular = torch.linalg.svdvals(z - z.mean(dim=0))
    share = singular / singular.sum().clamp_min(1e-12) + 1e-7
    return float(torch.exp(-(share * share.log()).sum()))


def spectrum(z: Float[Tensor, "N D"]) -> Float[Tensor, " r"]:
    """Eigenvalues of the covariance, largest first; as many as can differ from 0."""
    singular = torch.linalg.svdvals(z - z.mean(dim=0))
    return singular.square() / (len(z) - 1)


def participation_ratio(eigenvalues: Float[Tensor, " r"]) -> float:
    """(sum of eigenvalues)^2 / sum of squares: how many directions share the variance.

    The largest ones decide it. 0 without any variance.
    """
    squares = eigenvalues.square().sum()
    return float(eigenvalues.sum().square() / squares) if squares > 0 else 0.0


def power_slope(eigenvalues: Float[Tensor, " r"]) -> float:
    """How fast the spectrum falls: alpha in eigenvalue i ~ i^-alpha, least squares.

    Near 1 is what good representations have; far above it a few directions hold
    everything, near 0 all directions are alike, as in noise. Fitted on log scales over
    all eigenvalues that are not negligible. NaN with fewer than three.

    Source: Agrawal et al. 2022, "alpha-ReQ".
    """
    kept = eigenvalues[eigenvalues > FLAT * eigenvalues.max()]
    if len(kept) < 3:
        return float("nan")
    x = torch.arange(1, len(kept) + 1, dtype=kept.dtype).log()
    y = kept.log()
    x, y = x - x.mean(), y - y.mean()
    return float(-(x * y).sum() / x.square().sum())


def mean_correlation(z: Float[Tensor, "N D"]) -> float:
    """Mean absolute correlation between two dimensions that vary; 0 is independent."""
    centred = z - z.mean(dim=0)
    size = centred.norm(dim=0)
    alive = centred[:, size > 1e-12] / size[size > 1e-12]
    count = alive.shape[1]
    if count < 2:
        return 0.0
    correlation = (alive.T @ alive).abs()
    return float(
        (correlation.sum() - correlation.diagonal().sum()) / count / (count - 1)
    )


def share_within(z: Float[Tensor, "N D"], clips: Int[Tensor, " N"]) -> float:
    """Share of the total variance that lies within clips, of any length."""
    means, index = _group_means(z, clips)
    within = (z - means[index]).square().mean()
    total = (z - z.mean(dim=0)).square().mean()
    return float(within / total.clamp_min(1e-12))


def lidar(z: Float[Tensor, "N D"], groups: Int[Tensor, " N"]) -> float:
    """Directions that tell groups apart beyond what varies inside of them.

    Args:
        z: Embeddings.
        groups: The sample that each row is a view of: an image under several
            augmentations, say. Frames of a clip are not views of one sample.

    Raises:
        ValueError: With fewer than two groups, or only groups of one row.

    Source: Thilak et al. 2024 (2312.04000), "LiDAR", section 4.
    """
    means, index = _group_means(z, groups)
    if len(means) < 2 or len(means) == len(z):
        raise ValueError(
            f"{len(means)} groups of {len(z)} rows: LiDAR needs at least 2 groups, and "
            "2 rows in some of them"
        )
    inside = z - means[index]
    within = inside.T @ inside / len(z)
    within += LIDAR_FLOOR * torch.eye(z.shape[1], dtype=z.dtype)
    values, vectors = torch.linalg.eigh(within)
    white = vectors * values.rsqrt() @ vectors.T
    between = (means - means.mean(dim=0)) @ white
    eigenvalues = torch.linalg.svdvals(between).square()
    share = eigenvalues / eigenvalues.sum().clamp_min(1e-12) + 1e-7
    return float(torch.exp(-(share * share.log()).sum()))


def _group_means(z: Tensor, groups: Tensor) -> tuple[Tensor, Tensor]:
    """(G, D) means, and (N,) which of them belongs to each row."""
    _, index, count = torch.unique(groups, return_inverse=True, return_counts=True)
    sums = torch.zeros(len(count), z.shape[1], dtype=z.dtype, device=z.device)
    return sums.index_add(0, index, z) / count[:, None].to(z.dtype), index
