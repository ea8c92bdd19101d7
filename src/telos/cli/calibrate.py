"""`telos calibrate`: how much room the guardrails of a run need."""

from __future__ import annotations

import contextlib
import math
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import tyro

from telos.cli.common import CommonOptions
from telos.cli.pairs import deliberation_of

if TYPE_CHECKING:
    from telos.evaluation.calibrating import Outcome, Round
    from telos.evaluation.protocol import Protocol

EXAMPLES = """
telos calibrate runs/rooms
telos calibrate runs/rooms --alpha 0.01 --episodes 300
telos calibrate runs/rooms --agent samples=160 iterations=5
"""


@dataclass(frozen=True, kw_only=True)
class Command:
    """Find the buffers that keep the plans of a run's planner as safe as they seem.

    A planner picks plans whose predicted margins are too good. Its tightest plan of
    every episode is followed to its end, and what its margin was overstated by decides
    the buffer. The result goes to RUN/calibration.json and is used from then on; plans
    that cost more than those calibrated on come with a warning.
    """

    run: tyro.conf.Positional[Path]
    """Run folder."""
    protocol: str = "rooms-zone"
    """Name of a shipped protocol with limits, or a protocol file; calibration runs on
    other seeds than evaluation."""
    alpha: float = 0.05
    """Share of the tightest plans that may overstate a margin by more than the buffer.
    """
    episodes: int = 200
    """Episodes per round."""
    rounds: int = 3
    """A buffer changes the plans: rounds are repeated, the largest buffer is kept."""
    check_episodes: int = 300
    """Fresh episodes on which the result is counted."""
    num_envs: int = 50
    """Episodes that run side by side; results do not depend on it."""
    agent: tuple[str, ...] = ()
    """The planner and the budget to be deployed, as name=value where not as usual:
    samples, iterations, horizon, futures, near_futures, seconds, planner, cost,
    running, replan_every, route_every, memory."""
    common: tyro.conf.OmitArgPrefixes[CommonOptions]


def run(command: Command) -> dict[str, Any]:
    """Calibrate, write the file, print what was found, return it."""
    from telos.agent.calibrated import Calibrated, model_digest, save_calibrated
    from telos.config import jsonable
    from telos.evaluation.protocol import load_protocol
    from telos.runtime import commit, machine

    began = time.perf_counter()
    protocol = load_protocol(command.protocol)
    outcome = _calibrate(command, protocol)
    evidence = {
        "protocol": protocol.name,
        "protocol_hash": protocol.hash,
        "agent": list(command.agent),
        "rounds": [jsonable(each) for each in outcome.rounds],
        "check": jsonable(outcome.check),
        "seconds": time.perf_counter() - began,
        "command": " ".join(["telos", *sys.argv[1:]]),
        "commit": commit(),
        "machine": machine(),
    }
    calibrated = Calibrated(
        model=model_digest(command.run),
        quantities=outcome.calibrations,
        evidence=evidence,
    )
    path = save_calibrated(command.run, calibrated)
    if not command.common.json:
        _show(command, outcome, path)
    return jsonable(calibrated)


def _calibrate(command: Command, protocol: Protocol) -> Outcome:
    from telos.agent import load_agent
    from telos.envs import make_world
    from telos.evaluation.actors import AgentActor
    from telos.evaluation.calibrating import Settings, calibrate_run

    settings = Settings(
        alpha=command.alpha,
        episodes=command.episodes,
        rounds=command.rounds,
        check_episodes=command.check_episodes,
    )
    deliberation = deliberation_of(command.agent)
    world = make_world(
        protocol.world, num_envs=command.num_envs, **protocol.world_options
    )
    with contextlib.closing(world):
        parts = load_agent(
            command.run,
            spec=world.spec,
            device=command.common.device,
            deliberation=deliberation,
            calibrated=False,
        )

        def make_actor(buffers: Mapping[str, float]) -> AgentActor:
            return AgentActor(replace(parts, buffers=dict(buffers)), world)

        return calibrate_run(
            world,
            make_actor,
            protocol,
            deliberation.planner,
            settings,
            _teller(command),
        )


def _teller(command: Command) -> Callable[[str], None]:
    from rich.console import Console

    console = Console(stderr=True, quiet=command.common.quiet or command.common.json)
    return lambda what: console.print(what, highlight=False)


def _show(command: Command, outcome: Outcome, path: Path) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, markup=False)
    table = Table("", "buffer", "plans", "violated", "overstated", "wanted", box=None)
    for number, each in enumerate(outcome.rounds, start=1):
        table.add_row(f"round {number}", *_cells(each))
    table.add_row("check", *_cells(outcome.check))
    console.print(table)
    check, alpha = outcome.check, command.alpha
    allowed = alpha + 2 * math.sqrt(alpha * (1 - alpha) / check.plans)
    rate = check.overstated / check.plans
    verdict = "holds" if rate <= allowed else "does NOT hold: give more episodes"
    console.print(
        f"overstated beyond the buffer: {100 * rate:.1f} % of fresh plans, at most "
        f"{100 * allowed:.1f} % expected of alpha = {alpha:g}: {verdict}"
    )
    console.print(
        f"violated when followed blindly: {check.violated} of {check.plans} "
        f"(true rate at most {100 * check.upper:.1f} %)"
    )
    console.print(f"written {path}")


def _cells(each: Round) -> list[str]:
    return [
        _values(each.buffers) or "0",
        f"{each.plans} of {each.episodes}",
        str(each.violated),
        str(each.overstated),
        _values(each.wanted),
    ]


def _values(buffers: Mapping[str, float]) -> str:
    return ", ".join(f"{name} {value:.3f}" for name, value in buffers.items())
