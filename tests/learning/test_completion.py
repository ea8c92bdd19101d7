"""Guessing latents from some streams: exact worlds, the encoder untouched, controls."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.learning.worlds import tiny_config, tiny_model, walk_episode, walk_spec

from telos.data.actions import ActionScale
from telos.data.recording import Recording
from telos.data.windows import WindowSampler
from telos.envs.world import StreamSpec
from telos.learning.completion import (
    CompletionPhase,
    at_rest,
    measure_told,
    some_streams,
)
from telos.learning.config import CompletionConfig, OptimiserConfig, adapted
from telos.learning.loop import make_optimiser, train_step
from telos.learning.modules import build_modules
from telos.learning.recipes import recipe
from telos.runtime import choose_runtime
from telos.types import Episode
from telos.world_model import JEPA, fitted

CPU = choose_runtime("cpu", "float32")
SPLIT = {
    "moves": StreamSpec(shape=(4,), dtype="float32"),
    "again": StreamSpec(shape=(2,), dtype="float32"),
    "noise": StreamSpec(shape=(2,), dtype="float32"),
}
"""The walk's observation, half of it again, and numbers that are about nothing."""
FAST = CompletionConfig(
    steps=150, batch=64, optimiser=OptimiserConfig(learning_rate=5e-3)
)


def split_walks(episodes: int = 40) -> Recording:
    noise = torch.Generator().manual_seed(3)
    recorded = []
    for seed in range(episodes):
        walk = walk_episode(seed)
        whole = walk.observations["state"]
        draws = torch.randn(len(whole), 2, generator=noise).numpy()
        streams = {"moves": whole, "again": whole[:, :2].copy(), "noise": draws}
        recorded.append(Episode(observations=streams, actions=walk.actions, seed=seed))
    return Recording.from_episodes(recorded, walk_spec(streams=SPLIT))


def deaf_to_noise(model: JEPA) -> JEPA:
    """A model whose latents do not depend on the noise."""
    with torch.no_grad():
        widths, at = model.perception.widths, 0
        for name, width in widths.items():
            if name == "noise":
                model.head.weight[:, at : at + width] = 0.0
            at += width
    return model


@pytest.fixture(scope="module")
def guessed() -> tuple[JEPA, Recording, dict[str, torch.Tensor]]:
    """A model that has learned to guess, held-out episodes, and its weights before."""
    recording = split_walks()
    config = adapted(tiny_config(model=tiny_model(streams={})), recording.spec)
    assert config.model.completes
    assert not config.model.balanced, "there are no cameras"
    model = deaf_to_noise(build_modules(config, recording).model)
    sampler = WindowSampler(recording.select(range(30)), length=1, batch=FAST.batch)
    calibrate(model, sampler)
    before = {name: value.clone() for name, value in model.state_dict().items()}
    phase = CompletionPhase(model, sampler, FAST)
    optimiser = make_optimiser(phase)
    for step in range(phase.num_steps):
        train_step(phase, optimiser, step, CPU)
    return model, recording.select(range(30, 40)), before


def calibrate(model: JEPA, sampler: WindowSampler) -> None:
    """Let the standardisation of latents see some frames, as the first phase does."""
    model.train()
    with torch.no_grad():
        for step in range(60):
            model.encode_prepared(sampler.batch(step).observations)


def test_what_decides_the_state_tells_it_and_noise_does_not(guessed) -> None:
    model, held_out, _ = guessed
    unmeasured = model.told_by(["moves"])
    verdict = measure_told(model, held_out)
    assert unmeasured.tolist() == [0.0, 0.0]
    shares = {name: model.told_by([name]).mean() for name in model.streams}
    assert shares["moves"] > 0.9
    assert shares["moves"] > shares["again"] > 0.2
    assert shares["noise"] < 0.1
    assert "noise" in verdict.text
    assert set(verdict.evidence) >= {"moves", "again+noise"}


def test_the_encoder_is_left_as_it_was(guessed) -> None:
    model, _, before = guessed
    for name, value in model.state_dict().items():
        changed = not torch.equal(value, before[name])
        assert changed <= name.startswith("completion."), name
    assert not torch.equal(
        model.state_dict()["completion.absent"], before["completion.absent"]
    )


def test_a_goal_is_completed_to_what_all_streams_would_give(guessed) -> None:
    model, held_out, _ = guessed
    model.eval()
    frames = {
        name: torch.from_numpy(held_out.observations[name][:64])[:, None]
        for name in model.streams
    }
    with torch.no_grad():
        whole = model.encode(frames)
        assert torch.equal(model.complete(frames), whole)
        guess = model.complete({"moves": frames["moves"]})
        shuffled = model.complete({"moves": frames["moves"].roll(7, 0)})
    error, control = ((x - whole).square().mean() for x in (guess, shuffled))
    assert error < 0.15
    assert control > 5 * error


def test_a_model_without_completion_refuses_by_name() -> None:
    recording = split_walks(6)
    config = tiny_config(model=tiny_model(streams={"moves": (4,), "again": (2,)}))
    model = build_modules(config, recording).model
    some = {"moves": torch.zeros(1, 1, 4)}
    with pytest.raises(ValueError, match=r"only moves is there.*not learned to guess"):
        model.complete(some)
    with pytest.raises(ValueError, match="has no 'again'"):
        model.encode(some)
    assert model.told_by(["moves"]).tolist() == [0.0, 0.0]
    assert model.told_by(["moves", "again"]).tolist() == [1.0, 1.0]


def test_all_else_starts_from_the_same_weights_with_and_without() -> None:
    recording = split_walks(6)
    config = tiny_config(model=tiny_model(streams={}))
    with_it = adapted(config, recording.spec)
    without = tiny_config(
        model=tiny_model(streams=dict(with_it.model.streams), action_dim=2)
    )
    first, second = (build_modules(c, recording) for c in (with_it, without))
    weights = first.state_dict()
    for name, value in second.state_dict().items():
        assert torch.equal(weights[name], value), name


def test_any_number_of_streams_is_shown_but_none_or_all() -> None:
    shown = some_streams(4000, 4, torch.Generator().manual_seed(0))
    counts = shown.sum(1)
    assert (counts.min(), counts.max()) == (1, 3)
    shares = torch.bincount(counts, minlength=4)[1:] / 4000
    torch.testing.assert_close(shares, torch.full((3,), 1 / 3), atol=0.04, rtol=0)
    torch.testing.assert_close(
        shown.float().mean(0), torch.full((4,), 0.5), atol=0.04, rtol=0
    )


def test_a_state_of_patch_tokens_is_completed_too() -> None:
    shapes = {"front": (32, 32, 3), "side": (16, 32, 3), "arm": (2,)}
    base = recipe("tiny", backbone="vit-tokens", predictor="tokens").model
    config = fitted(replace(base, completes=True, balanced=True), shapes, 2)
    model = JEPA(config, ActionScale(np.full(2, -1.0), np.full(2, 1.0))).eval()
    whole = {
        name: torch.zeros(3, 1, *shape, dtype=torch.uint8 if len(shape) > 1 else None)
        for name, shape in shapes.items()
    }
    assert torch.equal(model.complete(whole), model.encode(whole))
    front = {"front": whole["front"]}
    assert model.complete(front).shape == (3, 1, config.latent_dim)
    assert model.told_by(front).shape == (config.state_dim,)
    seen = {n: x[:, 0] for n, x in model.prepare(whole).items()}
    features, latent = at_rest(model, seen)
    assert features.shape == (3, model.perception.width)
    torch.testing.assert_close(latent, model.encode(whole)[:, 0])
    silent = JEPA(replace(config, completes=False), model.action_scale).eval()
    assert not silent.told_by(front).any()
