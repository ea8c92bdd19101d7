"""Learning by watching: encoder and causal predictor together, from clips.

z_1 .. z_T     latents of a clip's frames, each encoded for itself
ẑ_{t+1}        predicted from z_1 .. z_t (and a_1 .. a_t, where there are actions)
objective      says what ẑ is compared with, and what keeps z from collapsing
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from jaxtyping import Float, UInt8
from torch import Tensor, nn

from telos.data.prefetch import Batches
from telos.learning import loop as loops
from telos.learning.diagnostics import effective_rank, within_share
from telos.learning.distributed import ALONE, Team
from telos.learning.objectives import Views
from telos.learning.watch_config import WatchConfig
from telos.learning.watched import Watched


@dataclass(frozen=True, kw_only=True)
class Sight:
    """A batch of clips, encoded and predicted."""

    frames: UInt8[Tensor, "B T h w C"]
    features: Float[Tensor, "B T D"]
    """Latents before they are standardised."""
    latents: Float[Tensor, "B T D"]
    predicted: Float[Tensor, "B T1 D"]
    """Of all frames but the first."""
    target: Float[Tensor, "B T D"]
    """What latents are compared with."""


class WatchingPhase:
    """The one phase of a training that watches.

    Each process of a team encodes its part of a batch. Everything after that is a
    matter of the whole batch and is computed by all of them.

    Args:
        watched: Watcher, objective, teacher.
        sampler: Clips of prepared frames: this process's part of each batch.
        config: Settings.
        team: The processes that train together.
    """

    name = "watching"

    def __init__(
        self,
        watched: Watched,
        sampler: Batches,
        config: WatchConfig,
        *,
        team: Team = ALONE,
    ) -> None:
        self.watched, self.sampler, self.config = watched, sampler, config
        self.optimiser, self.num_steps = config.optimiser, config.steps
        self.samples_per_step = config.clips * config.length
        self.team = team
        self._last: Sight | None = None

    def parameters(self) -> list[nn.Parameter]:
        """Watcher and objective; a teacher learns nothing by gradient."""
        return [p for p in self.watched.parameters() if p.requires_grad]

    def loss(self, step: int) -> tuple[Tensor, Mapping[str, Tensor]]:
        """The objective on the batch of a step."""
        self.watched.train()
        self._last = sight = self.look(step)
        views = views_of(self.watched, sight, step / self.num_steps)
        draw = torch.Generator().manual_seed(hash((self.config.seed, step)) % 2**63)
        return self.watched.objective(views, draw)

    def after_step(self, step: int) -> Mapping[str, float]:
        """The teacher follows; whenever lines are logged, so are the diagnostics."""
        if self.watched.teacher is not None:
            self.watched.teacher.update(step)
        done = step + 1
        if done % loops.LOG_EVERY and done != self.num_steps:
            return {}
        assert self._last is not None
        return measured(self.watched, self._last)

    def look(self, step: int) -> Sight:
        """The batch of a step, encoded and predicted."""
        window, watcher, team = (
            self.sampler.batch(step),
            self.watched.watcher,
            self.team,
        )
        own = window.observations[watcher.config.stream].to(watcher.device)
        features = team.gather(watcher.encoder.features(own))
        latents = watcher.encoder.standardised(features)
        actions = None
        if watcher.config.action_dim:
            actions = team.gather(window.actions.to(watcher.device))
        predicted = watcher.predict(latents[:, :-1], actions)
        return Sight(
            frames=team.gather(own),
            features=features.detach(),
            latents=latents,
            predicted=predicted,
            target=self._target(own, latents),
        )

    def _target(self, own: Tensor, latents: Tensor) -> Tensor:
        watched = self.watched
        if (teacher := watched.taught_by) is not None:
            with torch.no_grad():
                features = self.team.gather(teacher.features(own))
                return teacher.standardised(features)
        return latents if watched.objective.target == "online" else latents.detach()


def views_of(watched: Watched, sight: Sight, progress: float = 1.0) -> Views:
    """What the objective sees of a batch."""
    count, length = sight.latents.shape[:2]
    clips = torch.arange(count, device=sight.latents.device)
    return Views(
        predicted=sight.predicted.flatten(0, 1),
        target=sight.target[:, 1:].flatten(0, 1),
        latents=sight.latents.flatten(0, 1),
        clips=clips.repeat_interleave(length),
        predicted_clips=clips.repeat_interleave(length - 1),
        pixels=watched.pixels(sight.frames),
        progress=progress,
    )


@torch.no_grad()
def skill(watched: Watched, sight: Sight) -> float:
    """1 - surprise / surprise if nothing changed, in the objective's own space.

    If nothing changed, the next target would be the one before it. An objective that
    looks at pictures has drawn one of the frame before: that one is taken. NaN where a
    clip is too short for it.
    """
    objective, target, predicted = watched.objective, sight.target, sight.predicted
    told, still = predicted, target[:, :-1]
    if objective.target == "pixels":
        told, still = predicted[:, 1:], predicted[:, :-1]
    count = told.shape[1]
    if count == 0:
        return math.nan
    after = target[:, -count:].flatten(0, 1)
    pixels = watched.pixels(sight.frames[:, -count - 1 :])
    was_training = objective.training
    objective.eval()
    error = objective.surprise(told.flatten(0, 1), after, pixels).mean()
    same = objective.surprise(still.flatten(0, 1), after, pixels).mean()
    objective.train(was_training)
    return float(1 - error / same.clamp_min(1e-12))


def measured(watched: Watched, sight: Sight) -> Mapping[str, float]:
    """How far latents are from collapse, and predictions from copies of the present."""
    latents = sight.latents.detach()
    std = latents.flatten(0, 1).std(dim=0)
    return {
        "std_min": float(std.min()),
        "std_mean": float(std.mean()),
        "feature_std": float(sight.features.flatten(0, 1).std(dim=0).mean()),
        "effective_rank": effective_rank(latents.flatten(0, 1)),
        "within_share": within_share(latents),
        "prediction_skill": skill(watched, sight),
    }
