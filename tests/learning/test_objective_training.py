"""Encoders that are trained with each objective's defaults see what moves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from telos.learning.diagnostics import effective_rank, within_share
from telos.learning.objectives import (
    OBJECTIVES,
    Objective,
    ObjectiveConfig,
    Views,
    build_objective,
    objective_config,
)
from telos.learning.teacher import teacher_of

CLIPS, FRAMES, SEEN = 48, 8, 24
SPEEDS = torch.tensor([0.3, 0.5, 0.8, 1.1])
"""Radians that each of four hands turns in a frame."""


def draw(seed: int) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


@dataclass(frozen=True, kw_only=True)
class Hands:
    """Clips of hands that turn, seen through a mixture of their coordinates."""

    backdrop: float = 0.0
    """Size of what stays in a clip and differs between clips."""
    hands: int = 4

    def clips(self, seed: int, count: int = CLIPS) -> tuple[Tensor, Tensor]:
        """(B, T, 2 hands) where the hands point, (B, T, 24) what is seen."""
        rng = draw(seed)
        start = 6.283 * torch.rand(count, 1, self.hands, generator=rng)
        angle = start + SPEEDS[: self.hands] * torch.arange(FRAMES).view(1, FRAMES, 1)
        hands = torch.cat([angle.cos(), angle.sin()], -1)
        mixture = torch.randn(2 * self.hands, SEEN, generator=draw(3))
        seen = torch.tanh(hands @ mixture / (2 * self.hands) ** 0.5)
        still = torch.randn(count, 1, 8, generator=rng)
        still = still @ torch.randn(8, SEEN, generator=draw(4)) / 8**0.5
        noise = 0.05 * torch.randn(seen.shape, generator=rng)
        return hands, seen + self.backdrop * still + noise


class Watcher(nn.Module):
    """An encoder that ends in a BatchNorm, and a predictor of the next latent."""

    def __init__(self, dim: int) -> None:
        super().__init__()
        self.dim = dim
        self.encoder = nn.Sequential(
            nn.Linear(SEEN, 64),
            nn.GELU(),
            nn.Linear(64, dim),
            nn.BatchNorm1d(dim, affine=False),
        )
        self.predictor = nn.Sequential(nn.Linear(dim, 64), nn.GELU())
        self.predictor.append(nn.Linear(64, dim))


def pictures(seen: Tensor, image: tuple[int, int, int]) -> Tensor:
    return seen.reshape(-1, *image)


def trained(config: ObjectiveConfig, world: Hands, dim: int, steps: int) -> Watcher:
    """The least that a training is: gathered views, a teacher that follows."""
    torch.manual_seed(0)
    watcher, image = Watcher(dim), (4, 6, 1)
    objective = build_objective(config, dim, image)
    objective.fit(pictures(world.clips(9999)[1], image), draw(0))
    teacher = teacher_of(objective.target, config.teacher, watcher.encoder, steps)
    learning = [*watcher.parameters(), *objective.parameters()]
    optimiser = torch.optim.AdamW(learning, 3e-3)
    for step in range(steps):
        _, seen = world.clips(step)
        frames = seen.flatten(0, 1)
        latent = watcher.encoder(frames)
        target = latent if teacher is None else teacher(frames)
        optimiser.zero_grad()
        views = views_of(watcher, latent, target, pictures(seen[:, 1:], image))
        objective(views, draw(step))[0].backward()
        nn.utils.clip_grad_norm_(learning, 5.0)
        optimiser.step()
        if teacher is not None:
            teacher.update(step)
    assert isinstance(objective, Objective)
    return watcher.eval()


def views_of(watcher: Watcher, latent: Tensor, target: Tensor, seen: Tensor) -> Views:
    latents, targets = (z.unflatten(0, (-1, FRAMES)) for z in (latent, target))
    clips = torch.arange(len(latents)).unsqueeze(1).expand(-1, FRAMES)
    return Views(
        predicted=watcher.predictor(latents[:, :-1].flatten(0, 1)),
        target=targets[:, 1:].flatten(0, 1),
        latents=latent,
        clips=clips.flatten(),
        predicted_clips=clips[:, 1:].flatten(),
        pixels=seen,
    )


@torch.no_grad()
def found(watcher: Watcher, world: Hands) -> tuple[Tensor, float]:
    """Latents (B, T, D) of new clips, and how well a line reads the hands off them."""
    hands, seen = world.clips(5000, count=200)
    latents = watcher.encoder(seen.flatten(0, 1))
    rows = torch.cat([latents, torch.ones(len(latents), 1)], 1)
    truth, half = hands.flatten(0, 1), len(rows) // 2
    line = torch.linalg.lstsq(rows[:half], truth[:half]).solution
    error = (rows[half:] @ line - truth[half:]).square().mean()
    skill = 1 - float(error / truth[half:].var(0).mean())
    return latents.unflatten(0, (-1, FRAMES)), skill


def tiny(kind: str, **changes: Any) -> ObjectiveConfig:
    small = {"slices": 32, "patch": 1, "codes": 16, "decoder_width": 32}
    return objective_config(kind, **{**small, **changes})


def test_without_a_regulariser_everything_falls_together() -> None:
    world = Hands()
    config = tiny("vicreg", variance=0.0, covariance=0.0)
    latents, skill = found(trained(config, world, dim=16, steps=150), world)
    assert effective_rank(latents.flatten(0, 1)) < 5
    assert skill < 0.75


def assert_it_sees(kind: str) -> None:
    world = Hands()
    latents, skill = found(trained(tiny(kind), world, dim=16, steps=150), world)
    # Four hands that turn are eight numbers.
    assert effective_rank(latents.flatten(0, 1)) > 7.5
    assert skill > 0.85


@pytest.mark.parametrize("kind", ["vicreg", "logdet", "byol"])
def test_with_one_what_moves_is_seen(kind: str) -> None:
    assert_it_sees(kind)


@pytest.mark.slow
@pytest.mark.parametrize("kind", OBJECTIVES)
def test_with_any_objective_what_moves_is_seen(kind: str) -> None:
    assert_it_sees(kind)


@pytest.mark.parametrize("kind", ["vicreg", "infonce"])
def test_within_clips_a_backdrop_does_not_hide_what_moves(kind: str) -> None:
    """With too few dimensions for both, and a backdrop that is easier to predict."""
    world = Hands(backdrop=2.0, hands=2)
    shares, skills = [], []
    for within in (False, True):
        config = tiny(kind, within_clip=within)
        latents, skill = found(trained(config, world, dim=4, steps=200), world)
        shares.append(within_share(latents))
        skills.append(skill)
    assert shares[0] < 0.1 < 0.4 < shares[1]
    assert skills[0] < 0.2 < 0.5 < skills[1]
