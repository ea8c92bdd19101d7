"""Predictors: shapes, memory, and that each learns a linear map."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from telos.world_model.config import PredictorConfig
from telos.world_model.predictors import Predictor, build_predictor
from telos.world_model.predictors.mixture import MixturePredictor, drawn

KINDS = ("mixture", "residual", "recurrent", "transformer")
STATE, CONTEXT, ACTION = 3, 2, 2


def predictor(kind: str, seed: int = 0) -> Predictor:
    torch.manual_seed(seed)
    config = PredictorConfig(kind=kind, width=32, depth=1)
    return build_predictor(config, STATE, CONTEXT, ACTION).eval()


def inputs(steps: int, batch: int = 5) -> tuple[torch.Tensor, ...]:
    draw = torch.Generator().manual_seed(1)
    return (
        torch.randn(batch, steps, STATE, generator=draw),
        torch.randn(batch, CONTEXT, generator=draw),
        torch.randn(batch, steps, ACTION, generator=draw),
    )


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("steps", [1, 2, 6])
def test_any_past_gives_one_next_state(kind: str, steps: int) -> None:
    assert predictor(kind)(*inputs(steps)).shape == (5, STATE)


@pytest.mark.parametrize("kind", KINDS)
def test_a_prediction_does_not_depend_on_its_batch(kind: str) -> None:
    network, (states, context, actions) = predictor(kind), inputs(3)
    whole = network(states, context, actions)
    alone = [network(states[i : i + 1], context[i : i + 1], actions[i : i + 1])
             for i in range(5)]  # fmt: skip
    torch.testing.assert_close(whole, torch.cat(alone), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("kind", KINDS)
def test_nothing_older_than_the_memory_counts(kind: str) -> None:
    network, (states, context, actions) = predictor(kind), inputs(7)
    before = network(states, context, actions)
    old = 7 - network.memory
    states[:, :old], actions[:, :old] = 99.0, 99.0
    torch.testing.assert_close(network(states, context, actions), before)
    states[:, old] += 1.0
    assert not torch.allclose(network(states, context, actions), before)


def test_the_transformer_reads_every_step_of_its_memory() -> None:
    network, (states, context, actions) = predictor("transformer"), inputs(4)
    actions.requires_grad_()
    (gradient,) = torch.autograd.grad(
        network(states, context, actions).square().sum(), actions
    )
    assert (gradient.abs().sum((0, 2)) > 0).all()


def test_ages_count_from_the_newest_step() -> None:
    """A shift in time changes nothing: only distance from now has an embedding."""
    network, (states, context, actions) = predictor("transformer"), inputs(4)
    with torch.no_grad():
        network.age[:-2] = 77.0  # ages that a past of two steps does not have
    short = network(states[:, -2:], context, actions[:, -2:])
    with torch.no_grad():
        network.age[:-2] = 0.0
    again = network(states[:, -2:], context, actions[:, -2:])
    torch.testing.assert_close(short, again)


@pytest.mark.parametrize("kind", KINDS)
def test_the_order_of_the_past_matters_only_with_memory(kind: str) -> None:
    network, (states, context, actions) = predictor(kind), inputs(3)
    swapped = states[:, [1, 0, 2]], context, actions[:, [1, 0, 2]]
    same = torch.allclose(network(states, context, actions), network(*swapped))
    assert same is (network.memory == 1)


@pytest.mark.parametrize("kind", KINDS)
def test_a_linear_map_is_learned(kind: str) -> None:
    network = predictor(kind).train()
    draw = torch.Generator().manual_seed(3)
    matrix = torch.eye(STATE) + 0.3 * torch.randn(STATE, STATE, generator=draw)
    effect = torch.randn(STATE, ACTION, generator=draw)

    def batch() -> tuple[torch.Tensor, ...]:
        states = torch.randn(128, 1, STATE, generator=draw)
        actions = torch.rand(128, 1, ACTION, generator=draw) * 2 - 1
        context = torch.randn(128, CONTEXT, generator=draw)
        target = states[:, 0] @ matrix.T + actions[:, 0] @ effect.T
        return states, context, actions, target

    optimiser = torch.optim.Adam(network.parameters(), 5e-3)
    for _ in range(300):
        *given, target = batch()
        loss = (network(*given) - target).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    states, context, actions, target = batch()
    with torch.no_grad():
        error = (network(states, context, actions) - target).square().mean()
    still = (states[:, 0] - target).square().mean()
    # The gated cell saturates: it bends a map without bounds at its ends.
    assert error < (0.15 if kind == "recurrent" else 0.05) * still


def at_the_wall(count: int, draw: torch.Generator) -> tuple[torch.Tensor, ...]:
    """The same push moves by one or not at all, and nothing tells which."""
    states = torch.zeros(count, 1, STATE)
    actions, context = torch.ones(count, 1, ACTION), torch.zeros(count, CONTEXT)
    moves = (torch.rand(count, 1, generator=draw) < 0.7).float()
    return states, context, actions, moves.expand(-1, STATE)


def imagined_at_the_wall(kind: str) -> float:
    network, draw = predictor(kind).eval(), torch.Generator().manual_seed(3)
    optimiser = torch.optim.Adam(network.parameters(), 5e-3)
    for _ in range(400):
        loss = network.mismatch(*at_the_wall(128, draw))
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    states, context, actions, _ = at_the_wall(1, draw)
    with torch.no_grad():
        return float(network(states, context, actions)[0, 0])


def test_a_mixture_imagines_what_is_likely_and_not_the_mean() -> None:
    assert imagined_at_the_wall("residual") == pytest.approx(0.7, abs=0.1)
    assert imagined_at_the_wall("mixture") == pytest.approx(1.0, abs=0.05)


def test_a_mixture_knows_how_likely_its_outcomes_are() -> None:
    torch.manual_seed(0)
    network = MixturePredictor(STATE, CONTEXT, ACTION, PredictorConfig(width=8))
    states, context, actions = inputs(2)
    outcomes, likelihood = network.distribution(states, context, actions)
    torch.testing.assert_close(likelihood.exp().sum(-1), torch.ones(5))
    observed = torch.randn(5, STATE)
    log_spread = network.log_spread
    density = torch.distributions.Independent(
        torch.distributions.Normal(outcomes, log_spread.exp().expand_as(outcomes)), 1
    ).log_prob(observed[:, None])
    constant = 0.5 * np.log(2 * np.pi)
    expected = -torch.logsumexp(likelihood + density, -1).mean() / STATE - constant
    found = network.mismatch(states, context, actions, observed)
    torch.testing.assert_close(found, expected)


def test_a_mixture_has_the_mean_while_the_encoder_learns() -> None:
    network, given = predictor("mixture").train(), inputs(1)
    outcomes, likelihood = network.distribution(*given)
    mean = (likelihood.exp()[..., None] * outcomes).sum(1)
    torch.testing.assert_close(network(*given), mean)
    chosen = network.eval()(*given)
    best = likelihood.argmax(-1)
    torch.testing.assert_close(chosen, outcomes[torch.arange(5), best])


def test_unknown_names_list_the_choices() -> None:
    with pytest.raises(
        ValueError, match="'mamba' is unknown.*'mixture', 'recurrent', 'residual'"
    ):
        build_predictor(PredictorConfig(kind="mamba"), 2, 2, 2)


def test_luck_chooses_outcomes_as_often_as_they_are_likely() -> None:
    odds = torch.tensor([0.1, 0.55, 0.05, 0.3])
    luck = (torch.arange(2000) + 0.5) / 2000
    chosen = drawn(odds.log().expand(2000, -1), luck)
    shares = torch.bincount(chosen, minlength=4) / 2000
    torch.testing.assert_close(shares, odds, atol=1e-3, rtol=0.0)
    # Without luck the most likely one, and the luckless end of the range is an outcome.
    ends = drawn(odds.log().expand(2, -1), torch.tensor([0.0, 1.0 - 1e-7]))
    assert ends.tolist() == [1, 2]
