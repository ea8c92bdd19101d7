"""The phase in which a watcher learns: one objective, one pass over clips."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

from telos.data.prefetch import Batches
from telos.learning import loop as loops
from telos.learning.distributed import ALONE, Team
from telos.learning.sight import Sight, measured
from telos.learning.taught import Watched
from telos.learning.watch_config import WatchConfig


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
        draw = torch.Generator().manual_seed(hash((self.config.seed, step)) % 2**63)
        return self.watched.objective(sight.views(step / self.num_steps), draw)

    def look(self, step: int) -> Sight:
        """The batch of a step, encoded and predicted."""
        window = self.sampler.batch(step)
        return self.watched.look(window, (self.config.seed, step), self.team)

    def after_step(self, step: int) -> Mapping[str, float]:
        """The teacher follows; whenever lines are logged, so are the diagnostics."""
        if self.watched.teacher is not None:
            self.watched.teacher.update(step)
        done = step + 1
        if done % loops.LOG_EVERY and done != self.num_steps:
            return {}
        assert self._last is not None
        return measured(self.watched.objective, self._last)
