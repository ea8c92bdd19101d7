"""Pushing a T as a batched world that poses goals and knows the truth about them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, ClassVar

import numpy as np

from telos.envs.checks import (
    check_actions,
    check_count,
    check_option,
    check_seeds,
    check_started,
)
from telos.envs.errors import NotOfferedError
from telos.envs.exact import PathObjective
from telos.envs.factors import Look, check_factors, draw_look
from telos.envs.push_t.behaviour import (
    BEHAVIOURS,
    ExpertPolicy,
    PushPolicy,
    StraightPolicy,
    make_behaviour,
)
from telos.envs.push_t.factors import FACTORS
from telos.envs.push_t.goals import TARGETS, Row, elsewhere, mark, on_the_mark
from telos.envs.push_t.measure import MEASURES, distance_between
from telos.envs.push_t.physics import (
    AGENT,
    STATE,
    Control,
    PushSpace,
)
from telos.envs.push_t.picture import Painter
from telos.envs.push_t.placement import Sizes, draw_state
from telos.envs.push_t.rollout import ExactPushT, advance
from telos.envs.push_t.streams import labels_of, numbers_of, spec_of, states_of
from telos.envs.raster import SIZE
from telos.envs.world import Goal, Step, WorldSpec
from telos.envs.zones import Zone, zone_factors, zone_from_option, zone_limits
from telos.types import Dynamics, Objective, Policy, Streams

STARTS = ("random", "underway")
MAX_STEPS = 300
"""Step limit of the registered environment of gym-pusht."""
WARM_UP = (10, 60)
"""Fewest and most steps that an episode that starts underway has been pushing for."""
QUIET = (0.0, 10.0)
"""Noise of the pushing that leads to starts and to goals some steps ahead, pixels."""
CONTENT = 0.35
"""Share of the success radius with which the expert leaves the T."""
COVERED = 1.5
"""The same where what counts is how much of the goal is covered, pixels."""


class PushT:
    """B discs that each push a T, with the physics of the field's Push-T.

    The action (2,) says where the agent should go: relative to where it is, in [-1, 1]
    for 100 px, or as a place in pixels; a controller drives it there. The agent sees
    ``pixels`` (size, size, 3) and ``state``: its position and velocity, the T's origin,
    and cosine and sine of its angle. Labels are ``position`` and ``velocity`` of the
    agent, ``block`` (px), ``angle`` (rad) and ``heading``, its cosine and sine.
    """

    goal_rules = ("state-ahead", "random-pose", "target")
    behaviours = BEHAVIOURS
    exact_dims: ClassVar = {
        "position": (0, 1),
        "velocity": (2, 3),
        "block": (4, 5),
        "angle": (6,),
    }
    """Where an exact state holds a label."""

    def __init__(
        self,
        num_envs: int = 1,
        *,
        control: str = "relative",
        start: str = "random",
        target: str = "fixed",
        measure: str = "state",
        goal_steps: int = 25,
        factors: Mapping[str, object] | None = None,
        zone: Mapping[str, object] | None = None,
        size: int = SIZE,
        max_steps: int = MAX_STEPS,
    ) -> None:
        """Build B arenas; call ``reset`` before anything else.

        Args:
            num_envs: B.
            control: ``relative`` actions, as in DINO-WM, or ``absolute``, as in
                gym-pusht.
            start: ``random``: agent and T at rest anywhere; ``underway``: the agent
                has been pushing for a while, like a state of a recording.
            target: Which pose is marked in the picture: ``fixed``, that of the
                original, ``random`` per episode, or ``none``. Rule ``target`` aims
                at it.
            measure: What is near a goal, see ``measure.MEASURES``.
            goal_steps: How far ahead the goals of rule ``state-ahead`` are.
            factors: What is other than usual, see ``push_t.factors.FACTORS`` and
                ``envs.factors.Option``.
            zone: A place in pixels that the agent must keep out of, see
                ``zones.zone_from_option``.
            size: Side of the images, pixels.
            max_steps: Usual step limit; the world itself never stops.

        Raises:
            ImportError: If pymunk is missing.
            ValueError: If an option is not one of those above.
        """
        check_count("num_envs", num_envs)
        check_count("goal_steps", goal_steps)
        check_count("size", size)
        check_option("start", start, STARTS)
        check_option("target", target, TARGETS)
        check_option("measure", measure, tuple(MEASURES))
        check_factors(FACTORS, factors or {})
        self._num_envs, self._start, self._target = num_envs, start, target
        self._control, self._measure = Control(kind=control), measure
        self._goal_steps, self._size = goal_steps, size
        self._factors = dict(factors or {})
        self._zone = None if zone is None else zone_from_option(zone, num_envs)
        self._spec = spec_of(
            *self._control.bounds,
            max_steps=max_steps,
            control=control,
            start=start,
            target=target,
            measure=measure,
            goal_steps=goal_steps,
            factors=self._factors,
            zone=zone,
            size=size,
        )
        self._spaces: list[PushSpace] = []
        self._states = np.zeros((0, STATE))

    @property
    def spec(self) -> WorldSpec:
        return self._spec

    @property
    def num_envs(self) -> int:
        return self._num_envs

    @property
    def success_radius(self) -> float:
        """Usual distance within which a goal counts as reached, see ``measure``."""
        return MEASURES[self._measure].radius

    @property
    def zone(self) -> Zone | None:
        """The zones of the episodes, fields (B,)."""
        return self._zone

    def reset(self, seeds: Sequence[int]) -> Step:
        """Start B new episodes; the seed alone decides each."""
        seeds = check_seeds(seeds, self._num_envs)
        self._look = draw_look(FACTORS, self._factors, seeds)
        self._spaces = self._spaces_of(self._look)
        self._marked = np.stack([mark(self._target, r) for r in self._rows(seeds, 9)])
        shown = None if self._target == "none" else self._marked
        self._painter = Painter(self._look, shown, self._size)
        starts = [draw_state(rng, sizes) for rng, sizes in self._rows(seeds, 0)]
        self._states = np.stack(starts)
        if self._start == "underway":
            rngs = [np.random.default_rng([seed, 10]) for seed in seeds]
            steps = np.array([rng.integers(*WARM_UP, endpoint=True) for rng in rngs])
            self._states = self._pushed(seeds, steps)
        return self._show(self._states)

    def step(self, actions: np.ndarray) -> Step:
        """Let B agents head for where (B, 2) actions, clipped to the bounds, say."""
        check_started(self._spaces)
        actions = check_actions(actions, self._num_envs, 2)
        before, self._states = self._states, self._after(self._states, actions)
        return self._show(before)

    def layout(self) -> list[dict[str, float]]:
        """Factors, marked pose and zone of each running episode."""
        check_started(self._spaces)
        rows = [self._look.row(index) for index in range(self._num_envs)]
        for index, row in enumerate(rows):
            if self._target != "none":
                names = "target_x", "target_y", "target_angle"
                row.update(zip(names, self._marked[index].tolist(), strict=True))
            if self._zone is not None:
                row.update(zone_factors(self._zone, index))
        return rows

    def limits(self) -> list[list[dict[str, Any]]]:
        """The zone of each running episode, if there are zones."""
        check_started(self._spaces)
        return zone_limits(self._zone, self._num_envs)

    def sample_goals(self, rule: str, seeds: Sequence[int]) -> Goal:
        """Goals for the running episodes, never inside the zone.

        ``state-ahead``: what scripted pushing reaches in ``goal_steps`` from here;
        ``random-pose``: agent and T anywhere else; ``target``: the T on the marked
        pose, that of the original where none is marked, and the agent anywhere.
        """
        check_started(self._spaces)
        check_option("goal rule", rule, self.goal_rules)
        seeds = check_seeds(seeds, self._num_envs)
        if rule == "state-ahead":
            steps = np.full(self._num_envs, self._goal_steps)
            return self.goal_at(self._pushed(seeds, steps))
        rows = self._rows(seeds, 2)
        if rule == "target":
            return self.goal_at(on_the_mark(rows, self._marked))
        return self.goal_at(elsewhere(rows, self._states, self._measure))

    def goal_at(self, states: np.ndarray) -> Goal:
        """Goals at exact states (B, 10) of the running episodes."""
        check_started(self._spaces)
        return Goal(observations=self._observe(states), labels=labels_of(states))

    def distance(self, labels: Streams, goal: Goal) -> np.ndarray:
        """(B,) distance to the goal by the world's measure."""
        states, goals = states_of(labels), states_of(goal.labels)
        scale = self._look.number("block_scale")
        return distance_between(self._measure, states, goals, scale)

    def path_length(self, labels: Streams, goal: Goal) -> np.ndarray:
        """(B,) the distance: no shortest way of pushing is known."""
        return self.distance(labels, goal)

    def behaviour(self, name: str) -> Policy:
        """``push`` (noisy) or ``expert`` pushing to poses, ``near`` the T, ``wander``,
        ``random``, or ``mixed``: mostly pushing."""
        check_option("behaviour", name, self.behaviours)
        return make_behaviour(name, self._sizes, self._control)

    def greedy(self, goal: Goal) -> Policy:
        """The floor: the agent heads straight for its own goal."""
        return StraightPolicy(self._control, states_of(goal.labels))

    def expert(self, goal: Goal) -> Policy:
        """Pushes the T where the error is taken away fastest, then leaves it."""
        check_started(self._spaces)
        covers = self._measure == "coverage"
        content = COVERED if covers else CONTENT * self.success_radius
        goals = states_of(goal.labels)
        return ExpertPolicy(self._sizes, self._control, goals, content)

    def oracle(self, goal: Goal) -> tuple[Dynamics, Objective]:
        """Not offered.

        Raises:
            NotOfferedError: Always; a search of the usual size finds less than the
                script does, and would be no ceiling. Who has the time for a larger one
                asks for the ``simulator``.
        """
        raise NotOfferedError(
            "push-t offers no exact dynamics as a ceiling: use expert(goal), which "
            "pushes the T where it helps most, or simulator(goal) to plan with pymunk."
        )

    def simulator(self, goal: Goal) -> tuple[Dynamics, Objective]:
        """pymunk itself, about 10,000 steps a second, and the measure of distance."""
        check_started(self._spaces)
        goals = states_of(goal.labels)
        objective = PathObjective(partial(self._distances, goals))
        return ExactPushT(self._spaces, self._control), objective

    def show(self, states: np.ndarray) -> Streams:
        """What would be seen in (B, N, 10) exact states: name -> (B, N, ...)."""
        check_started(self._spaces)
        states = np.asarray(states, np.float64)
        return {"pixels": self._painter.draw(states), "state": numbers_of(states)}

    def exact_state(self) -> np.ndarray:
        """(B, 1, 10) float64, all that decides what happens, see ``physics``."""
        check_started(self._spaces)
        return self._states[:, None].copy()

    def restore(self, states: np.ndarray) -> Step:
        """Put the running episodes into exact states (B, 1, 10)."""
        check_started(self._spaces)
        self._states = np.array(states, np.float64).reshape(self._num_envs, STATE)
        return self._show(self._states)

    def close(self) -> None:
        """End the episodes; there is nothing to release."""
        self._spaces = []

    def _spaces_of(self, look: Look) -> list[PushSpace]:
        """One space per environment; one with the right sizes is kept."""
        numbers = look.number("block_scale"), look.number("agent_radius")
        sizes = list(zip(*(row.tolist() for row in numbers), strict=True))
        old = self._spaces or [None] * len(sizes)
        return [
            space if space is not None and space.sizes == wanted else PushSpace(*wanted)
            for space, wanted in zip(old, sizes, strict=True)
        ]

    def _rows(self, seeds: Sequence[int], stream: int) -> list[Row]:
        """A generator and the sizes of every environment."""
        sizes = zip(*self._sizes(), strict=True)
        zone = self._zone
        return [
            (np.random.default_rng([seed, stream]), Sizes(scale=s, radius=r, zone=zone))
            for seed, (s, r) in zip(seeds, sizes, strict=True)
        ]

    def _sizes(self) -> tuple[np.ndarray, np.ndarray]:
        """(B,) scales and radii of the running episodes, pixels."""
        return self._look.number("block_scale"), self._look.number("agent_radius")

    def _after(self, states: np.ndarray, actions: np.ndarray) -> np.ndarray:
        """(B, 10) states after actions (B, 2)."""
        actions = np.clip(actions, *self._control.bounds)
        rows = zip(self._spaces, states, actions, strict=True)
        return np.stack([advance(*row, self._control) for row in rows])

    def _pushed(self, seeds: Sequence[int], steps: np.ndarray) -> np.ndarray:
        """(B, 10) states after (B,) steps of nearly noiseless pushing from here.

        The last state outside the zone counts.
        """
        policy = PushPolicy(self._sizes, self._control, QUIET, stream=11)
        policy.reset(seeds)
        states = reached = self._states
        for time in range(int(steps.max())):
            actions = policy.act({}, labels_of(states))
            states = self._after(states, actions)
            clear = self._zone is None or self._zone.margin(states[:, AGENT]) > 0.0
            counts = (time < steps) & clear
            reached = np.where(counts[:, None], states, reached)
        return reached

    def _distances(self, goals: np.ndarray, states: np.ndarray) -> np.ndarray:
        """(B, ...) distances of states (B, ..., 10) to goals (B, 10)."""
        between = [1] * (states.ndim - 2)
        scale = self._look.number("block_scale").reshape(-1, *between)
        goals = goals.reshape(len(goals), *between, STATE)
        return distance_between(self._measure, states, goals, scale)

    def _observe(self, states: np.ndarray) -> dict[str, np.ndarray]:
        """Streams of (B, 10) states."""
        pixels = self._painter.draw(states[:, None])[:, 0]
        return {"pixels": pixels, "state": numbers_of(states)}

    def _show(self, before: np.ndarray) -> Step:
        margins = {}
        if self._zone is not None:
            ways = before[:, AGENT], self._states[:, AGENT]
            margins["zone"] = self._zone.swept_margin(*ways)
        return Step(
            observations=self._observe(self._states),
            labels=labels_of(self._states),
            terminated=np.zeros(self._num_envs, bool),
            margins=margins,
        )
