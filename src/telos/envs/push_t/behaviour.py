"""Scripted behaviour in the pushing world, from its true state."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from telos.envs.mixture import MixturePolicy
from telos.envs.push_t.physics import AGENT, BLOCK, Control
from telos.envs.push_t.placement import draw_pose
from telos.envs.push_t.pusher import Pusher
from telos.envs.push_t.shape import centre_of
from telos.envs.push_t.streams import places
from telos.envs.random_policy import RandomPolicy
from telos.types import Policy, Streams

Sizes = Callable[[], tuple[np.ndarray, np.ndarray]]
"""Scales of the T and radii of the agent of the running episodes, (B,) pixels."""
NOISES = (0.0, 30.0)
"""Range from which a pushing episode draws the noise of its targets, pixels."""
KEPT = 0.8
"""Share of the noise that the next step keeps."""
NEAR, NEAR_KEPT = 100.0, 0.8
"""Random targets lie within this of the T's centre along each axis, pixels; share of
the randomness that the next step keeps."""
PATIENCE = (30, 90)
"""Shortest and longest pursuit of a pose, steps."""
BEHAVIOURS = ("mixed", "push", "expert", "near", "wander", "random")
PUSHES, EXPERTS = 0.5, 0.75
"""Share of noisy pushing in ``mixed``, and of pushing of any kind; what is left stays
near the T."""
WANDER_CORRELATION = 0.9
DONE = 8.0
"""Error of a pose with which a behaviour is content, pixels."""
AGAIN = 2.0
"""An expert that was content pushes again where the error has grown by this factor."""


def make_behaviour(name: str, sizes: Sizes, control: Control) -> Policy:
    """One of ``BEHAVIOURS``."""
    if name in ("random", "wander"):
        kept = WANDER_CORRELATION if name == "wander" else 0.0
        return RandomPolicy(*control.bounds, kept)
    made = {
        "push": PushPolicy(sizes, control),
        "expert": PushPolicy(sizes, control, noises=(0.0, 0.0)),
        "near": NearPolicy(sizes, control),
    }
    if name in made:
        return made[name]
    # One draw decides in both mixtures, which therefore share one scale.
    rest = MixturePolicy(made["expert"], made["near"], EXPERTS)
    return MixturePolicy(made["push"], rest, PUSHES)


class PushPolicy:
    """Pushes the T to one pose after the other, with noise drawn per episode."""

    def __init__(
        self,
        sizes: Sizes,
        control: Control,
        noises: tuple[float, float] = NOISES,
        stream: int = 1,
    ) -> None:
        """Take what the running episodes are like, and how noisy to be.

        Args:
            sizes: Asked at every reset.
            control: What actions mean.
            noises: Range of the standard deviation of targets, pixels.
            stream: Which of the random numbers of a seed to use.
        """
        self._sizes, self._control = sizes, control
        self._noises, self._stream = noises, stream

    def reset(self, seeds: Sequence[int]) -> None:
        """Start len(seeds) episodes."""
        self._scale, radius = self._sizes()
        self._pusher = Pusher(self._scale, radius)
        self._rngs = [np.random.default_rng([seed, self._stream]) for seed in seeds]
        self._noise = np.array([[rng.uniform(*self._noises)] for rng in self._rngs])
        self._left = np.zeros(len(seeds), int)
        self._aim = np.zeros((len(seeds), 3))
        self._drift = np.stack([rng.standard_normal(2) for rng in self._rngs])

    def act(self, observation: Streams, labels: Streams) -> np.ndarray:
        """(B, 2) actions from the labels position, block and angle."""
        agent, pose = places(labels)
        self._left -= 1
        done = self._pusher.error(pose, self._aim) < DONE
        for row in np.flatnonzero(done | (self._left <= 0)):
            rng = self._rngs[row]
            self._aim[row] = draw_pose(rng, float(self._scale[row]))
            self._left[row] = rng.integers(*PATIENCE)
        target = self._pusher.push(agent, pose, self._aim)
        fresh = np.stack([rng.standard_normal(2) for rng in self._rngs])
        self._drift = KEPT * self._drift + np.sqrt(1 - KEPT**2) * fresh
        return self._control.actions(target + self._noise * self._drift, agent)


class NearPolicy:
    """Random targets around the T, which last for some steps: pushes of all kinds."""

    def __init__(self, sizes: Sizes, control: Control) -> None:
        """Take what the running episodes are like, and what actions mean."""
        self._sizes, self._control = sizes, control
        self._offsets = RandomPolicy(np.full(2, -NEAR), np.full(2, NEAR), NEAR_KEPT)

    def reset(self, seeds: Sequence[int]) -> None:
        """Start len(seeds) episodes."""
        self._scale, _ = self._sizes()
        self._offsets.reset(seeds)

    def act(self, observation: Streams, labels: Streams) -> np.ndarray:
        """(B, 2) actions from the labels position, block and angle."""
        agent, pose = places(labels)
        target = centre_of(pose, self._scale) + self._offsets.act(observation, labels)
        return self._control.actions(target, agent)


class ExpertPolicy:
    """Pushes the T to a goal, then brings the agent to its own."""

    def __init__(
        self, sizes: Sizes, control: Control, goals: np.ndarray, content: float
    ) -> None:
        """Take the goals.

        Args:
            sizes: Asked at every reset.
            control: What actions mean.
            goals: (B, 10) states.
            content: Error of a pose that is small enough, pixels.
        """
        self._sizes, self._control = sizes, control
        self._goals, self._content = goals, content

    def reset(self, seeds: Sequence[int]) -> None:
        """Start len(seeds) episodes; no randomness is involved."""
        self._pusher = Pusher(*self._sizes())
        self._done = np.zeros(len(seeds), bool)

    def act(self, observation: Streams, labels: Streams) -> np.ndarray:
        """(B, 2) actions from the labels position, block and angle."""
        agent, pose = places(labels)
        aim = self._goals[:, BLOCK]
        allowed = np.where(self._done, AGAIN, 1.0) * self._content
        self._done = self._pusher.error(pose, aim) < allowed
        push = self._pusher.push(agent, pose, aim)
        leave = self._pusher.go(agent, pose, self._goals[:, AGENT])
        target = np.where(self._done[:, None], leave, push)
        return self._control.actions(target, agent)


class StraightPolicy:
    """The greedy floor: the agent heads for where it should be, whatever the T does."""

    def __init__(self, control: Control, goals: np.ndarray) -> None:
        """Take what actions mean and goals (B, 10)."""
        self._control, self._goals = control, goals

    def reset(self, seeds: Sequence[int]) -> None:
        """Nothing to do: the policy is deterministic and keeps no state."""

    def act(self, observation: Streams, labels: Streams) -> np.ndarray:
        """(B, 2) actions from the label position."""
        agent = np.asarray(labels["position"], np.float64)
        return self._control.actions(self._goals[:, AGENT], agent)
