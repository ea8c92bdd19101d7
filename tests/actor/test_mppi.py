"""The convention of MPPI's temperature."""

from __future__ import annotations

import pytest
import torch

from telos.actor import MPPIConfig
from telos.actor.mppi import path_weights

COSTS = torch.tensor([[3.0, 1.0, 2.0, 8.0], [0.0, 0.5, 9.0, 4.0]])


def test_a_cold_average_is_the_cheapest() -> None:
    weights = path_weights(COSTS, 1e-4)
    torch.testing.assert_close(weights, torch.tensor([[0.0, 1, 0, 0], [1.0, 0, 0, 0]]))


def test_a_hot_average_is_uniform() -> None:
    weights = path_weights(COSTS, 1e4)
    torch.testing.assert_close(weights, torch.full((2, 4), 0.25), atol=1e-3, rtol=0)


def test_the_temperature_divides_in_standard_deviations() -> None:
    """One standard deviation more costs a factor of e at a temperature of one."""
    weights = path_weights(COSTS, 1.0)
    expected = (-COSTS / COSTS.std(1, correction=0, keepdim=True)).softmax(1)
    torch.testing.assert_close(weights, expected)


def test_weights_depend_neither_on_the_unit_nor_on_the_zero_of_the_cost() -> None:
    torch.testing.assert_close(
        path_weights(COSTS, 0.3), path_weights(1000 * COSTS - 77, 0.3)
    )


def test_unknown_costs_have_no_weight() -> None:
    costs = COSTS.clone()
    costs[0, 1] = torch.inf
    weights = path_weights(costs, 0.5)
    assert weights[0, 1] == 0
    torch.testing.assert_close(weights.sum(1), torch.ones(2))
    known = path_weights(costs[:1, [0, 2, 3]], 0.5)
    torch.testing.assert_close(weights[:1, [0, 2, 3]], known)


def test_where_nothing_is_known_and_where_all_cost_the_same_all_count_alike() -> None:
    for costs in (torch.full((1, 5), torch.inf), torch.full((1, 5), 2.0)):
        torch.testing.assert_close(path_weights(costs, 0.1), torch.full((1, 5), 0.2))


def test_a_temperature_is_positive() -> None:
    with pytest.raises(ValueError, match="temperature"):
        MPPIConfig(temperature=0.0)
