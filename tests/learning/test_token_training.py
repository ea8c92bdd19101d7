"""Anti-collapse terms of states of tokens."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch
from tests.learning.worlds import write_moving_dots

from telos.data.store import EpisodeFile
from telos.learning.config import TrainConfig, adapted
from telos.learning.losses import covariance, variance
from telos.learning.modules import build_modules
from telos.learning.phases import representation_phase
from telos.learning.recipes import recipe
from telos.learning.representation import STATE_SPREAD, within_groups
from telos.learning.training import split_episodes


@pytest.fixture(scope="module")
def file(tmp_path_factory) -> EpisodeFile:
    path: Path = tmp_path_factory.mktemp("dots") / "dots.h5"
    return EpisodeFile(write_moving_dots(path))


def config(file: EpisodeFile, anti_collapse: str = "vicreg") -> TrainConfig:
    base = recipe("tiny", 0.001, backbone="vit-tokens", predictor="tokens")
    changed = replace(
        base.representation, anti_collapse=anti_collapse, episodes=6, windows=2
    )
    return adapted(replace(base, data="dots.h5", representation=changed), file.spec)


def test_variance_and_covariance_are_those_of_a_token(file: EpisodeFile) -> None:
    settings = config(file)
    modules = build_modules(settings, file.load())
    episodes = split_episodes(settings, modules.model, file.load())
    phase = representation_phase(settings, modules, episodes.train)
    _, parts = phase.loss(0)

    latent = modules.model.encode_prepared(phase.sampler.batch(0).observations)
    state, _ = modules.model.split(latent)
    residuals = within_groups(state.unflatten(0, (-1, 2)))
    tokens = residuals.view(-1, settings.model.token_dim)
    assert len(tokens) == 4 * len(residuals)
    torch.testing.assert_close(
        parts["state_variance"], variance(tokens, STATE_SPREAD).detach()
    )
    torch.testing.assert_close(parts["state_covariance"], covariance(tokens).detach())
    # The flat state would ask every patch to move: these are other numbers.
    flat = variance(residuals, STATE_SPREAD).detach()
    assert (parts["state_variance"] - flat).abs() > 1e-3


def test_sigreg_looks_at_whole_frames(file: EpisodeFile) -> None:
    settings = config(file, "sigreg")
    modules = build_modules(settings, file.load())
    episodes = split_episodes(settings, modules.model, file.load())
    loss, parts = representation_phase(settings, modules, episodes.train).loss(0)
    loss.backward()
    assert parts["state_sigreg"].isfinite()
    assert modules.model.perception.parts["pixels"].embed.weight.grad.abs().sum() > 0


def test_the_dial_sizes_tokens_and_their_batches() -> None:
    plain, tokens = recipe("tiny"), recipe("tiny", predictor="tokens")
    assert tokens.dynamics.batch < plain.dynamics.batch
    assert tokens.model.predictor.width < plain.model.predictor.width
    assert tokens.representation == plain.representation
