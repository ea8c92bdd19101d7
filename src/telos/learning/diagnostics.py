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

from telos.learning.spectra import effective_rank, share_within
from telos.types import Verdict

DEAD_STD = 1e-2
"""Standard deviation under which a dimension counts as dead."""
LOW_RANK = 0.25
"""Effective rank per dimension under which dimensions count as copies of others."""
SLOW_SHARE = 0.05
"""Within-episode share of variance under which only the layout is encoded."""


def within_share(z: Float[Tensor, "E T D"]) -> float:
    """Share of the total variance that lies within episodes."""
    episodes = torch.arange(len(z), device=z.device).repeat_interleave(z.shape[1])
    return share_within(z.flatten(0, 1), episodes)


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
    """The first alarm that the evidence raises, worst first.

    ``within_share`` and ``prediction_skill`` may be missing, where nothing is known of
    episodes or of a predictor: they then raise no alarm.
    """
    rank, dims = evidence["effective_rank"], evidence["dimensions"]
    within, skill = evidence.get("within_share"), evidence.get("prediction_skill")
    if evidence["dead"] > 0.95:
        name, text = "complete", "every input is encoded as nearly the same point"
    elif within is not None and within < SLOW_SHARE:
        name = "slow-feature"
        text = f"only {100 * within:.1f} % of the state's variance lies within "
        text += "episodes: the encoder sees the layout and not what moves"
    elif rank < LOW_RANK * dims:
        name = "dimensional"
        text = f"effective rank {rank:.0f} of {dims:.0f}: most dimensions repeat others"
    elif evidence["dead"] > 0.05 or (skill is not None and skill <= 0):
        name = "partial"
        text = f"{100 * evidence['dead']:.0f} % of dimensions are dead"
        if skill is not None:
            text += f", prediction skill {skill:.2f} against no change"
    else:
        name, text = "ok", f"effective rank {rank:.0f} of {dims:.0f}"
        if within is not None:
            text += f", {100 * within:.0f} % of the state's variance within episodes"
        if skill is not None:
            text += f", prediction skill {skill:.2f}"
    return Verdict(name=name, text=text, evidence=evidence)
