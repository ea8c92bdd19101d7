"""Verdicts on latents whose collapse is known by construction."""

from __future__ import annotations

import math

import pytest
import torch

from telos.learning.diagnostics import judge, measure, within_share
from telos.learning.spectra import effective_rank

EPISODES, FRAMES, DIMS = 40, 10, 16


def moving(seed: int = 0) -> torch.Tensor:
    draw = torch.Generator().manual_seed(seed)
    return torch.randn(EPISODES, FRAMES, DIMS, generator=draw)


def still(seed: int = 1) -> torch.Tensor:
    draw = torch.Generator().manual_seed(seed)
    layout = torch.randn(EPISODES, 1, DIMS, generator=draw)
    return layout.expand(EPISODES, FRAMES, DIMS)


def verdict(latents: torch.Tensor, skill: float = 0.9) -> str:
    return judge(measure(latents, DIMS, skill)).name


def some_dead(latents: torch.Tensor, dead: int) -> torch.Tensor:
    return torch.cat([1e-4 * latents[..., :dead], latents[..., dead:]], -1)


def test_a_healthy_representation_is_ok() -> None:
    found = judge(measure(moving(), DIMS, 0.9))
    assert found.name == "ok"
    assert found.evidence["dead"] == 0
    assert "prediction skill 0.90" in found.text


def test_every_collapse_has_its_name() -> None:
    direction = torch.linspace(1, 2, DIMS)
    on_a_line = moving()[..., :1] * direction + 1e-3 * moving(2)
    assert verdict(1e-4 * moving()) == "complete"
    assert verdict(still() + 0.05 * moving()) == "slow-feature"
    assert verdict(on_a_line) == "dimensional"
    assert verdict(some_dead(moving(), 3)) == "partial"
    assert verdict(moving(), skill=-0.1) == "partial"


def test_a_layout_beside_what_moves_is_no_alarm() -> None:
    assert verdict(moving() + still()) == "ok"


def test_only_the_state_must_move() -> None:
    latents = torch.cat([moving(), still()], -1)
    assert judge(measure(latents, DIMS, 0.9)).name == "ok"
    swapped = torch.cat([still(), moving()], -1)
    assert judge(measure(swapped, DIMS, 0.9)).name == "slow-feature"


def test_the_worst_alarm_comes_first() -> None:
    assert verdict(1e-4 * still(), skill=-1) == "complete"
    assert verdict(still(), skill=-1) == "slow-feature"


@pytest.mark.parametrize(
    "spectrum", [[1.0] * 6, [1.0, 1.0, 1.0], [8.0, 1.0], [4.0, 2.0, 1.0, 1.0]]
)
def test_the_effective_rank_of_a_known_spectrum(spectrum: list[float]) -> None:
    count = len(spectrum)
    rows = torch.randn(200, count, generator=torch.Generator().manual_seed(0))
    columns, _ = torch.linalg.qr(rows - rows.mean(0))
    rotation, _ = torch.linalg.qr(torch.randn(count, count))
    z = columns @ torch.diag(torch.tensor(spectrum)) @ rotation
    share = [s / sum(spectrum) for s in spectrum]
    expected = math.exp(-sum(p * math.log(p) for p in share))
    assert effective_rank(z) == pytest.approx(expected, rel=1e-3)
    assert effective_rank(1000 * z + 5) == pytest.approx(expected, rel=1e-2)


@pytest.mark.parametrize("layout", [0.0, 1.0, 3.0])
def test_the_share_within_episodes_has_a_closed_form(layout: float) -> None:
    draw = torch.Generator().manual_seed(0)
    moves = torch.randn(2000, 20, 3, generator=draw)
    between = torch.randn(2000, 1, 3, generator=draw)
    # The mean of 20 frames takes a twentieth of what moves with it.
    expected = (19 / 20) / (1 + layout**2)
    found = within_share(moves + layout * between)
    assert found == pytest.approx(expected, rel=0.05)


def test_latents_that_are_all_equal_give_finite_evidence() -> None:
    evidence = measure(torch.zeros(4, 5, 6), 6, 0.0)
    assert all(math.isfinite(value) for value in evidence.values())
    assert judge(evidence).name == "complete"


def test_a_patch_where_nothing_moves_is_not_dead() -> None:
    """Of four tokens one moves: the numbers of a token are alive, patches are not."""
    draw = torch.Generator().manual_seed(4)
    state = 1e-4 * torch.randn(EPISODES, FRAMES, 4, 3, generator=draw)
    state[:, :, 0] += torch.randn(EPISODES, FRAMES, 3, generator=draw)
    context = still()[..., :2]
    latents = torch.cat([state.flatten(2), context], -1)
    as_one_vector = judge(measure(latents, 12, 0.9))
    assert as_one_vector.name in ("dimensional", "partial")
    as_tokens = judge(measure(latents, 12, 0.9, tokens=4))
    assert as_tokens.name == "ok"
    assert as_tokens.evidence["dimensions"] == 3 + 2
    # Numbers that no token uses are dead all the same.
    state[..., 2] *= 1e-4
    state[..., 1] *= 1e-4
    collapsed = torch.cat([state.flatten(2), context], -1)
    dead = measure(collapsed, 12, 0.9, tokens=4)["dead"]
    assert dead == pytest.approx(2 / 5)
