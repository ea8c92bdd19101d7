"""The one training loop. A phase says what to minimise; the loop does the rest.

A batch is a pure function of (seed, step), so that weights, optimiser and step number
are all that a checkpoint needs: killed and resumed equals uninterrupted.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor, nn

from telos.learning.config import OptimiserConfig
from telos.learning.distributed import ALONE, Team
from telos.runs import (
    Checkpoint,
    Interrupt,
    Run,
    flatten_optimizer,
    restore_optimizer,
    sole_writer,
)
from telos.runtime import Runtime

LATER = ("habit",)
"""Networks that checkpoints of earlier versions lack."""
LOG_EVERY = 20
"""Steps between lines of metrics.jsonl."""


class Phase(Protocol):
    """One part of a training."""

    name: str
    num_steps: int
    samples_per_step: int
    """Frames or transitions of a batch, for the rate that is shown."""
    optimiser: OptimiserConfig

    def parameters(self) -> list[nn.Parameter]:
        """What this phase trains."""
        ...

    def loss(self, step: int) -> tuple[Tensor, Mapping[str, Tensor]]:
        """The loss of a batch, and its parts for the log."""
        ...

    def after_step(self, step: int) -> Mapping[str, float]:
        """Follow-up of an optimiser step (targets, diagnostics); numbers to log."""
        ...


@dataclass(frozen=True, kw_only=True)
class Progress:
    """What a loop tells whoever listens."""

    phase: str
    step: int
    num_steps: int
    rate: float
    """Samples per second."""
    loss: float


class Interrupted(Exception):  # noqa: N818 - not an error: the run is saved
    """The training was asked to stop and has saved a checkpoint."""


@dataclass(frozen=True, kw_only=True)
class Loop:
    """Runs phases of one run folder.

    Args of `run`: the phase, and the checkpoint to go on from if it is of this phase.
    """

    run_folder: Run
    runtime: Runtime
    modules: nn.Module
    """Everything that a checkpoint stores, whichever phase is running."""
    interrupt: Interrupt
    checkpoint_every: int = 500
    listen: Callable[[Progress], None] = lambda progress: None
    team: Team = ALONE
    """The processes that train together; the leading one writes the run folder."""

    def run(self, phase: Phase, checkpoint: Checkpoint | None = None) -> None:
        """Train one phase to its end.

        Raises:
            Interrupted: After Ctrl-C, with everything saved.
            ValueError: If the loss is not finite.
        """
        optimiser = make_optimiser(phase)
        first = 0
        if checkpoint is not None:
            first = checkpoint.step
            restore_optimizer(optimiser, checkpoint.tensors, checkpoint.state)
        started, before = time.monotonic(), first
        for step in range(first, phase.num_steps):
            loss, parts = train_step(phase, optimiser, step, self.runtime, self.team)
            parts = {**parts, **phase.after_step(step)}
            if (step + 1) % LOG_EVERY == 0 or step + 1 == phase.num_steps:
                elapsed = time.monotonic() - started
                rate = (step + 1 - before) * phase.samples_per_step / elapsed
                self._report(phase, step + 1, loss, parts, rate)
            done = step + 1
            if self.team.any(self.interrupt.requested):
                self._save(phase, optimiser, done)
                raise Interrupted(f"stopped in {phase.name} at step {done}, saved")
            if done % self.checkpoint_every == 0 or done == phase.num_steps:
                self._save(phase, optimiser, done)

    def _report(
        self,
        phase: Phase,
        step: int,
        loss: Tensor,
        parts: Mapping[str, Tensor | float],
        rate: float,
    ) -> None:
        """Log the means over the team."""
        named = {"loss": loss, **parts}
        numbers = torch.tensor([float(v) for v in named.values()], dtype=torch.float64)
        values = dict(zip(named, self.team.mean(numbers).tolist(), strict=True))
        if not self.team.leads:
            return
        self.run_folder.log(step, phase.name, samples_per_second=rate, **values)
        self.listen(
            Progress(
                phase=phase.name,
                step=step,
                num_steps=phase.num_steps,
                rate=rate,
                loss=values["loss"],
            )
        )

    def _save(self, phase: Phase, optimiser: torch.optim.Optimizer, step: int) -> None:
        if not self.team.leads:
            return
        moments, state = flatten_optimizer(optimiser)
        weights = {f"module/{k}": v for k, v in self.modules.state_dict().items()}
        self.run_folder.save_checkpoint(step, phase.name, {**weights, **moments}, state)


def train_step(
    phase: Phase,
    optimiser: torch.optim.Optimizer,
    step: int,
    runtime: Runtime,
    team: Team = ALONE,
) -> tuple[Tensor, Mapping[str, Tensor]]:
    """One optimiser step; the loss and its parts, of this process's rows.

    Raises:
        ValueError: If the loss is not finite in any process; the weights are left as
            they were.
    """
    rate = learning_rate(phase.optimiser, step, phase.num_steps)
    for group in optimiser.param_groups:
        group["lr"] = rate
    with runtime.autocast():
        loss, parts = phase.loss(step)
    whole = team.mean(loss)
    if not torch.isfinite(whole):
        raise ValueError(
            f"the loss of {phase.name} is {whole.item()} at step {step}; the last "
            "checkpoint is good: lower the learning rate and train again"
        )
    optimiser.zero_grad(set_to_none=True)
    loss.backward()
    team.average_gradients(phase.parameters())
    nn.utils.clip_grad_norm_(phase.parameters(), phase.optimiser.clip)
    optimiser.step()
    return loss.detach(), parts


def make_optimiser(phase: Phase) -> torch.optim.AdamW:
    """AdamW over the phase's parameters."""
    config = phase.optimiser
    return torch.optim.AdamW(
        phase.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )


def learning_rate(config: OptimiserConfig, step: int, num_steps: int) -> float:
    """Linear warm-up, then cosine decay to the final share."""
    warmup = max(1, round(config.warmup * num_steps))
    rise = min(1.0, (step + 1) / warmup)
    turn = 0.5 * (1 + math.cos(math.pi * step / max(1, num_steps)))
    return config.learning_rate * rise * (config.final + (1 - config.final) * turn)


def writer(run: Run, team: Team) -> AbstractContextManager:
    """The lock on the run folder, for the process that writes there."""
    return sole_writer(run.path) if team.leads else nullcontext()


def newest_checkpoint(run: Run, team: Team) -> Checkpoint | None:
    """Where the training goes on; the leading process also cuts the metrics back."""
    return run.resume() if team.leads else run.latest_checkpoint()


def restore_modules(modules: nn.Module, checkpoint: Checkpoint) -> None:
    """Load the weights that a checkpoint holds.

    Those of a network that a later phase trains (`LATER`) may be missing: the
    checkpoint is of a version that did not know the phase, which then begins.

    Raises:
        ValueError: If they belong to another configuration.
    """
    prefix = "module/"
    weights = {
        name.removeprefix(prefix): tensor
        for name, tensor in checkpoint.tensors.items()
        if name.startswith(prefix)
    }
    untrained = {
        f"{later}.{name}": tensor
        for later in LATER
        for name, tensor in getattr(modules, later, nn.Module()).state_dict().items()
    }
    try:
        modules.load_state_dict({**untrained, **weights})
    except RuntimeError as mismatch:
        raise ValueError(
            f"the checkpoint does not fit this configuration: {mismatch}"
        ) from None
