"""The rungs of the ladder: on each, one link of the agent is replaced by the truth."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from telos.agent import (
    Agent,
    AgentParts,
    Deliberation,
    ObjectiveFactory,
    WorldModel,
    at_the_end_and_along,
)
from telos.envs.errors import NotOfferedError
from telos.envs.world import Goal, GoalWorld, TransparentWorld
from telos.evaluation.actors import POSITION
from telos.evaluation.attribution.decisions import Truth
from telos.evaluation.attribution.exact_models import ExactLatentModel, ExactModel
from telos.evaluation.attribution.objectives import Behind, ReadAsExact
from telos.evaluation.attribution.rung_actor import Cast
from telos.evaluation.exact import BUFFER, exact_readouts
from telos.evaluation.protocol import Protocol
from telos.evaluation.zones import guardrails_of
from telos.types import Guardrail, Objective
from telos.world_model import JEPA

METRIC = "metric"
"""Name of the true metric among the costs."""
DESCENDING = ("gradient", "grasp", "augmented-lagrangian", "hybrid")
"""Planners that need a gradient, which a simulator does not have."""

Load = Callable[[Deliberation], AgentParts]
"""What makes the agent of a run that deliberates as told."""


@dataclass(frozen=True, kw_only=True)
class Rung:
    """What plans with what."""

    dynamics: Literal["exact", "learned"]
    cost: str
    """metric (the true one), or the agent's costs: critic, latent."""
    shipped: bool = False
    """With memory and routes, as the run deliberates by itself."""

    @property
    def name(self) -> str:
        """Key in files, for example ``exact-critic``."""
        return "shipped" if self.shipped else f"{self.dynamics}-{self.cost}"

    @property
    def title(self) -> str:
        """For people."""
        if self.shipped:
            return "as shipped"
        costs = {"metric": "true metric", "latent": "latent distance"}
        return f"{self.dynamics} dynamics, {costs.get(self.cost, self.cost)}"


@dataclass(kw_only=True)
class Workshop:
    """Builds the agent of any rung for the episodes that have just started."""

    world: GoalWorld
    load: Load
    settings: Deliberation
    protocol: Protocol
    _parts: dict[Deliberation, AgentParts] = field(default_factory=dict)

    def parts(self, rung: Rung) -> AgentParts:
        """The trained parts of a rung's agent."""
        settings = self.settings if rung.shipped else self._alone(rung.cost)
        if settings not in self._parts:
            self._parts[settings] = self.load(settings)
        return self._parts[settings]

    def rungs(self) -> list[Rung]:
        """The ladder from the truth to the agent, then what looks at it sideways."""
        cost = self.settings.cost
        exact = [
            Rung(dynamics="exact", cost=name)
            for name in dict.fromkeys((METRIC, "latent", cost))
            if self.offers_truth
        ]
        rungs = [*exact, Rung(dynamics="learned", cost=cost)]
        if self.settings.memory or self.settings.route_every:
            rungs.append(Rung(dynamics="learned", cost=cost, shipped=True))
        if cost != "latent":
            rungs.append(Rung(dynamics="learned", cost="latent"))
        if self.offers_truth and self._reads_position():
            rungs.append(Rung(dynamics="learned", cost=METRIC))
        return rungs

    @property
    def offers_truth(self) -> bool:
        """Whether true states of the world can be imagined and shown."""
        return isinstance(self.world, TransparentWorld)

    def cast(self, rung: Rung, goal: Goal) -> Cast:
        """Who acts on a rung in the running episodes."""
        exact = rung.dynamics == "exact"
        truth, metric, model = None, None, None
        if isinstance(self.world, TransparentWorld):
            dynamics, metric = self.world.simulator(goal)
            model = ExactModel(dynamics, self.world.spec, self.parts(rung).model)
            truth = Truth(model, metric, self.protocol.radius)
        if exact:
            assert metric is not None
            assert model is not None
            agent = self._with_exact_dynamics(rung, model, metric)
        elif rung.cost == METRIC:
            assert metric is not None
            agent = self._with_metric(rung, metric)
        else:
            agent = self.parts(rung).build(self._rails(rung))
        return Cast(agent=agent, truth=truth, sees_truth=exact)

    def _with_exact_dynamics(
        self, rung: Rung, exact: ExactModel, metric: Objective
    ) -> Agent:
        """The agent, imagining with the simulator instead of its model."""
        learned = self.parts(rung).build(())
        dim = self._exact_dim
        if rung.cost == METRIC:
            wanted = at_the_end_and_along(metric, self.settings.running)
            return _like(learned, exact, lambda goal: wanted, self._true_rails())
        assert isinstance(self.world, TransparentWorld)
        model = self.parts(rung).model
        seen = ExactLatentModel(exact, self.world, model, dim)
        return _like(
            learned,
            seen,
            lambda goal: Behind(learned.make_objective(goal[..., dim:]), dim),
            self._true_rails(model),
        )

    def _with_metric(self, rung: Rung, metric: Objective) -> Agent:
        """The agent, judging by the truth where its model believes to be."""
        parts = self.parts(rung)
        dims = tuple(self.world.exact_dims[POSITION])
        read = ReadAsExact(metric, parts.readouts[POSITION], dims, self._exact_dim)
        wanted = at_the_end_and_along(read, self.settings.running)
        learned = parts.build(())
        rails = self._rails(rung)
        return _like(learned, parts.model, lambda goal: wanted, rails)

    def _alone(self, cost: str) -> Deliberation:
        """The deliberation without memory and routes."""
        known = self.settings.cost if cost == METRIC else cost
        return replace(self.settings, memory=0, route_every=0, cost=known)

    def _reads_position(self) -> bool:
        readouts = self.parts(Rung(dynamics="learned", cost=METRIC)).readouts
        return POSITION in readouts and POSITION in self.world.exact_dims

    @property
    def _exact_dim(self) -> int:
        return self.world.exact_state().shape[-1]

    def _rails(self, rung: Rung) -> tuple[Guardrail, ...]:
        if not self.protocol.guarded:
            return ()
        parts = self.parts(rung)
        return guardrails_of(self.world.limits(), parts.readouts, parts.buffers)

    def _true_rails(self, model: JEPA | None = None) -> tuple[Guardrail, ...]:
        """What holds in exact states, with the latents of a model behind them."""
        limits = self.world.limits()
        if not self.protocol.guarded or not any(limits):
            return ()
        behind = 0 if model is None else model.config.latent_dim
        readouts = exact_readouts(self.world, behind)
        return guardrails_of(limits, readouts, dict.fromkeys(readouts, BUFFER))


def _like(
    learned: Agent,
    model: WorldModel,
    objective: ObjectiveFactory,
    guardrails: Sequence[Guardrail],
) -> Agent:
    """An agent that searches as another one does."""
    return Agent(
        world_model=model,
        objective=objective,
        planner=learned.planner,
        guardrails=guardrails,
        replan_every=learned.replan_every,
        device=learned.device,
    )


def require_search(settings: Deliberation, world: GoalWorld) -> None:
    """Refuse a search that would not be the same on every rung.

    Raises:
        NotOfferedError: If the planner descends along gradients.
        ValueError: If its budget is a time.
    """
    if settings.seconds is not None:
        raise ValueError(
            f"a search of {settings.seconds:g} seconds looks at far fewer candidates "
            "where they are drawn; limit samples and iterations instead"
        )
    if settings.planner in DESCENDING and isinstance(world, TransparentWorld):
        raise NotOfferedError(
            f"planner {settings.planner!r} needs the gradient of the dynamics, and "
            "exact dynamics have none; compare with --agent planner=icem, cem, mppi or "
            "random-shooting"
        )
