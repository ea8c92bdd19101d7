"""Waypoints: the higher of two levels. Where to go next, so that the goal is reached.

The planner looks ten steps ahead and is given a state on the route as its goal, a few
steps in front of where the agent is. Routes are searched again every few decisions:
imagination drifts, and what was learned of a wall by bumping into it is used then.
"""

from __future__ import annotations

import torch
from jaxtyping import Float
from torch import Tensor

from telos.actor.route import Routes, RouteSearch
from telos.actor.scoring import take


class Waypoints:
    """Follows routes of B environments.

    Args:
        search: Finds routes.
        renew_every: Decisions between searches.
        ahead: States of the route between the agent and its waypoint.
        passed: A state of the route as close as this lies behind the agent, steps.
    """

    def __init__(
        self,
        search: RouteSearch,
        *,
        renew_every: int = 8,
        ahead: int = 2,
        passed: float = 1.2,
    ) -> None:
        if renew_every < 1:
            raise ValueError(f"renew_every is {renew_every}; expected at least 1.")
        self.search, self.renew_every = search, renew_every
        self.ahead, self.passed = ahead, passed
        self._goal: Tensor | None = None
        self._routes: Routes | None = None

    def set_goal(self, goal: Float[Tensor, "B D"]) -> None:
        """Say where the routes should lead; those that led elsewhere are dropped."""
        self._goal = goal
        self.drop_routes()

    def drop_routes(self) -> None:
        """Search again before the next step: a new batch of episodes starts."""
        self._routes = None

    @property
    def following(self) -> bool:
        """Whether there are routes that are followed."""
        return self._routes is not None

    @property
    def routes(self) -> Routes:
        """The routes that are followed.

        Raises:
            ValueError: Before the first call of `next`.
        """
        if self._routes is None:
            raise ValueError("there is no route yet; call next first.")
        return self._routes

    @property
    def evaluations(self) -> int:
        """Model evaluations that the last call of `next` spent per environment."""
        return self._routes.evaluations if self._routes and self._age == 1 else 0

    @torch.no_grad()
    def next(self, state: Float[Tensor, "B D"]) -> Float[Tensor, "B D"]:
        """Where each environment should go now: a state of its route, or its goal.

        Raises:
            ValueError: Before `set_goal`.
        """
        if self._goal is None:
            raise ValueError("waypoints lead to a goal; call set_goal first.")
        if self._routes is None or self._age >= self.renew_every:
            self._routes = self.search.search(state, self._goal)
            self._places = self.search.terrain.place(self._routes.states)
            self._at = self._places.shape[1] - self._routes.lengths
            self._age = 0
        self._age += 1
        self._advance(state)
        last = self._places.shape[1] - 1
        target = (self._at + self.ahead).clamp_max(last)
        return take(self._routes.states, target[:, None])[:, 0]

    def _advance(self, state: Tensor) -> None:
        """Find the nearest state of the route, near where the agent was before."""
        last = self._places.shape[1] - 1
        reach = torch.arange(self.ahead + 2, device=state.device)
        window = (self._at[:, None] + reach).clamp_max(last)
        here = self.search.terrain.place(state)[:, None]
        away = (take(self._places, window) - here).norm(dim=-1)
        nearest, step = away.min(dim=1)
        self._at = self._at + step + (nearest < self.passed).long()
        self._at = self._at.clamp_max(last)
