"""Probes: linear and curved labels, noise, and episodes that must not leak."""

from __future__ import annotations

import pytest
import torch

from telos.evaluation.probes import SHARES, probe, probe_label


def _data(seed=0, episodes=20, frames=30, dim=6):
    generator = torch.Generator().manual_seed(seed)
    latents = torch.randn(episodes * frames, dim, generator=generator)
    return latents, torch.arange(episodes).repeat_interleave(frames), generator


def test_a_linear_label_is_read_exactly_and_in_its_unit():
    latents, episodes, _ = _data()
    labels = 5 + 10 * latents[:, :2] - 3 * latents[:, 2:4]
    result = probe(latents, labels, episodes, unit="px")
    assert result.r2 > 0.9999
    assert result.error < 0.05
    assert result.unit == "px"
    assert result.num_test == 4 * 30
    # Two independent normals of variance 109: the mean length is sqrt(109 pi / 2).
    assert result.guess == pytest.approx((109 * torch.pi / 2) ** 0.5, rel=0.15)


def test_noise_is_not_explained():
    latents, episodes, generator = _data()
    labels = torch.randn(len(latents), 2, generator=generator)
    result = probe(latents, labels, episodes, unit="m")
    assert result.r2 < 0.1
    assert result.error == pytest.approx(result.guess, rel=0.1)


def test_only_the_network_reads_a_curved_label():
    latents, episodes, _ = _data(episodes=40, dim=2)
    labels = latents[:, 0] ** 2
    assert probe(latents, labels, episodes, unit="").r2 < 0.15
    assert probe(latents, labels, episodes, unit="", kind="mlp").r2 > 0.9


def test_both_kinds_are_measured_beside_an_encoder_that_has_learned_nothing():
    """The label is the square of a latent, which random latents know nothing of."""
    latents, episodes, generator = _data(episodes=40, dim=2)
    blind = torch.randn(len(latents), 2, generator=generator)
    labels = latents[:, :1] ** 2
    found = probe_label(latents, labels, episodes, untrained=blind, unit="m")
    assert found.mlp.r2 > found.linear.r2 + 0.8
    assert found.untrained_linear is not None
    assert found.untrained_mlp is not None
    assert found.untrained_linear.r2 <= 0.05
    assert found.untrained_mlp.r2 <= 0.05
    kinds = found.linear, found.mlp, found.untrained_linear, found.untrained_mlp
    assert [p.kind for p in kinds] == ["linear", "mlp"] * 2
    assert len({(p.guess, p.num_test) for p in kinds}) == 1
    assert probe_label(latents, labels, episodes, unit="m").untrained_mlp is None


def test_a_label_that_has_nothing_to_do_with_the_latents_is_not_read():
    latents, episodes, generator = _data(episodes=40)
    labels = torch.randn(len(latents), 2, generator=generator)
    found = probe_label(latents, labels, episodes, unit="")
    assert found.linear.r2 <= 0.05
    assert found.mlp.r2 <= 0.05


def test_the_middle_episodes_alone_choose_the_penalty():
    """They say that nothing can be known, so that the largest penalty, 1, is chosen.

    On standardised latents it halves the weight; a quarter of the variance stays.
    """
    latents, episodes, _ = _data(episodes=200, dim=1)
    order = torch.randperm(200, generator=torch.Generator().manual_seed(0))
    first, second = (round(sum(SHARES[: n + 1]) * 200) for n in range(2))
    labels = latents.clone()
    labels[torch.isin(episodes, order[first:second])] = 0.0
    assert probe(latents, labels, episodes, unit="").r2 == pytest.approx(0.75, abs=0.02)
    assert probe(latents, latents, episodes, unit="").r2 > 0.999


def test_what_only_names_the_episode_does_not_count():
    """Latents that identify the episode explain a per-episode label only by leaking."""
    _, episodes, generator = _data(episodes=25)
    names = torch.randn(25, 12, generator=generator)[episodes]
    labels = torch.randn(25, 1, generator=generator)[episodes]
    assert probe(names, labels, episodes, unit="", kind="mlp").r2 < 0.3


def test_equal_seeds_give_equal_probes():
    latents, episodes, _ = _data()
    results = [
        probe(latents, latents[:, 0] ** 2, episodes, unit="", kind="mlp", seed=3)
        for _ in range(2)
    ]
    assert results[0] == results[1]


def test_too_few_episodes_and_wrong_rows_are_explained():
    latents, episodes, _ = _data(episodes=4)
    with pytest.raises(ValueError, match="at least 5 episodes"):
        probe(latents, latents, episodes, unit="")
    with pytest.raises(ValueError, match="rows"):
        probe(latents, latents[:-1], episodes, unit="")
