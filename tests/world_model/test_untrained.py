"""The control that has learned nothing: as the model, but for its weights."""

from __future__ import annotations

import torch
from tests.world_model.test_jepa import model, observation

from telos.perception.vector import VectorEncoder
from telos.world_model import JEPA, untrained


def vectors(jepa: JEPA) -> VectorEncoder:
    (found,) = (m for m in jepa.perception.modules() if isinstance(m, VectorEncoder))
    return found


def test_weights_are_drawn_from_the_seed_alone() -> None:
    trained, state = model(), torch.get_rng_state()
    one, again, other = (untrained(trained, seed) for seed in (7, 7, 8))
    assert torch.equal(torch.get_rng_state(), state)
    seen = observation()
    first, same, second, before = (m.encode(seen) for m in (one, again, other, trained))
    assert torch.equal(first, same)
    assert not torch.allclose(first, second)
    assert not torch.allclose(first, before)
    assert first.shape == before.shape
    assert not one.training


def test_sensors_are_scaled_as_in_training_and_nothing_else_is_taken() -> None:
    trained = model()
    vectors(trained).standardise(torch.tensor([5.0, -2.0]), torch.tensor([10.0, 0.1]))
    trained.standardise.running_mean.fill_(7.0)
    fresh = untrained(trained, 7)
    assert torch.equal(vectors(fresh).mean, vectors(trained).mean)
    assert torch.equal(vectors(fresh).scale, vectors(trained).scale)
    assert (fresh.standardise.running_mean == 0).all()
    weights = zip(trained.parameters(), fresh.parameters(), strict=True)
    assert not any(torch.equal(a, b) for a, b in weights if a.std() > 0)
