"""The loop: schedule, a loss that is not finite, the log."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest
import torch
from torch import nn

from telos.learning.config import OptimiserConfig
from telos.learning.loop import Interrupted, Loop, learning_rate, restore_modules
from telos.runs import Checkpoint, Interrupt, Run
from telos.runtime import Runtime

CPU = Runtime(device="cpu", dtype="float32", threads=1, reasons=())


class Slope:
    """Minimise w squared; at step `bad` the loss is not a number."""

    name, samples_per_step = "slope", 1

    def __init__(self, num_steps: int = 40, bad: int | None = None) -> None:
        self.num_steps, self.bad = num_steps, bad
        self.optimiser = OptimiserConfig(learning_rate=0.1)
        self.network = nn.Linear(1, 1)

    def parameters(self) -> list[nn.Parameter]:
        return list(self.network.parameters())

    def loss(self, step: int):
        loss = self.network.weight.square().sum()
        return (loss * math.nan if step == self.bad else loss), {"part": loss.detach()}

    def after_step(self, step: int):
        return {"done": float(step)}


def loop(tmp_path, phase: Slope, **changes: object) -> Loop:
    fields = {
        "run_folder": Run.create(tmp_path / "run", OptimiserConfig()),
        "runtime": CPU,
        "modules": phase.network,
        "interrupt": Interrupt(),
        "checkpoint_every": 10,
    }
    return Loop(**{**fields, **changes})


def test_the_rate_rises_then_falls_to_its_final_share() -> None:
    config = OptimiserConfig(learning_rate=2.0, warmup=0.1, final=0.02)
    rates = [learning_rate(config, step, 100) for step in range(101)]
    assert rates[0] == pytest.approx(0.2, rel=1e-2)
    assert rates[50] == pytest.approx(2 * (0.02 + 0.98 * 0.5))
    assert rates[100] == pytest.approx(0.04)
    assert rates[10:] == sorted(rates[10:], reverse=True)
    assert learning_rate(config, 0, 1) == pytest.approx(2.0)


def test_a_loss_that_is_not_a_number_stops_with_weights_untouched(tmp_path) -> None:
    phase = Slope(bad=13)
    running = loop(tmp_path, phase)
    with pytest.raises(ValueError, match="loss of slope is nan at step 13.*checkpoint"):
        running.run(phase)
    latest = running.run_folder.latest_checkpoint()
    assert latest is not None
    assert latest.step == 10
    assert all(torch.isfinite(p).all() for p in phase.parameters())


def test_lines_are_logged_and_told(tmp_path) -> None:
    phase, told = Slope(num_steps=50), []
    running = loop(tmp_path, phase, listen=told.append)
    running.run(phase)
    lines = running.run_folder.metrics()
    assert [line["step"] for line in lines] == [20, 40, 50]
    assert {"loss", "part", "done", "samples_per_second"} <= lines[0].keys()
    assert [p.step for p in told] == [20, 40, 50]
    assert told[-1].num_steps == 50
    assert lines[-1]["loss"] < lines[0]["loss"]


def test_a_request_to_stop_saves_first(tmp_path) -> None:
    phase, interrupt = Slope(), Interrupt()
    interrupt.requested = True
    running = loop(tmp_path, phase, interrupt=interrupt)
    with pytest.raises(Interrupted, match="stopped in slope at step 1, saved"):
        running.run(phase)
    assert running.run_folder.latest_checkpoint().step == 1


def test_weights_of_another_configuration_are_refused(tmp_path) -> None:
    phase = Slope(num_steps=10)
    running = loop(tmp_path, phase)
    running.run(phase)
    checkpoint = running.run_folder.latest_checkpoint()
    assert isinstance(checkpoint, Checkpoint)
    restore_modules(phase.network, checkpoint)
    with pytest.raises(ValueError, match="does not fit this configuration"):
        restore_modules(nn.Linear(2, 1), checkpoint)
    gone = replace(checkpoint, tensors={})
    with pytest.raises(ValueError, match="does not fit this configuration"):
        restore_modules(phase.network, gone)
