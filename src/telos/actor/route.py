"""Routes: best-first search through imagination, the long way that no plan can see.

A plan looks ten steps ahead, and the critic that it ends with knows no guardrail: where
a keep-out zone stands across the way, every short plan ends in front of it. Here a tree
of imagined states grows from the present, always from where the whole way promises to
be shortest (A*, with the critic's distance as what remains), and never through a state
whose margin does not hold. Only what lies on the way is looked at; before a zone the
tree fills the pocket and finds the way around.

Two things keep the tree honest. A place that the tree has reached is not reached again,
so that it covers ground. And a branch is cut where the whole way (travelled and what
remains) promises to be shorter than it did before: imagination has gone through a wall,
bit by bit perhaps, and the critic has noticed.

Source: Hart, Nilsson, Raphael 1968, "A Formal Basis for the Heuristic Determination of
Minimum Cost Paths"; the use of imagination as its successor function is ours.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import torch
from jaxtyping import Bool, Float, Int
from torch import Tensor

from telos.actor.scoring import score_margins, smallest_margin, take
from telos.actor.settings import require_positive
from telos.types import Dynamics, Guardrail, Trajectory

GOLDEN_ANGLE = math.pi * (3 - math.sqrt(5))
"""Turn of the directions between rounds, so that they never repeat."""


class Terrain(Protocol):
    """What a search for routes asks about states."""

    def place(self, latent: Float[Tensor, "*b D"]) -> Float[Tensor, "*b A"]:
        """Coordinates; what is one apart is one model step at full speed apart."""
        ...

    def steps(
        self, latent: Float[Tensor, "B N D"], goal: Float[Tensor, "B D"]
    ) -> Float[Tensor, "B N"]:
        """Model steps from each state to the goal of its environment."""
        ...


@dataclass(frozen=True, kw_only=True)
class RouteConfig:
    """How the tree grows."""

    rounds: int = 60
    """Times that the most promising states are left from."""
    expand: int = 8
    """States that are left from in a round."""
    directions: int = 8
    """Actions of full size tried at each of them."""
    hold: int = 2
    """Model steps for which an action is held: the length of a branch."""
    apart: float = 0.8
    """Places closer than this are one, steps."""
    arrive: float = 1.5
    """A place as close as this to the goal ends the search, steps."""
    moved: float = 0.4
    """Share of its length that a branch has to cover; less pushes against a wall."""
    doubt: float = 2.0
    """How far the whole way may get shorter while it is gone, steps: the critic is
    wrong by so much."""
    capacity: int = 800
    """States that the tree holds."""

    def __post_init__(self) -> None:
        require_positive(
            rounds=self.rounds,
            expand=self.expand,
            directions=self.directions,
            hold=self.hold,
            capacity=self.capacity,
        )


@dataclass(frozen=True, kw_only=True)
class Routes:
    """Ways of B environments, right-aligned: the goal is the last state of each."""

    states: Float[Tensor, "B P D"]
    """Imagined states, ``hold`` model steps apart; before a way's begin its start."""
    lengths: Int[Tensor, " B"]
    """States of each way without its start; 1 (the goal) where none was found."""
    found: Bool[Tensor, " B"]
    evaluations: int
    """Model evaluations spent per environment."""


class RouteSearch:
    """Searches B ways at once.

    Args:
        dynamics: What branches are imagined with.
        terrain: Distances and places.
        guardrails: Every imagined state of a way keeps their margins.
        action_dim: Numbers of an environment's action.
        frame_skip: Environment actions in a model step; a branch repeats its own.
        config: How the tree grows.
    """

    def __init__(
        self,
        dynamics: Dynamics,
        terrain: Terrain,
        guardrails: Sequence[Guardrail] = (),
        *,
        action_dim: int,
        frame_skip: int = 1,
        config: RouteConfig | None = None,
    ) -> None:
        self.dynamics, self.terrain = dynamics, terrain
        self.guardrails = tuple(guardrails)
        self.action_dim, self.frame_skip = action_dim, frame_skip
        self.config = config or RouteConfig()

    @torch.no_grad()
    def search(self, state: Float[Tensor, "B D"], goal: Float[Tensor, "B D"]) -> Routes:
        """Find ways from where the environments are to their goals.

        Raises:
            ValueError: If there is not one goal for each state.
        """
        if state.shape != goal.shape:
            raise ValueError(
                f"states have shape {tuple(state.shape)}, goals {tuple(goal.shape)}; "
                "expected one encoded goal for each environment."
            )
        tree = _Tree(self.config, self.terrain, state, goal)
        rounds = 0
        while rounds < self.config.rounds and bool(tree.is_growing.any()):
            chosen, alive = tree.choose()
            branches = self._branch(tree, chosen, rounds)
            tree.grow(chosen, branches, self._admissible(branches) & alive)
            rounds += 1
        size = self.config.expand * self.config.directions * self.config.hold
        return tree.routes(goal, evaluations=rounds * size)

    def _branch(self, tree: _Tree, chosen: Tensor, number: int) -> Trajectory:
        """(B, E * M, 1, hold + 1, D) what every direction from chosen states leads to.

        Rows of the rollout stay sorted by environment, as memories want them.
        """
        config = self.config
        start = take(tree.states, chosen)
        batch, count, size = start.shape
        held = directions(config.directions, self.action_dim, number).to(start)
        held = held.repeat(1, self.frame_skip)[:, None]
        actions = held.expand(batch * count, -1, config.hold, -1)
        rollout = self.dynamics.rollout(start.view(batch * count, 1, size), actions)
        return Trajectory(
            states=rollout.states.reshape(batch, -1, 1, config.hold + 1, size),
            actions=actions.reshape(batch, -1, *actions.shape[2:]),
        )

    def _admissible(self, branches: Trajectory) -> Bool[Tensor, "B C"]:
        """Finite, and every margin holds at every state."""
        margins, _ = score_margins(branches, self.guardrails)
        finite = torch.isfinite(branches.states.flatten(2).sum(-1))
        return finite & (smallest_margin(margins) > 0)


@dataclass(frozen=True, kw_only=True)
class _Shoots:
    """C candidates for the tree of each environment."""

    states: Float[Tensor, "B C D"]
    places: Float[Tensor, "B C A"]
    travelled: Float[Tensor, "B C"]
    """Steps from the present."""
    remaining: Float[Tensor, "B C"]
    """Steps to the goal, as the critic says."""
    longest: Float[Tensor, "B C"]
    """The most that the whole way promised to be, from the present to here."""
    parents: Int[Tensor, "B C"]

    def take(self, order: Int[Tensor, "B C"]) -> _Shoots:
        """The same in another order."""
        return _Shoots(
            **{name: take(value, order) for name, value in vars(self).items()}
        )


class _Tree:
    """Imagined states of B environments, the first of each being the present."""

    def __init__(
        self, config: RouteConfig, terrain: Terrain, state: Tensor, goal: Tensor
    ) -> None:
        self.config, self.terrain, self.goal = config, terrain, goal
        room = len(state), config.capacity
        self.states = state[:, None].repeat(1, config.capacity, 1)
        here, self.target = terrain.place(state), terrain.place(goal)
        self.places = here.new_full((*room, here.shape[-1]), torch.inf)
        self.places[:, 0] = here
        self.travelled = state.new_full(room, torch.inf)
        self.travelled[:, 0] = 0.0
        self.remaining = state.new_full(room, torch.inf)
        self.remaining[:, 0] = terrain.steps(state[:, None], goal)[:, 0]
        self.longest = self.remaining.clone()
        self.parents = torch.zeros(room, dtype=torch.long, device=state.device)
        self.is_open = torch.zeros(room, dtype=torch.bool, device=state.device)
        self.is_open[:, 0] = True
        self.count = torch.ones(len(state), dtype=torch.long, device=state.device)
        arrived = (here - self.target).norm(dim=-1) < config.arrive
        self.end = torch.where(arrived, 0, -1)

    @property
    def is_growing(self) -> Bool[Tensor, " B"]:
        """Which environments still look for their goal and have where to look."""
        return (self.end < 0) & self.is_open.any(1)

    def choose(self) -> tuple[Int[Tensor, "B E"], Bool[Tensor, "B C"]]:
        """The states to leave from now, and which of their branches count."""
        promise = torch.where(self.is_open, self.travelled + self.remaining, torch.inf)
        promise[self.end >= 0] = torch.inf
        count = min(self.config.expand, promise.shape[1])
        length, chosen = promise.topk(count, dim=1, largest=False)
        self.is_open.scatter_(1, chosen, False)
        alive = torch.isfinite(length)
        return chosen, alive.repeat_interleave(self.config.directions, dim=1)

    def grow(self, chosen: Tensor, branches: Trajectory, admissible: Tensor) -> None:
        """Add the branches that lead somewhere new, most promising first."""
        shoots = self._shoots(chosen, branches)
        wanted = admissible & self._leads_on(shoots)
        promise = torch.where(wanted, shoots.travelled + shoots.remaining, torch.inf)
        order = promise.argsort(dim=1, stable=True)
        shoots, wanted = shoots.take(order), wanted.gather(1, order)
        kept = _first_of_each_place(shoots.places, wanted, self.config.apart)
        slots = self.count[:, None] + kept.cumsum(1) - 1
        kept &= slots < self.config.capacity
        envs, index = kept.nonzero(as_tuple=True)
        rows = slots[envs, index]
        self.states[envs, rows] = shoots.states[envs, index]
        self.places[envs, rows] = shoots.places[envs, index]
        self.travelled[envs, rows] = shoots.travelled[envs, index]
        self.remaining[envs, rows] = shoots.remaining[envs, index]
        self.longest[envs, rows] = shoots.longest[envs, index]
        self.parents[envs, rows] = shoots.parents[envs, index]
        self.is_open[envs, rows] = True
        self.count += kept.sum(1)
        self._arrive(kept, slots, shoots)

    def _shoots(self, chosen: Tensor, branches: Trajectory) -> _Shoots:
        """What the ends of branches would be as states of the tree."""
        ends = branches.states[:, :, 0, -1]
        parents = chosen.repeat_interleave(self.config.directions, dim=1)
        travelled = self.travelled.gather(1, parents) + self.config.hold
        remaining = self.terrain.steps(ends, self.goal)
        before = self.longest.gather(1, parents)
        return _Shoots(
            states=ends,
            places=self.terrain.place(ends),
            travelled=travelled,
            remaining=remaining,
            longest=torch.maximum(before, travelled + remaining),
            parents=parents,
        )

    def _leads_on(self, shoots: _Shoots) -> Bool[Tensor, "B C"]:
        """Has come forward, through no wall, to a place that is new."""
        config = self.config
        shorter = shoots.longest - (shoots.travelled + shoots.remaining)
        length = (shoots.places - take(self.places, shoots.parents)).norm(dim=-1)
        known = torch.cdist(shoots.places, self.places[:, : int(self.count.max())])
        # Where nothing is known yet, the distance is NaN or infinite.
        nearest = known.nan_to_num(torch.inf).amin(-1)
        return (
            (shorter <= config.doubt)
            & (length > config.moved * config.hold)
            & (nearest > config.apart)
        )

    def _arrive(self, kept: Tensor, slots: Tensor, shoots: _Shoots) -> None:
        """End the search of those that have come close to their goal.

        Close on the chart may be on the other side of a wall: the critic has to agree.
        """
        arrive = self.config.arrive
        near = (shoots.places - self.target[:, None]).norm(dim=-1) < arrive
        there = kept & near & (shoots.remaining < 2 * arrive + self.config.doubt)
        first = there.to(torch.int8).argmax(1, keepdim=True)
        new = there.any(1) & (self.end < 0)
        self.end = torch.where(new, slots.gather(1, first)[:, 0], self.end)

    def routes(self, goal: Tensor, evaluations: int) -> Routes:
        """Walk back from where the searches ended."""
        found = self.end >= 0
        node, states = self.end.clamp_min(0), [goal]
        lengths = torch.ones_like(node)
        while bool((node > 0).any()):
            states.append(take(self.states, node[:, None])[:, 0])
            lengths += (node > 0).long()
            node = self.parents.gather(1, node[:, None])[:, 0]
        return Routes(
            states=torch.stack(states[::-1], dim=1),
            lengths=lengths,
            found=found,
            evaluations=evaluations,
        )


def directions(count: int, action_dim: int, number: int) -> Float[Tensor, "M A"]:
    """Actions of length one in all directions, others in every round."""
    if action_dim == 1:
        return torch.linspace(-1, 1, count)[:, None]
    if action_dim == 2:
        angle = torch.arange(count) * (2 * math.pi / count) + number * GOLDEN_ANGLE
        return torch.stack([angle.cos(), angle.sin()], dim=-1)
    generator = torch.Generator().manual_seed(number)
    drawn = torch.randn(count, action_dim, generator=generator)
    return drawn / drawn.norm(dim=-1, keepdim=True)


def _first_of_each_place(
    places: Float[Tensor, "B C A"], wanted: Bool[Tensor, "B C"], apart: float
) -> Bool[Tensor, "B C"]:
    """Of wanted states that share a place only the first.

    Whether a state is kept depends on earlier ones only. So one look at all of them at
    once settles at least one more, and mostly all are settled after a few looks.
    """
    earlier = (torch.cdist(places, places) <= apart).tril(-1)
    kept = wanted
    while True:
        taken = (earlier & kept.unsqueeze(1)).any(-1)
        before, kept = kept, wanted & ~taken
        if torch.equal(kept, before):
            return kept
