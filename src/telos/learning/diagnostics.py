"""Is the representation collapsing? A verdict in words, with its evidence.

Sources: RankMe (Garrido et al. 2023, 2210.02885) for the effective rank; Sobal et al.
2022 (2211.10831) for slow features, the collapse in which only what is constant in an
episode is encoded.
"""

from __future__ import annotations

from collections.abc import Mapping

import torch
from jaxtyping import Float
from torch import Tensor

from telos.types import Verdict

DEAD_STD = 1e-2
"""Standard deviation under which a dimension counts as dead."""
LOW_RANK = 0.25
"""Effective rank per dimension under which dimensions count as copies of others."""
SLOW_SHARE = 0.05
"""Within-episode share of variance under which only the layout is encoded."""


def effective_rank(z: Float[Tensor, "N D"]) -> float:
    """RankMe: exponential of the entropy of normalised singular values.

    Blind to scale: read it beside the standard deviations.
    """
    singular = torch.linalg.svdvals(z - z.mean(dim=0))
    share = singular / singular.sum().clamp_min(1e-12) + 1e-7
    return float(torch.exp(-(share * share.log()).sum()))


def within_share(z: Float[Tensor, "E T D"]) -> float:
    """Share of the total variance that lies within episodes."""
    within = (z - z.mean(dim=1, keepdim=True)).square().mean()
    total = (z - z.mean(dim=(0, 1), keepdim=True)).square().mean()
    return float(within / total.clamp_min(1e-12))


def measure(
    latents: Float[Tensor, "E T D"], state_dim: int, skill: float, tokens: int = 1
) -> Mapping[str, float]:
    """Evidence for a verdict, from frames of several episodes.

    Args:
        latents: T frames of E episodes.
        state_dim: Leading dimensions that should move within an episode.
        skill: 1 - prediction error / error of predicting no change.
        tokens: Tokens that a state consists of. Spread and rank are then those of a
            token with the context beside it: a patch where nothing moves is not dead.
    """
    flat = _beside_context(latents.flatten(0, 1), state_dim, tokens)
    std = flat.std(dim=0)
    return {
        "std_min": float(std.min()),
        "std_mean": float(std.mean()),
        "dead": float((std < DEAD_STD).float().mean()),
        "effective_rank": effective_rank(flat),
        "dimensions": float(flat.shape[1]),
        "within_share": within_share(latents[..., :state_dim]),
        "prediction_skill": skill,
    }


def _beside_context(latents: Tensor, state_dim: int, tokens: int) -> Tensor:
    """(N, D) to a row for each token, with its frame's context."""
    state, context = latents[:, :state_dim], latents[:, state_dim:]
    own = state.unflatten(-1, (tokens, -1))
    around = context.unsqueeze(1).expand(-1, tokens, -1)
    return torch.cat([own, around], dim=-1).flatten(0, 1)


def judge(evidence: Mapping[str, float]) -> Verdict:
    """The first alarm that the evidence raises, worst first."""
    rank, dims = evidence["effective_rank"], evidence["dimensions"]
    if evidence["dead"] > 0.95:
        name, text = "complete", "every input is encoded as nearly the same point"
    elif evidence["within_share"] < SLOW_SHARE:
        share = 100 * evidence["within_share"]
        name = "slow-feature"
        text = f"only {share:.1f} % of the state's variance lies within episodes: the "
        text += "encoder sees the layout and not what moves"
    elif rank < LOW_RANK * dims:
        name = "dimensional"
        text = f"effective rank {rank:.0f} of {dims:.0f}: most dimensions repeat others"
    elif evidence["dead"] > 0.05 or evidence["prediction_skill"] <= 0:
        name = "partial"
        text = f"{100 * evidence['dead']:.0f} % of dimensions are dead, prediction "
        text += f"skill {evidence['prediction_skill']:.2f} against no change"
    else:
        name = "ok"
        text = f"effective rank {rank:.0f} of {dims:.0f}, "
        text += (
            f"{100 * evidence['within_share']:.0f} % of the state's variance within "
        )
        text += f"episodes, prediction skill {evidence['prediction_skill']:.2f}"
    return Verdict(name=name, text=text, evidence=evidence)
