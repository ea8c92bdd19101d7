"""Training that makes gradients useful: straight ways, and disturbed beginnings."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.learning.worlds import tiny_config, walks

from telos.data.windows import WindowSampler
from telos.learning import training
from telos.learning.checks import check_trainable
from telos.learning.dynamics import DynamicsPhase
from telos.learning.latents import LATENT, encode_recording
from telos.learning.losses import straightness
from telos.learning.modules import build_modules
from telos.runs import Run
from telos.runtime import Runtime
from telos.world_model import load_world_model

CPU = Runtime(device="cpu", dtype="float32", threads=1, reasons=())


def bend_after_training(folder: Path, weight: float) -> float:
    config = tiny_config(steps=150)
    config = replace(
        config, representation=replace(config.representation, straightness=weight)
    )
    run, recording = Run.create(folder, config), walks(12)
    training.train(run, config, recording, CPU)
    tensors, description = run.load_model()
    model = load_world_model(tensors, description["world_model"])
    latents = encode_recording(model, recording)
    window = WindowSampler(latents, length=4, batch=256).batch(0)
    state, _ = model.split(window.observations[LATENT])
    return float(straightness(state))


def test_ways_become_straighter(tmp_path: Path) -> None:
    plain = bend_after_training(tmp_path / "plain", 0.0)
    straight = bend_after_training(tmp_path / "straight", 5.0)
    # Actions are drawn anew at every step: half of all turns cannot be straightened.
    assert straight < plain - 0.04


def phase_with(noise: float) -> tuple[DynamicsPhase, torch.Tensor]:
    config, recording = tiny_config(), walks(8)
    modules = build_modules(config, recording)
    latents = encode_recording(modules.model.eval(), recording)
    settings = replace(config.dynamics, noise=noise)
    phase = DynamicsPhase(modules.model, latents, settings, seed=3)
    window = WindowSampler(latents, length=4, batch=4000).batch(0)
    return phase, window.observations[LATENT]


def test_only_the_beginning_is_disturbed_as_much_as_was_asked() -> None:
    phase, latent = phase_with(0.5)
    disturbed = phase._disturbed(latent, 7)
    assert torch.equal(disturbed[:, 1:], latent[:, 1:])
    assert torch.equal(disturbed[:, 0, 2:], latent[:, 0, 2:]), "the context stays"
    noise = (disturbed - latent)[:, 0, :2]
    torch.testing.assert_close(
        noise.std(0), 0.5 * latent[:, 0, :2].std(0), rtol=0.05, atol=0
    )
    assert torch.equal(disturbed, phase._disturbed(latent, 7))
    assert not torch.equal(disturbed, phase._disturbed(latent, 8))


def test_without_noise_nothing_is_disturbed() -> None:
    phase, latent = phase_with(0.0)
    assert phase._disturbed(latent, 7) is latent


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"representation": {"straightness": -1.0}}, "straightness is -1"),
        ({"dynamics": {"noise": float("nan")}}, "noise is nan"),
    ],
)
def test_weights_below_zero_are_refused_before_a_run_is_made(change, message) -> None:
    config, recording = tiny_config(), walks(12)
    for part, fields in change.items():
        config = replace(config, **{part: replace(getattr(config, part), **fields)})
    with pytest.raises(ValueError, match=message):
        check_trainable(config, recording.spec, recording.lengths)
