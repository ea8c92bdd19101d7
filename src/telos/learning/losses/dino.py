"""DINO: predictions sort latents by prototypes the way a teacher does.

Source: Caron et al. 2021, "Emerging Properties in Self-Supervised Vision Transformers"
(2104.14294), equations 2 to 4 and algorithm 1.
"""

from __future__ import annotations

from jaxtyping import Float
from torch import Tensor
from torch.nn.functional import log_softmax, softmax


def sharpened(
    teacher: Float[Tensor, "N K"], centre: Float[Tensor, "K"], temperature: float
) -> Float[Tensor, "N K"]:
    """``softmax((t - centre) / temperature)``, without gradient.

    Taking the centre away keeps one prototype from winning always; a low temperature
    keeps all of them from winning equally.
    """
    return softmax((teacher.detach() - centre) / temperature, dim=-1)


def cross_entropies(
    student: Float[Tensor, "N K"], shares: Float[Tensor, "N K"], temperature: float
) -> Float[Tensor, "N"]:
    """``-sum_k shares_k log softmax(s / temperature)_k`` of each sample."""
    return -(shares * log_softmax(student / temperature, dim=-1)).sum(dim=-1)


def entropies(shares: Float[Tensor, "N K"]) -> Float[Tensor, "N"]:
    """``-sum_k p_k log p_k``: what a cross-entropy cannot fall below."""
    tiny = 1e-30
    return -(shares * shares.clamp_min(tiny).log()).sum(dim=-1)


def temperature_at(first: float, last: float, warmup: float, progress: float) -> float:
    """The teacher's temperature, which rises linearly over the warm-up.

    Args:
        first: At the start.
        last: After the warm-up.
        warmup: Share of the training.
        progress: Share of the training that has passed.
    """
    risen = 1.0 if warmup <= 0 else min(1.0, progress / warmup)
    return first + (last - first) * risen
