"""The configurator: tasks adapt everything, but guardrails only get tighter."""

import math
from dataclasses import replace

import pytest
import torch

from telos.actor import ICEM, ICEMConfig, RandomShooting, RandomShootingConfig
from telos.configurator import Configuration, Configurator, Task
from telos.cost import Effort, KeepOutDisc, Smoothness, identity_readout
from telos.types import Trajectory

POSITION = identity_readout(2, [0, 1], unit="m")
DISC = KeepOutDisc(readout=POSITION, center=(1.0, 0.0), radius=0.5, buffer=0.1)
OTHER = KeepOutDisc(readout=POSITION, center=(3.0, 0.0), radius=0.5)
STANDING = Configuration(
    planner=ICEMConfig(samples=32), weights={"effort": 1.0}, guardrails=(DISC,)
)
TRAJECTORY = Trajectory(
    states=torch.randn(1, 30, 1, 5, 2, generator=torch.Generator().manual_seed(0)),
    actions=torch.ones(1, 30, 4, 2),
)


def configure(**wishes) -> Configuration:
    return Configurator(STANDING).configure(Task(**wishes))


def test_an_empty_task_changes_nothing():
    configuration = configure()
    assert configuration.planner == STANDING.planner
    assert configuration.weights == STANDING.weights
    assert configuration.digests == STANDING.digests


def test_a_task_adapts_search_and_weights():
    configuration = configure(
        horizon=7, samples=9, iterations=2, replan_every=3, weights={"smoothness": 0.5}
    )
    expected = replace(STANDING.planner, horizon=7, samples=9, iterations=2)
    assert configuration.planner == expected
    assert configuration.replan_every == 3
    assert configuration.weights == {"effort": 1.0, "smoothness": 0.5}
    assert STANDING.planner == ICEMConfig(samples=32)


def test_tightening_lowers_every_margin():
    tight = configure(tighten={DISC.name: 0.2}).guardrails[0]
    difference = DISC.margin(TRAJECTORY) - tight.margin(TRAJECTORY)
    assert torch.allclose(difference, torch.tensor(0.2), atol=1e-6)


def test_guardrails_are_added_never_dropped():
    configuration = configure(guardrails=(OTHER,))
    assert set(configuration.digests) == {DISC.name, OTHER.name}
    assert configuration.digests[DISC.name] == DISC.digest


@pytest.mark.parametrize(
    ("wishes", "message"),
    [
        ({"tighten": {DISC.name: -0.1}}, "only be tightened"),
        ({"tighten": {"disk": 0.1}}, "tighten names disk"),
        ({"guardrails": (replace(DISC, buffer=0.0),)}, "is not replaced"),
        ({"guardrails": (replace(OTHER, name=DISC.name),)}, "is not replaced"),
        ({"weights": {"effort": -1.0}}, "expected a number >= 0"),
        ({"weights": {"effort": math.nan}}, "expected a number >= 0"),
        ({"horizon": 0}, "horizon is 0"),
    ],
)
def test_a_task_can_neither_loosen_nor_confuse(wishes, message):
    with pytest.raises(ValueError, match=message):
        configure(**wishes)


def test_naming_a_standing_guardrail_again_is_harmless():
    assert configure(guardrails=(DISC,)).digests == STANDING.digests


def test_the_objective_is_the_weighted_sum():
    offered = {"effort": Effort(), "smoothness": Smoothness()}
    configuration = configure(weights={"effort": 2.0, "smoothness": 0.0})
    objective = configuration.build_objective(offered)
    expected = 2.0 * Effort()(TRAJECTORY)
    assert torch.allclose(objective(TRAJECTORY), expected)
    with pytest.raises(ValueError, match="weights name goal; on offer: effort"):
        configure(weights={"goal": 1.0}).build_objective(offered)
    with pytest.raises(ValueError, match="all weights are 0"):
        configure(weights={"effort": 0.0}).build_objective(offered)


def test_the_planner_follows_from_its_config():
    assert isinstance(STANDING.build_planner(), ICEM)
    shooting = Configuration(planner=RandomShootingConfig())
    assert isinstance(shooting.build_planner(), RandomShooting)
