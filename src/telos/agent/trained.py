"""From a run folder to an agent: world model, critic and read-outs rejoined."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from torch import Tensor

from telos.actor import RouteSearch, Waypoints
from telos.actor.habit import Habit
from telos.agent.agent import Agent
from telos.agent.calibrated import WithinCalibration, load_calibrated
from telos.agent.planners import Deliberation, make_planner
from telos.agent.seams import Propose
from telos.agent.seen import Seen
from telos.agent.wishes import Wish
from telos.cost import (
    Calibration,
    LatentGoal,
    LearnedTerrain,
    ObjectiveAlgebra,
    Running,
    Terminal,
)
from telos.cost.critic import CriticGoal, Network, build_critic
from telos.cost.readout import ReadOut, read_out_from
from telos.data.schema import spec_difference, spec_from_json
from telos.envs.world import WorldSpec
from telos.memory import CorrectedDynamics, Corrections, MemoryConfig
from telos.runs import Run
from telos.runtime import choose_runtime, laid_out
from telos.types import Guardrail, Objective, Planner
from telos.world_model import JEPA, Chart, load_world_model

COSTS = ("critic", "latent")
REACHED = 2
"""Model steps from a state within which it counts as reached."""


class BeAt(Protocol):
    """The wish to be at a state."""

    def __call__(self, state: Tensor, told: Tensor | None = None) -> Wish:
        """The wish.

        Args:
            state: (B, D) encoded.
            told: (Z,) share of each of its leading numbers that is known; all by
                default.
        """
        ...


@dataclass(frozen=True, kw_only=True)
class AgentParts:
    """What a run folder gives: everything but the guardrails of the next episodes."""

    build: Callable[[Sequence[Guardrail]], Agent]
    """An agent that enforces guardrails. They cannot change in an agent's life, so
    that episodes with zones of their own get an agent of their own."""
    model: JEPA
    readouts: Mapping[str, ReadOut] = field(default_factory=dict)
    """Latent to physical quantities, by label."""
    buffers: Mapping[str, float] = field(default_factory=dict)
    """Allowance for wrong predictions of each quantity, in its unit: as calibrated, or
    else the error of the read-out."""
    seen: Seen = field(default_factory=lambda: Seen(streams={}))
    """What it looks at, as it was recorded."""
    device: str = "cpu"
    be_at: BeAt = lambda state, told=None: near_latent(state, told)
    """What it means to be at an encoded state."""
    weigh: Callable[[Objective], Objective] = lambda objective: objective
    """From energies of single states to what a plan costs."""


def load_agent(
    path: str | Path,
    *,
    spec: WorldSpec | None = None,
    device: str = "auto",
    deliberation: Deliberation | None = None,
    planner: Planner | None = None,
    calibrated: bool = True,
) -> AgentParts:
    """Load a finished run.

    Args:
        path: Run folder.
        spec: World that the agent will act in; None skips the check.
        device: auto, cpu, cuda or cuda:N.
        deliberation: Planner and budget.
        planner: Searches in place of the one that the deliberation names, and begins
            where it wants to: only plans of our own length begin with a habit.
        calibrated: Whether to use the run's calibration, if it has one.

    Raises:
        FileNotFoundError: If there is no such run, or its training has not finished.
        ValueError: If the model is damaged, or was trained in another world.
    """
    chosen = choose_runtime(device).device
    tensors, description = _read(path, spec)
    model = load_world_model(tensors, description["world_model"])
    model = laid_out(model.to(chosen))
    critic = _load_critic(tensors, description["critic"]).to(chosen)
    terrain = _load_terrain(tensors, description["terrain"], critic)
    readouts = _load_readouts(tensors, description["readouts"], chosen)
    settings = deliberation or Deliberation()
    habit = _load_habit(tensors, description.get("habit"), settings, chosen)
    calibrations = load_calibrated(Path(path)) if calibrated else {}

    def build(guardrails: Sequence[Guardrail] = ()) -> Agent:
        memory = _memory(model, description, settings, chosen)
        return Agent(
            world_model=model,
            objective=objective_factory(critic, settings),
            planner=_checked(planner, settings, model, calibrations),
            guardrails=guardrails,
            replan_every=settings.replan_every,
            imagination=memory,
            memories=[memory] if memory else [],
            waypoints=_waypoints(model, memory, terrain, guardrails, settings),
            propose=_proposal(habit, settings) if planner is None else None,
            futures=settings.futures,
            near_futures=settings.near_futures,
            device=chosen,
        )

    buffers = {name: float(r.errors.get("q99", 0.0)) for name, r in readouts.items()}
    buffers |= {name: found.buffer for name, found in calibrations.items()}
    return AgentParts(
        build=build,
        model=model,
        readouts=readouts,
        buffers=buffers,
        seen=_seen(model, spec_from_json(description["spec"])),
        device=chosen,
        be_at=_nearness(settings, critic, description),
        weigh=partial(at_the_end_and_along, running=settings.running),
    )


def _read(
    path: str | Path, spec: WorldSpec | None
) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and description of a run that an agent of this version can use."""
    tensors, description = Run.open(path).load_model()
    if "watched" in description:
        raise ValueError(
            f"run {str(path)!r} has learned by watching what comes next, and cannot "
            "act; give a run of `telos train`"
        )
    if spec is not None:
        _require_same_world(path, description, spec)
    if not {"typical_change", "terrain"} <= set(description):
        raise ValueError(
            f"run {str(path)!r} was trained by an earlier version and lacks what an "
            "agent needs now; train again on the same episodes"
        )
    return tensors, description


def _nearness(
    settings: Deliberation, critic: Network, description: Mapping[str, Any]
) -> BeAt:
    """What it means to be at an encoded state, in the cost that agents go by."""
    if settings.cost == "critic":
        discount = float(description["config"]["critic"]["discount"])
        return partial(near_state, critic=critic, discount=discount)
    return partial(near_latent, change=float(description["typical_change"]))


def near_state(
    state: Tensor, told: Tensor | None = None, *, critic: Network, discount: float
) -> Wish:
    """To be within `REACHED` steps of encoded states (B, D), as the critic measures."""
    there = critic.to_goals(state[:, None], state[:, : critic.state_dim])
    # A state is not always at distance 0 from itself in a free-form network.
    within = 1 - discount**REACHED + float(there.max())
    objective = CriticGoal(critic, state, told=told)
    return Wish(
        objective=objective, within=within, unit="discounted steps, 0 to 1", state=state
    )


def near_latent(
    state: Tensor, told: Tensor | None = None, *, change: float = 0.0
) -> Wish:
    """To be within `REACHED` typical changes of encoded states (B, D)."""
    within = (REACHED * change) ** 2 / state.shape[-1]
    unit = "squared latent distance"
    objective = LatentGoal(state, told=told)
    return Wish(objective=objective, within=within, unit=unit, state=state)


def _seen(model: JEPA, recorded: WorldSpec) -> Seen:
    return Seen(
        streams={name: recorded.streams[name] for name in model.config.streams},
        history=model.history,
        frame_skip=model.frame_skip,
    )


def _checked(
    planner: Planner | None,
    settings: Deliberation,
    model: JEPA,
    calibrations: Mapping[str, Calibration],
) -> Planner:
    """The planner, which warns where it searches beyond what was calibrated."""
    name = settings.planner if planner is None else type(planner).__name__
    chosen = planner or make_planner(settings, model.config.action_dim)
    return WithinCalibration(chosen, name, tuple(calibrations.values()))


def objective_factory(
    critic: Network, settings: Deliberation
) -> Callable[[Tensor], Objective]:
    """From an encoded goal (B, D) to what the planner minimises."""
    if settings.cost not in COSTS:
        raise ValueError(f"cost {settings.cost!r} is unknown; choose one of {COSTS}")

    def objective(goal: Tensor) -> Objective:
        if settings.cost == "critic":
            return at_the_end_and_along(CriticGoal(critic, goal), settings.running)
        return at_the_end_and_along(LatentGoal(goal), settings.running)

    return objective


def _proposal(habit: Habit | None, settings: Deliberation) -> Propose | None:
    """What a search begins with, as long as its plans are."""
    return None if habit is None else partial(habit.imagine, horizon=settings.horizon)


def _memory(
    model: JEPA, description: Mapping[str, Any], settings: Deliberation, device: str
) -> CorrectedDynamics | None:
    """The world model with a memory of its misses, if the agent has one."""
    if settings.memory == 0:
        return None
    change = description["typical_change"]
    config = MemoryConfig(typical_change=change, capacity=settings.memory)
    shape = model.config.state_dim, model.config.action_dim
    return CorrectedDynamics(model, Corrections(config, *shape, device=device))


def at_the_end_and_along(objective: Objective, running: float) -> ObjectiveAlgebra:
    """A cost with weight 1 at the end of a plan, and `running` along it."""
    if running == 0:
        return Terminal(objective)
    return Terminal(objective) + running * Running(objective)


def _load_critic(tensors: Mapping[str, Tensor], description: Mapping) -> Network:
    critic = build_critic(**description)
    critic.load_state_dict(_below("critic/", tensors))
    return laid_out(critic.eval().requires_grad_(False))


def _load_habit(
    tensors: Mapping[str, Tensor],
    description: Mapping | None,
    settings: Deliberation,
    device: str,
) -> Habit | None:
    """What is usually done; None where it is not asked for, or was not learned."""
    if not settings.habit or description is None:
        return None
    habit = Habit(**description)
    habit.load_state_dict(_below("habit/", tensors))
    return laid_out(habit.to(device).eval().requires_grad_(False))


def _load_terrain(
    tensors: Mapping[str, Tensor], description: Mapping | None, critic: Network
) -> LearnedTerrain | None:
    """What routes are searched with; None where actions are no displacements."""
    if description is None:
        return None
    chart = Chart(**description["chart"]).to(next(critic.parameters()).device)
    chart.load_state_dict(_below("chart/", tensors))
    return LearnedTerrain(
        critic,
        laid_out(chart.eval().requires_grad_(False)),
        discount=description["discount"],
        frame_skip=description["frame_skip"],
    )


def _waypoints(
    model: JEPA,
    memory: CorrectedDynamics | None,
    terrain: LearnedTerrain | None,
    guardrails: Sequence[Guardrail],
    settings: Deliberation,
) -> Waypoints | None:
    """The higher level, if there is one."""
    if terrain is None or settings.route_every == 0 or settings.cost != "critic":
        return None
    search = RouteSearch(
        memory or model,
        terrain,
        guardrails,
        action_dim=model.config.action_dim // model.frame_skip,
        frame_skip=model.frame_skip,
    )
    return Waypoints(search, renew_every=settings.route_every)


def _below(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors whose names begin so, without the beginning."""
    return {
        name.removeprefix(prefix): tensor
        for name, tensor in tensors.items()
        if name.startswith(prefix)
    }


def _load_readouts(
    tensors: Mapping[str, Tensor], descriptions: Mapping[str, Any], device: str
) -> dict[str, ReadOut]:
    readouts = {}
    for name, description in descriptions.items():
        own = _below(f"readout/{name}/", tensors)
        readouts[name] = read_out_from(own, description).to(device)
    return readouts


def _require_same_world(
    path: str | Path, description: Mapping[str, Any], spec: WorldSpec
) -> None:
    trained = spec_from_json(description["spec"])
    if trained.id != spec.id:
        raise ValueError(
            f"run {str(path)!r} was trained in {trained.id!r} and cannot act in "
            f"{spec.id!r}; name a protocol of {trained.id!r} (--protocol), train on "
            f"episodes of {spec.id!r}, or plan without a world (`telos plan RUN "
            "--observation now.png --goal goal.png`)."
        )
    # Layout split and step limit may differ: that is what evaluation varies.
    difference = spec_difference(
        replace(trained, options={}, max_steps=0),
        replace(spec, options={}, max_steps=0),
    )
    if difference:
        raise ValueError(
            f"run {str(path)!r} was trained in another {spec.id!r}: {difference}. "
            "Train on episodes of this one, or evaluate in the other."
        )
