"""Luck: even over seeds, without gaps, the same for whoever asks for fewer."""

import pytest
import torch

from telos.world_model.luck import spread_luck


def test_the_first_future_has_none_and_the_others_less_than_one():
    luck = spread_luck(33, 10, seed=7)
    assert luck.shape == (33, 10)
    assert (luck[0] == 0).all()
    assert ((luck >= 0) & (luck < 1)).all()
    assert spread_luck(1, 3, seed=7).shape == (1, 3)


@pytest.mark.parametrize("count", [8, 16, 64])
def test_no_outcome_of_two_shares_is_overlooked(count):
    """Independent draws would leave such gaps in one step of eight."""
    for seed in range(20):
        sorted_luck = spread_luck(count + 1, 12, seed)[1:].sort(0).values
        ends = torch.zeros(1, 12), sorted_luck, torch.ones(1, 12)
        assert torch.cat(ends).diff(dim=0).max() <= 2 / count + 1e-6


def test_the_first_of_many_are_those_of_a_few():
    assert torch.equal(spread_luck(17, 5, seed=3)[:6], spread_luck(6, 5, seed=3))


def test_every_number_is_even_over_seeds():
    drawn = torch.stack([spread_luck(3, 2, seed)[1:] for seed in range(400)])
    assert (drawn.mean(0) - 0.5).abs().max() < 0.06
    assert (drawn.std(0) - 12**-0.5).abs().max() < 0.03
