"""Contexts come from another frame, so that nothing learns to rely on their leak."""

from __future__ import annotations

import numpy as np
import torch
from tests.learning.worlds import from_latents

from telos.learning.latents import LATENT, swap_contexts
from telos.learning.representation import from_another_window


def test_swapping_moves_contexts_within_their_episode_only() -> None:
    rng = np.random.default_rng(0)
    episodes = [rng.normal(size=(length, 5)) for length in (30, 12, 50)]
    before = from_latents(episodes)
    after = swap_contexts(before, state_dim=3, seed=1)
    old, new = before.observations[LATENT], after.observations[LATENT]
    assert np.array_equal(old[:, :3], new[:, :3])
    assert not np.array_equal(old[:, 3:], new[:, 3:])
    for start, length in zip(before.starts, before.lengths, strict=True):
        rows = slice(start, start + length)
        for column in (3, 4):
            assert np.array_equal(
                np.sort(old[rows, column]), np.sort(new[rows, column])
            )
    again = swap_contexts(before, state_dim=3, seed=1)
    assert np.array_equal(again.observations[LATENT], new)


def test_a_leak_of_the_context_is_gone_after_swapping() -> None:
    """A context that is a copy of the state predicts it perfectly, until swapped."""
    moving = np.random.default_rng(0).normal(size=(400, 1))
    latents = from_latents([np.concatenate([moving, moving], axis=1)])
    swapped = swap_contexts(latents, state_dim=1, seed=0).observations[LATENT]
    assert abs(np.corrcoef(swapped[:, 0], swapped[:, 1])[0, 1]) < 0.15


def test_a_window_is_told_by_another_window_of_its_episode() -> None:
    context = torch.arange(12.0).unsqueeze(1)
    told = from_another_window(context, windows=3).flatten()
    assert (told.long() // 3 == torch.arange(12) // 3).all()
    assert (told != context.flatten()).all()
