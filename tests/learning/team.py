"""What each of several processes does in `test_distributed`; run as a module.

python -m tests.learning.team FOLDER
"""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from unittest import mock

import torch
from tests.learning.worlds import tiny_config, tiny_model, walks
from torch import Tensor

from telos.data.recording import Recording
from telos.learning import loop as loops
from telos.learning import phases, training
from telos.learning.config import CriticConfig, RepresentationConfig, TrainConfig
from telos.learning.distributed import ALONE, Team, team_of_processes
from telos.learning.latents import encode_recording, prepare_recording
from telos.learning.loop import Interrupted, Phase
from telos.learning.modules import Modules, build_modules
from telos.runs import Run
from telos.runtime import Runtime

CPU = Runtime(device="cpu", dtype="float32", threads=1, reasons=())
STEPS = 6
STOPS = (3, 6, 9, 20)
"""Steps of all phases after which a training is stopped: within phases, and between."""


def representation(**changes: object) -> TrainConfig:
    chosen = RepresentationConfig(steps=STEPS, episodes=16, windows=3, **changes)
    return tiny_config(representation=chosen, model=tiny_model(history=2))


def critic(form: str) -> TrainConfig:
    return tiny_config(critic=CriticConfig(form=form, steps=STEPS, batch=32, width=16))


CASES = {
    "vicreg": ("representation", representation()),
    "sigreg": ("representation", representation(anti_collapse="sigreg")),
    "straight": (
        "representation",
        representation(anti_collapse="none", straightness=1.0, smoothness=0.5),
    ),
    "one step": ("dynamics", tiny_config()),
    "noise": (
        "dynamics",
        replace(
            tiny_config(),
            dynamics=replace(tiny_config().dynamics, noise=0.5, one_step=0.0),
        ),
    ),
    "chart": ("chart", tiny_config()),
    "paths": ("critic", critic("paths")),
    "expectile": ("critic", critic("expectile")),
    "quasimetric": ("critic", critic("quasimetric")),
}
"""Name of a phase, and the configuration that it is looked at in."""


def phase_of(name: str, config: TrainConfig, modules: Modules, team: Team) -> Phase:
    recording = walks(20)
    if name == "representation":
        return phases.representation_phase(config, modules, recording, team)
    latents = encode_recording(
        modules.model, prepare_recording(modules.model, recording), team
    )
    return phases.latent_phase(name, config, modules, latents, team)


def gradients(case: str, team: Team = ALONE) -> dict[str, Tensor]:
    """Loss and gradients of a step, with the statistics that the step has changed."""
    name, config = CASES[case]
    modules = build_modules(config, walks(20))
    phase = phase_of(name, config, modules, team)
    loss, _ = phase.loss(1)
    loss.backward()
    team.average_gradients(phase.parameters())
    found = {n: p.grad for n, p in modules.named_parameters() if p.grad is not None}
    found |= {n: b for n, b in modules.named_buffers() if "running" in n}
    return {**found, "loss": team.mean(loss.detach())}


class StopAfter:
    """An interrupt that only the last process hears of."""

    def __init__(self, steps: int, team: Team) -> None:
        self.left = steps if team.rank == team.size - 1 else 0

    def __enter__(self) -> StopAfter:
        return self

    def __exit__(self, *exception: object) -> None:
        pass

    @property
    def requested(self) -> bool:
        self.left -= 1
        return self.left == 0


@contextlib.contextmanager
def stopping(steps: int, team: Team) -> Iterator[None]:
    stop = StopAfter(steps, team)
    with mock.patch.object(training, "Interrupt", return_value=stop):
        yield


def training_config() -> TrainConfig:
    """The critic is settled on after the chart has been judged."""
    config = tiny_config(STEPS, critic=critic("auto").critic)
    return replace(config, chart=replace(config.chart, trusted=-9.0))


def trained(folder: Path, team: Team, stop: int | None = None) -> None:
    """A training, interrupted and resumed if a stop is given."""
    config, recording = training_config(), walks(12)

    def once(resume: bool) -> None:
        training.train(run, config, recording, CPU, resume=resume, team=team)

    run = Run(team.led(lambda: Run.create(folder, config).path))
    if stop is None:
        return once(False)
    with stopping(stop, team), contextlib.suppress(Interrupted):
        once(False)
    assert team.mean(torch.tensor(1.0)) == 1.0  # all have stopped at the same step
    once(True)


def bad_batch(team: Team, recording: Recording) -> dict[str, Tensor]:
    """A loss that is not finite in one process only stops all of them."""
    config = tiny_config()
    modules = build_modules(config, recording)
    phase = phase_of("chart", config, modules, team)
    real = phase.loss

    def spoiled(step: int) -> tuple[Tensor, dict[str, Tensor]]:
        loss, parts = real(step)
        return (loss * float("nan") if team.rank else loss), dict(parts)

    phase.loss = spoiled
    optimiser = loops.make_optimiser(phase)
    said = ""
    try:
        loops.train_step(phase, optimiser, 0, CPU, team)
    except ValueError as error:
        said = str(error)
    return {"refused": torch.tensor("loss of chart is nan" in said)}


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    loops.LOG_EVERY = 2
    with team_of_processes("cpu") as team:
        told = {case: gradients(case, team) for case in CASES}
        told["bad batch"] = bad_batch(team, walks(20))
        torch.save(told, folder / f"gradients-{team.rank}.pt")
        trained(folder / "whole", team)
        for stop in STOPS:
            trained(folder / f"stopped-{stop}", team, stop)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
