"""The dictionary of telos: axis legend, data that passes between rooms, and the seams.

Axis legend, fixed everywhere:

    B  batch of environments or windows     D  latent dimension
    S  candidate action sequence            A  action dimension
    K  future (draw of the latent variable) N  patch or token
    T  time in data, H planning horizon     C, H, W  channel, height, width

Data is ``(B, T, ...)``; candidate actions are ``(B, S, H, A)``; imagined states are
``(B, S, K, H+1, D)``, where index 0 along ``H+1`` is the present.

Signs are part of a name: an *energy* or *cost* is better when lower; a *margin* is safe
when it is greater than zero and has a physical unit.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, Protocol, runtime_checkable

import numpy as np
import torch
from jaxtyping import Bool, Float
from torch import Tensor

Streams = Mapping[str, np.ndarray]
"""Named observation streams, for example ``pixels`` (uint8) and ``state`` (float32)."""

Observation = Mapping[str, Tensor]
"""Streams as tensors ``(B, T, ...)``, newest last."""

Status = Literal["certified", "backup", "infeasible"]
"""What a plan is worth: its margins hold, it is a fallback, or none was safe."""


@dataclass(frozen=True, kw_only=True)
class Episode:
    """One recorded episode of T steps; the reset frame is kept.

    ``observations[name]`` has T+1 rows: row t is what was seen before ``actions[t]``,
    row T is what was seen last. ``labels[name]`` also has T+1 rows and holds quantities
    for probes and read-outs that the world model never sees.
    """

    observations: Streams
    actions: np.ndarray
    """(T, A) float32, in the environment's own units."""
    labels: Streams = field(default_factory=dict)
    seed: int = 0
    """Seed that reset the environment."""
    layout: Mapping[str, float] = field(default_factory=dict)
    """Factors fixed for the episode, for example wall and door position."""

    @property
    def num_steps(self) -> int:
        return len(self.actions)


@dataclass(frozen=True, kw_only=True)
class Window:
    """A batch of fixed-length cuts from episodes.

    ``observations[name]`` is (B, T+1, ...): T transitions have T+1 frames.
    ``actions`` is (B, T, A), normalised to [-1, 1], frame t with the action leaving t.
    """

    observations: Observation
    actions: Float[Tensor, "B T A"]
    episodes: Tensor
    """(B,) index of the episode that each window was cut from."""

    @property
    def num_transitions(self) -> int:
        return self.actions.shape[1]


@dataclass(frozen=True, kw_only=True)
class Trajectory:
    """What a dynamics imagines: one rollout, read by costs, guardrails and critic."""

    states: Float[Tensor, "B S K H1 D"]
    """(B, S, K, H+1, D); index 0 along H+1 is the present."""
    actions: Float[Tensor, "B S H A"]
    """(B, S, H, A), normalised to [-1, 1]."""

    @property
    def future(self) -> Float[Tensor, "B S K H D"]:
        """The predicted states without the present one."""
        return self.states[..., 1:, :]


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The answer of a planner: an evaluated candidate per environment, and what it is.

    The candidate is the cheapest evaluated one whose margin holds (``certified``); the
    still-safe tail of the last certified plan (``backup``); or the one with the largest
    margin (``infeasible``). It is never a mean and never an unevaluated iterate.
    """

    actions: Float[Tensor, "B H A"]
    cost: Float[Tensor, "B"]
    terms: Mapping[str, Float[Tensor, "B"]]
    """Cost of the chosen candidate by objective, before weighting."""
    margins: Mapping[str, Float[Tensor, "B"]]
    """Smallest predicted margin of each guardrail over steps and futures."""
    status: tuple[Status, ...]
    states: Float[Tensor, "B K H1 D"]
    """Imagined states of the chosen candidate."""
    evaluations: int
    """Model evaluations spent per environment: candidates x futures x steps."""
    seconds: float
    """Wall-clock seconds of the whole batch."""
    digests: Mapping[str, str] = field(default_factory=dict)
    """Digest of each guardrail that was enforced."""
    candidates: Tensor | None = None
    """(B, S', H+1, D) imagined states of a few good candidates, for pictures."""
    trace: SearchTrace | None = None
    """How the search went."""


@dataclass(frozen=True, kw_only=True)
class Certified:
    """The shield's answer: the action that may be executed, and why."""

    action: Float[Tensor, "B A"]
    status: tuple[Status, ...]
    margin: Float[Tensor, "B"]
    reason: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """A diagnosis in plain words with its evidence."""

    name: str
    """One of ok, partial, dimensional, complete, slow-feature for a representation."""
    text: str
    evidence: Mapping[str, float]


@dataclass(frozen=True, kw_only=True)
class Affect:
    """Anticipation of the outcome of the current plan (LeCun 2022, section 3.1.3)."""

    expected_cost: Float[Tensor, "B"]
    expected_margin: Float[Tensor, "B"]


@dataclass(frozen=True, kw_only=True)
class Budget:
    """How much a planner may spend: whichever limit comes first ends the search.

    What is None is as the planner's config says. With a limit on evaluations or seconds
    and none on iterations, a planner goes on until that limit.
    """

    samples: int | None = None
    """Candidates per iteration."""
    iterations: int | None = None
    """Rounds of a search, or steps of a descent."""
    evaluations: int | None = None
    """Model evaluations per environment: candidates x futures x steps."""
    seconds: float | None = None
    """Wall-clock time of the whole batch; one small round is evaluated in any case."""

    def __post_init__(self) -> None:
        limits = {
            "samples": self.samples,
            "iterations": self.iterations,
            "evaluations": self.evaluations,
            "seconds": self.seconds,
        }
        for name, limit in limits.items():
            if limit is not None and not limit > 0:
                raise ValueError(f"budget {name} is {limit}; expected more than 0.")


@dataclass(frozen=True, kw_only=True)
class SearchTrace:
    """How a search went, after each of its R rounds of evaluation."""

    cost: Float[Tensor, "R B"]
    """Cost of the best candidate so far."""
    certified: Bool[Tensor, "R B"]
    """Whether that candidate keeps every margin."""
    feasible: Float[Tensor, "R B"]
    """Share of the round's candidates that keep every margin."""
    evaluations: tuple[int, ...]
    """Model evaluations per environment so far."""
    seconds: tuple[float, ...]
    """Wall-clock time so far."""


@runtime_checkable
class Encoder(Protocol):
    """Perception: observation streams to a representation."""

    def encode(self, observation: Observation) -> Float[Tensor, "B T D"]:
        """Encode (B, T, ...) streams, newest last."""
        ...


Correction = Callable[
    [Float[Tensor, "N Z"], Float[Tensor, "N A"]], Float[Tensor, "N Z"]
]
"""From states and actions to what has to be added to the predicted next states."""


@runtime_checkable
class Dynamics(Protocol):
    """Anything that can imagine: a learned model, a simulator, a two-line fake."""

    def rollout(
        self,
        state: Float[Tensor, "B T D"],
        actions: Float[Tensor, "B S H A"],
        futures: int = 1,
        generator: torch.Generator | None = None,
    ) -> Trajectory:
        """Imagine what every candidate leads to; knows no cost.

        Args:
            state: Context, newest last.
            actions: Candidates, normalised to [-1, 1]; one per model step.
            futures: Number of latent draws K; all candidates face the same draws.
            generator: Source of randomness for the draws.
        """
        ...


@runtime_checkable
class Objective(Protocol):
    """A soft cost. Objectives add and scale; guardrails do neither."""

    @property
    def name(self) -> str: ...

    def __call__(self, trajectory: Trajectory) -> Float[Tensor, "B S K H"]:
        """Energy of every predicted state, lower is better."""
        ...

    def terms(self, trajectory: Trajectory) -> Mapping[str, Float[Tensor, "B S K H"]]:
        """Unweighted energy of every named part."""
        ...


@runtime_checkable
class Guardrail(Protocol):
    """A hard constraint in physical units: no weight, no sum, nothing trainable."""

    @property
    def name(self) -> str: ...

    @property
    def unit(self) -> str: ...

    @property
    def digest(self) -> str:
        """Fingerprint of everything that decides the margin."""
        ...

    def margin(self, trajectory: Trajectory) -> Float[Tensor, "B S K H"]:
        """Distance to violation at every predicted state; safe when > 0."""
        ...


@runtime_checkable
class Planner(Protocol):
    """Mode 2: search for the actions whose predicted consequences cost least."""

    def plan(
        self,
        dynamics: Dynamics,
        state: Float[Tensor, "B T D"],
        objective: Objective,
        guardrails: Sequence[Guardrail] = (),
        *,
        init: Float[Tensor, "B H A"] | None = None,
        budget: Budget | None = None,
        generators: Sequence[torch.Generator],
    ) -> Plan:
        """Search; ``init`` is the shifted plan of the previous step."""
        ...


@runtime_checkable
class Policy(Protocol):
    """Mode 1 and scripted behaviour: observation streams in, actions out."""

    def reset(self, seeds: Sequence[int]) -> None:
        """Start new episodes, one generator per environment."""
        ...

    def act(self, observation: Streams, labels: Streams) -> np.ndarray:
        """(B, A) actions in the environment's own units."""
        ...
