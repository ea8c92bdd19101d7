"""`telos plan --observation`: one plan, from what is seen now, without any world."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from telos.cli.pairs import deliberation_of

if TYPE_CHECKING:
    from telos.agent import AgentParts, Foresight
    from telos.cli.plan import Command
    from telos.data import ActionScale
    from telos.types import Guardrail


def plan_once(command: Command) -> dict[str, Any]:
    """Plan from an observation, print actions, margins and status, return them.

    Raises:
        FileNotFoundError: If run, observation, goal or zones file do not exist.
        ValueError: If one of them does not fit the run.
    """
    from telos.agent import foresee, load_agent, read_frames
    from telos.cli.plan import goals_of, resizing
    from telos.config import jsonable

    parts = load_agent(
        command.run,
        device=command.common.device,
        deliberation=deliberation_of(command.agent),
    )
    assert command.observation is not None
    frames = read_frames(command.observation, resizing(command, parts).seen)
    goals = goals_of(command, parts)
    assert goals is not None
    found = foresee(
        parts, frames, goals, _guardrails(command, parts), seed=command.common.seed
    )
    if not command.common.json:
        _show(command, found, len(frames), parts)
    return jsonable(found)


def _guardrails(command: Command, parts: AgentParts) -> tuple[Guardrail, ...]:
    """What the zones file forbids, with the buffers of the run."""
    from telos.config import load_json
    from telos.evaluation.zones import guardrails_of

    if command.guard is None:
        return ()
    entries = load_json(command.guard)
    if not isinstance(entries, list) or not all(isinstance(e, dict) for e in entries):
        raise ValueError(
            f"{str(command.guard)!r} is no zones file; expected a list of objects such "
            'as {"type": "keep-out-disc", "quantity": "position", ...}'
        )
    try:
        return guardrails_of([entries], parts.readouts, parts.buffers)
    except (KeyError, ValueError) as problem:
        raise ValueError(f"{str(command.guard)!r}: {problem}") from None


def _show(command: Command, found: Foresight, frames: int, parts: AgentParts) -> None:
    from rich.console import Console

    console = Console(highlight=False, markup=False, soft_wrap=True)
    if frames < parts.seen.history:
        console.print(
            f"{frames} of the {parts.seen.history} frames that the model sees together "
            "were given; before them, nothing is taken to have moved"
        )
    skip = parts.seen.frame_skip
    for step, action in enumerate(found.actions):
        numbers = "  ".join(f"{value:>9.4g}" for value in action)
        states, between = divmod(step + 1, skip)
        expected = "" if between else _then(found, states)
        console.print(f"step {step:>3}  {numbers}{expected}")
    bounds = _span(parts.model.action_scale, found.actions.shape[1])
    console.print(f"{len(found.actions)} actions, in the data's units ({bounds})")
    console.print(f"plan {found.status}{_why(found)}")
    for name, margin in found.margins.items():
        console.print(f"predicted margin {margin:.3g} {found.units[name]}  {name}")
    now, then = found.energies
    word = "reached" if found.reached else "not reached yet"
    console.print(
        f"goal {word} at the end of the plan: {now:.3g} now, {then:.3g} then "
        f"({found.energy_unit or 'energy'})"
    )


def _then(found: Foresight, state: int) -> str:
    """What is expected after a model step, as far as it can be read out."""
    told = []
    for name, quantity in found.predicted.items():
        numbers = ", ".join(f"{value:.3g}" for value in quantity.values[state])
        told.append(f"{name} {numbers} {quantity.unit}".rstrip())
    return f"  ->  {'; '.join(told)}" if told else ""


def _why(found: Foresight) -> str:
    if found.first is None:
        return " (no guardrails were given: nothing is forbidden)"
    return f"; first step {found.first}: {found.reason}"


def _span(scale: ActionScale, numbers: int) -> str:
    """Bounds of each number of an action."""
    pairs = zip(scale.low[:numbers], scale.high[:numbers], strict=True)
    return ", ".join(f"{a:.4g} to {b:.4g}" for a, b in pairs)
