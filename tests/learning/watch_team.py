"""What each of several processes does in `test_watching_together`; run as a module.

python -m tests.learning.watch_team FOLDER
"""

from __future__ import annotations

import contextlib
import sys
from pathlib import Path
from unittest import mock

import torch
from tests.learning.squares import squares, tiny_masked, tiny_watch
from tests.learning.team import StopAfter
from torch import Tensor

from telos.learning import watch as watching
from telos.learning.distributed import ALONE, Team, team_of_processes
from telos.learning.loop import Interrupted
from telos.learning.objectives import objective_config
from telos.learning.watch_config import WatchConfig
from telos.runs import Run
from telos.runtime import Runtime

CPU = Runtime(device="cpu", dtype="float32", threads=1, reasons=())
STEPS, STOP = 6, 3
CASES = {
    "vicreg": tiny_watch(STEPS),
    "within": tiny_watch(STEPS, objective_config("vicreg", within_clip=True)),
    "jepa-ema": tiny_watch(STEPS, "jepa-ema"),
    "frozen": tiny_watch(STEPS, "frozen-teacher"),
    "masked": tiny_watch(STEPS, "jepa-ema", model=tiny_masked()),
    "masked-online": tiny_watch(STEPS, model=tiny_masked("future")),
    "pixels": tiny_watch(STEPS, objective_config("pixels", decoder_width=8)),
}


def gradients(case: str, team: Team = ALONE) -> dict[str, Tensor]:
    """Loss and gradients of a step, with the statistics that the step has changed."""
    config = CASES[case]
    watched = watching.begun(config)
    # A predictor that begins at zero would hide the gradient of all that is behind it.
    torch.nn.init.normal_(watched.watcher.predictor.out.weight, std=0.1)
    train, _ = watching.sides(config, watched.watcher, squares(40), None)
    phase = watching.watching_phase(watched, config, train, team)
    watching.prepare(phase)
    loss, _ = phase.loss(1)
    loss.backward()
    team.average_gradients(phase.parameters())
    found = {n: p.grad for n, p in watched.named_parameters() if p.grad is not None}
    found |= {n: b for n, b in watched.named_buffers() if "running" in n}
    return {**found, "loss": team.mean(loss.detach())}


def trained(
    folder: Path, config: WatchConfig, team: Team = ALONE, stop: int | None = None
) -> None:
    """A training, interrupted and resumed if a stop is given."""

    def once(resume: bool) -> None:
        watching.watch(run, config, squares(40), CPU, resume=resume, team=team)

    run = Run(team.led(lambda: Run.create(folder, config).path))
    if stop is None:
        return once(False)
    patched = mock.patch.object(
        watching, "Interrupt", return_value=StopAfter(stop, team)
    )
    with patched, contextlib.suppress(Interrupted):
        once(False)
    assert team.mean(torch.tensor(1.0)) == 1.0  # all have stopped at the same step
    once(True)


def main(folder: Path) -> None:
    torch.set_num_threads(1)
    with team_of_processes("cpu") as team:
        told = {case: gradients(case, team) for case in CASES}
        torch.save(told, folder / f"gradients-{team.rank}.pt")
        for case in ("vicreg", "jepa-ema"):
            trained(folder / case, CASES[case], team)
        trained(folder / "stopped", CASES["vicreg"], team, STOP)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
