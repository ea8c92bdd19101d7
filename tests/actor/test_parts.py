"""Noise, ranking and archive."""

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from tests.actor.worlds import generators

from telos.actor import Archive, coloured_noise
from telos.actor.archive import Candidates
from telos.actor.scoring import Scores, best, lower_tail, rank, rank_for_search


@pytest.mark.parametrize("horizon", [1, 2, 7, 10])
@pytest.mark.parametrize("beta", [0.0, 1.0, 2.0])
def test_noise_has_unit_variance_at_every_step(horizon, beta):
    noise = coloured_noise(generators(2), 4000, horizon, 3, beta)
    assert noise.shape == (2, 4000, horizon, 3)
    variance = noise.transpose(2, 3).flatten(0, 2).var(0)
    # 24,000 draws: the standard error of a variance is sqrt(2 / n) = 0.009.
    assert torch.allclose(variance, torch.ones(horizon), atol=0.05)


def test_power_falls_with_frequency_as_asked():
    for beta in (0.0, 1.0, 2.0):
        noise = coloured_noise(generators(1), 20000, 16, 1, beta)[0, :, :, 0]
        power = torch.fft.rfft(noise).abs().square().mean(0)[1:8]
        slope = (power[0] / power[6]).log() / math.log(7)
        assert slope.item() == pytest.approx(beta, abs=0.1)


def test_white_noise_is_independent_between_steps():
    noise = coloured_noise(generators(1), 20000, 10, 1, 0.0)[0, :, :, 0]
    assert torch.allclose(torch.cov(noise.T), torch.eye(10), atol=0.05)


def test_noise_of_an_environment_comes_from_its_own_generator():
    together = coloured_noise(generators(5), 8, 10, 2, 2.0)
    alone = coloured_noise(generators(1, first=3), 8, 10, 2, 2.0)
    assert torch.allclose(together[3], alone[0], atol=1e-6)


def make_scores(cost, margin) -> Scores:
    cost, margin = torch.tensor([cost]), torch.tensor([margin])
    finite = torch.isfinite(cost)
    return Scores(
        cost=torch.where(finite, cost, math.inf),
        along=torch.where(finite, margin, -math.inf)[..., None, None],
        violation=torch.where(finite, (-margin).clamp_min(0), math.inf),
        feasible=finite & (margin > 0),
    )


def test_feasible_before_cheap_and_unknown_last():
    nan = math.nan
    scores = make_scores(
        [5.0, 0.0, nan, 3.0, 1.0, 4.0], [1.0, -0.5, 9.0, 2.0, -0.1, 0.0]
    )
    assert rank(scores).tolist() == [[3, 0, 5, 4, 1, 2]]
    assert best(scores).tolist() == [3]


def test_zero_margin_is_not_safe():
    assert not make_scores([0.0], [0.0]).feasible.any()


def test_the_first_of_equals_wins():
    assert best(make_scores([1.0, 1.0], [1.0, 1.0])).tolist() == [0]
    assert best(make_scores([math.nan] * 3, [1.0] * 3)).tolist() == [0]


def test_a_small_violation_may_stay_in_the_search_but_never_in_the_answer():
    scores = make_scores([0.0, 4.0, 5.0, 6.0], [-0.01, -1.0, 1.0, 1.0])
    assert rank_for_search(scores, penalty=1.0)[0, 0] == 0
    assert best(scores).tolist() == [2]


def test_equal_costs_are_searched_by_violation():
    scores = make_scores([1.0, 1.0, 1.0], [-2.0, 1.0, -1.0])
    assert rank_for_search(scores, penalty=1.0).tolist() == [[1, 2, 0]]


# Quarters are exact in single precision, so that ties are ties on both sides.
costs = st.integers(-20, 20).map(lambda n: n / 4)
margins = st.integers(-8, 8).map(lambda n: n / 4)
costs_or_nan = st.one_of(costs, st.just(math.nan))


@settings(max_examples=60, deadline=None)
@given(
    data=st.lists(st.tuples(costs_or_nan, margins), min_size=1, max_size=12),
    cut=st.integers(0, 12),
)
def test_the_archive_equals_one_look_at_everything(data, cut):
    def candidates(rows, first):
        cost, margin = zip(*rows, strict=True)
        ids = torch.arange(first, first + len(rows)).float()
        return Candidates(
            actions=ids[None, :, None, None],
            states=ids[None, :, None, None, None],
            scores=make_scores(list(cost), list(margin)),
        )

    archive = Archive()
    parts = [(data[:cut], 0), (data[cut:], min(cut, len(data)))]
    for rows, first in parts:
        if rows:
            archive.add(candidates(rows, first))

    known = [(c, m, i) for i, (c, m) in enumerate(data) if not math.isnan(c)]
    safe = [(c, i) for c, m, i in known if m > 0]
    if safe:
        expected = min(safe)[1]
    elif known:
        # Of those that violate as little, the cheapest; then the first.
        expected = min(known, key=lambda row: (-row[1], row[0], row[2]))[2]
    else:
        expected = 0
    chosen = archive.best
    index = int(chosen.actions.item())
    assert index == int(chosen.states.item())
    if safe:
        assert data[index][0] == data[expected][0]
        assert data[index][1] > 0
    else:
        assert data[index] == data[expected] or index == expected


def test_an_empty_archive_has_no_best():
    with pytest.raises(ValueError, match="evaluate candidates first"):
        Archive().best


@given(
    margins=arrays(
        np.float32,
        st.tuples(*[st.integers(1, 3)] * 2, st.integers(1, 6), st.integers(1, 4)),
        elements=st.floats(-5, 5, width=32),
    ),
    tail=st.floats(0, 1),
)
def test_the_smallest_margin_of_a_tail_is_the_mean_of_its_futures(margins, tail):
    found = lower_tail(torch.from_numpy(margins), tail).amin(-1)
    per_future = np.sort(margins.min(-1), axis=-1)
    count = max(1, int(np.ceil(round(tail * margins.shape[2], 9))))
    np.testing.assert_allclose(found, per_future[..., :count].mean(-1), atol=1e-5)


def test_an_unknown_future_is_the_worst_one():
    margins = torch.tensor([1.0, 2.0, -math.inf]).view(1, 1, 3, 1)
    assert lower_tail(margins, 0.0).item() == -math.inf
    assert lower_tail(margins, 0.6).item() == -math.inf
