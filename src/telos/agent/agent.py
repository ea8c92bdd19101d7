"""The agent: perception, world model, cost, actor and shield, wired as in the figure.

    observation -> encode -> remember -> route -> imagine, cost, search -> shield
                                                                          -> action

Source: LeCun 2022, "A Path Towards Autonomous Machine Intelligence", section 3.1.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Protocol

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from telos.actor.receding import RecedingHorizon
from telos.actor.scoring import smallest_margin
from telos.actor.shield import Shield
from telos.actor.waypoints import Waypoints
from telos.agent.frames import encode
from telos.agent.wishes import Aim, GivenAim, Pursuit
from telos.configurator import Configuration
from telos.memory import BothBeliefs
from telos.types import (
    Affect,
    Certified,
    Dynamics,
    Encoder,
    Guardrail,
    Objective,
    Plan,
    Planner,
    Streams,
)


class Scale(Protocol):
    """From normalised actions to the environment's units."""

    def from_unit(self, actions: np.ndarray) -> np.ndarray: ...


class WorldModel(Encoder, Dynamics, Protocol):
    """What the agent needs of a world model."""

    @property
    def action_scale(self) -> Scale:
        """Scale of one model step's action: ``frame_skip`` environment actions."""
        ...

    @property
    def history(self) -> int:
        """Frames that the encoder sees, ``frame_skip`` environment steps apart."""
        ...

    @property
    def frame_skip(self) -> int:
        """Environment steps per model step."""
        ...


class Memory(Protocol):
    """What lasts for an episode and is told of every model step."""

    def reset(self, num_envs: int) -> None:
        """Forget everything: a new batch of episodes starts."""
        ...

    def observe(
        self,
        before: Float[Tensor, "B T D"],
        action: Float[Tensor, "B A"],
        after: Float[Tensor, "B T D"],
    ) -> object:
        """An action, in [-1, 1], led from one state to another."""
        ...


def _believed(world_model: Dynamics, imagination: Dynamics | None) -> Dynamics:
    """What a guardrail has to hold in."""
    if imagination is None:
        return world_model
    return BothBeliefs(world_model, imagination)


Propose = Callable[[Dynamics, Tensor, Tensor], Tensor]
"""From dynamics, state (B, T, D) and goal (B, D) to a plan (B, H, A) to begin with."""

ObjectiveFactory = Callable[[Float[Tensor, "B D"]], Objective]
"""From the encoded goal to what is wanted."""


class Agent:
    """Acts in B environments towards a goal.

    The goal is an observation (`set_goal`) or anything else that can be pursued
    (`pursue`): conditions, any of several goals, several in sequence.

    Args:
        world_model: Encodes observations and imagines.
        objective: Makes the objective from an encoded goal.
        planner: Searches.
        guardrails: Hard constraints that planner and shield enforce.
        shield: The last gate; built from the guardrails if there are any.
        replan_every: Model steps for which a plan is followed.
        imagination: What the planner imagines with, where it is more than the world
            model: one that remembers what it got wrong in this episode. The shield
            then wants every margin to hold in both.
        memories: What is told of every step, in this order.
        waypoints: The higher level, where there is one: says which state on the way
            the planner should aim at.
        propose: What the search begins with where the aim is a state: what is usually
            done on the way there. Else it begins with what is left of the plan.
        futures: In which the shield that is built here wants every margin to hold.
        near_futures: In which it wants them to hold over the next step besides.
        device: Where tensors live.
    """

    def __init__(
        self,
        *,
        world_model: WorldModel,
        objective: ObjectiveFactory,
        planner: Planner,
        guardrails: Sequence[Guardrail] = (),
        shield: Shield | None = None,
        replan_every: int = 1,
        imagination: Dynamics | None = None,
        memories: Sequence[Memory] = (),
        waypoints: Waypoints | None = None,
        propose: Propose | None = None,
        futures: int = 1,
        near_futures: int = 1,
        device: torch.device | str = "cpu",
    ) -> None:
        self.world_model = world_model
        self.waypoints = waypoints
        self.memories = tuple(memories)
        self._dynamics: Dynamics = imagination or world_model
        self.guardrails = tuple(guardrails)
        self.device = torch.device(device)
        if shield is None and self.guardrails:
            shield = Shield(
                dynamics=_believed(world_model, imagination),
                guardrails=self.guardrails,
                futures=futures,
                near_futures=near_futures,
            )
        self.shield = shield
        self.make_objective = objective
        self._propose = propose
        self._horizon = RecedingHorizon(planner, replan_every=replan_every)
        self._certified: Certified | None = None
        self._pursuit: Pursuit | None = None
        self._routed: Tensor | None = None
        self._generators: list[torch.Generator] = []
        self._before: tuple[Tensor, Tensor] | None = None

    @classmethod
    def configured(
        cls,
        configuration: Configuration,
        *,
        world_model: WorldModel,
        offered: Callable[[Tensor], Mapping[str, Objective]],
        imagination: Dynamics | None = None,
        memories: Sequence[Memory] = (),
        waypoints: Waypoints | None = None,
        device: torch.device | str = "cpu",
    ) -> Agent:
        """An agent that deliberates as the configurator said.

        Args:
            configuration: Planner, weights, guardrails and replanning.
            world_model: Encodes observations and imagines.
            offered: From the encoded goal to the objectives that weights may name.
            imagination: As for an agent that is put together by hand.
            memories: Likewise.
            waypoints: Likewise.
            device: Where tensors live.
        """
        return cls(
            world_model=world_model,
            objective=lambda goal: configuration.build_objective(offered(goal)),
            planner=configuration.build_planner(),
            guardrails=[rail.to(device) for rail in configuration.guardrails],
            replan_every=configuration.replan_every,
            imagination=imagination,
            memories=memories,
            waypoints=waypoints,
            device=device,
        )

    def reset(self, seeds: Sequence[int]) -> None:
        """Start len(seeds) episodes, each with randomness of its own."""
        self._generators = [torch.Generator().manual_seed(seed) for seed in seeds]
        self._frames: deque[Streams] = deque(maxlen=self.world_model.history)
        self._queue: deque[np.ndarray] = deque()
        self._horizon.reset()
        self._certified = None
        self._before = None
        for memory in self.memories:
            memory.reset(len(seeds))
        if self._pursuit is not None:
            self._pursuit.reset()
        self._drop_routes()

    def watch(self, observation: Streams) -> None:
        """Show a (B, ...) frame of what was observed before the first decision.

        Frames are ``frame_skip`` environment steps apart, older ones first; without
        them the past is taken to have looked like the first frame.
        """
        self._frames.append(_copied(observation))

    def set_goal(self, goal_observation: Streams) -> None:
        """Say where to go, as one (B, ...) frame of what should be observed.

        The goal is encoded as a history of itself: to be there, at rest. It may change
        within an episode; the plan on the way to the old one is dropped.
        """
        still = [goal_observation] * self.world_model.history
        goal = self._encode(still)[:, -1]
        self.pursue(GivenAim(Aim(objective=self.make_objective(goal), goal=goal)))

    def pursue(self, pursuit: Pursuit) -> None:
        """Say what to aim at; the plan on the way to anything else is dropped.

        Where the aim is a state, the higher level looks for a route to it.
        """
        self._pursuit = pursuit
        self._horizon.drop_plan()
        self._drop_routes()

    @torch.no_grad()
    def act(self, observation: Streams) -> np.ndarray:
        """Decide on the next action.

        Args:
            observation: The newest (B, ...) frame of every stream.

        Returns:
            (B, A) actions in the environment's units.

        Raises:
            ValueError: Before `reset` or `set_goal`, or if B is another one.
        """
        self._require_ready(observation)
        if not self._queue:
            self._queue.extend(self._decide(observation))
        return self._queue.popleft()

    @property
    def planner(self) -> Planner:
        """What searches; another one, or a wrapped one, may take its place."""
        return self._horizon.planner

    @planner.setter
    def planner(self, planner: Planner) -> None:
        self._horizon.planner = planner

    @property
    def replan_every(self) -> int:
        """Model steps for which a plan is followed."""
        return self._horizon.replan_every

    @property
    def plan(self) -> Plan:
        """What the agent intends: the plan that it follows, as it was made."""
        return self._horizon.plan

    @property
    def planned(self) -> Float[np.ndarray, "B T A"]:
        """Actions of `plan`, one per environment step, in the environment's units."""
        scale, skip = self.world_model.action_scale, self.world_model.frame_skip
        actions = scale.from_unit(self.plan.actions.cpu().numpy())
        return actions.reshape(len(actions), -1, actions.shape[-1] // skip)

    @property
    def evaluations(self) -> int:
        """Model evaluations that `plan` cost per environment, its route included."""
        route = 0 if self.waypoints is None else self.waypoints.evaluations
        return self.plan.evaluations + route

    @property
    def certified(self) -> Certified | None:
        """What the shield said about the last model step; None without a shield."""
        return self._certified

    @property
    def affect(self) -> Affect:
        """What the agent anticipates of its plan (LeCun 2022, section 3.1.3)."""
        plan = self.plan
        margins = list(plan.margins.values())
        stacked = torch.stack(margins, -1) if margins else plan.cost[:, None][:, :0]
        return Affect(expected_cost=plan.cost, expected_margin=smallest_margin(stacked))

    def _decide(self, observation: Streams) -> list[np.ndarray]:
        """One model step: the ``frame_skip`` environment actions that make it up."""
        self._keep(observation)
        state = None
        if self._horizon.due or self.shield is not None or self.memories:
            state = self._encode(list(self._frames))
            self._remember(state)
            if self._horizon.due:
                self._replan(state)
            self._certified = self._pass_shield(state)
        intended = self._horizon.intended[:, 0]
        action = intended if self._certified is None else self._certified.action
        self._before = None if state is None else (state, action)
        self._horizon.advance(self._certified)
        return self._to_world(action)

    def _remember(self, state: Float[Tensor, "B T D"]) -> None:
        """Tell the memories what the last action led to."""
        if self._before is None:
            return
        for memory in self.memories:
            memory.observe(*self._before, state)

    def _keep(self, observation: Streams) -> None:
        """Keep the newest frames; before the first one lies the first one."""
        self._frames.append(_copied(observation))
        while len(self._frames) < self.world_model.history:
            self._frames.appendleft(self._frames[0])

    def _encode(self, frames: Sequence[Streams]) -> Float[Tensor, "B T D"]:
        """Frames, oldest first, as states."""
        return encode(self.world_model, frames, self.device)

    def _replan(self, state: Tensor) -> None:
        assert self._pursuit is not None
        aim = self._pursuit.aim(state[:, -1])
        objective, goal = aim.objective, aim.goal
        if self.waypoints is not None:
            if goal is not self._routed:
                self._lead_routes_to(goal)
            if goal is not None:
                goal = self.waypoints.next(state[:, -1])
                objective = self.make_objective(goal)
        init = None
        if self._propose is not None and goal is not None:
            init = self._propose(self._dynamics, state, goal)
        self._horizon.replan(
            self._dynamics, state, objective, self.guardrails, self._generators, init
        )

    def _lead_routes_to(self, goal: Tensor | None) -> None:
        assert self.waypoints is not None
        self.waypoints.drop_routes()
        if goal is not None:
            self.waypoints.set_goal(goal)
        self._routed = goal

    def _drop_routes(self) -> None:
        self._routed = None
        if self.waypoints is not None:
            self.waypoints.drop_routes()

    def _pass_shield(self, state: Tensor) -> Certified | None:
        if self.shield is None:
            return None
        intended = self._horizon.intended
        return self.shield.certify(
            state, intended[:, 0], rest=intended[:, 1:], backup=self._horizon.backup
        )

    def _to_world(self, action: Float[Tensor, "B A"]) -> list[np.ndarray]:
        """A model step's action as environment actions, first one first."""
        scaled = self.world_model.action_scale.from_unit(action.cpu().numpy())
        return np.split(scaled, self.world_model.frame_skip, axis=-1)

    def _require_ready(self, observation: Streams) -> None:
        if not self._generators:
            raise ValueError("the agent has no episodes; call reset(seeds) first.")
        if self._pursuit is None:
            raise ValueError("the agent has no goal; call set_goal(observation) first.")
        for name, values in observation.items():
            if len(values) != len(self._generators):
                raise ValueError(
                    f"stream {name!r} holds {len(values)} environments, but reset gave "
                    f"seeds for {len(self._generators)}."
                )


def _copied(observation: Streams) -> Streams:
    """A frame that stays as it is when the world writes the next one over it."""
    return {name: np.array(values) for name, values in observation.items()}
