"""Where the settings of the other libraries come from.

    python benchmarks/other_planners.py --tune

Development episodes are walked in imagination: the learned model is the world, every
method plans with it, and what counts is how far from the goal it ends by the critic.
No episode of the protocol is used, and no real step is taken.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import torch

from others import mppi, ours, rl, swm
from others.question import Effort, Propose, Question
from others.states import first_question

COUNT, DECISIONS = 16, 15
ELITES = (0.05, 0.1, 0.2)
SIGMAS = (0.5, 0.7, 1.0)
TEMPERATURES = (0.001, 0.003, 0.01, 0.03, 0.1)
"""In the unit of the cost."""
FACTORS = (0.1, 0.3, 1.0, 3.0)
"""On standardised advantages."""


@torch.no_grad()
def imagined_distance(propose: Propose, question: Question) -> float:
    """Mean distance to the goal after a walk in imagination."""
    for number in range(DECISIONS):
        actions = propose(replace(question, seed=number)).clamp(-1.0, 1.0)
        after = question.step(question.state[:, -1], actions[:, 0])
        rest = torch.zeros_like(actions[:, :1])
        init = torch.cat([actions[:, 1:], rest], dim=1)
        question = replace(question, state=after[:, None], init=init)
    return float(question.distance(question.state).mean())


def tune(run: Path, effort: Effort) -> None:
    """Print every setting of every method, best first; ours as they come."""
    question = first_question(run, COUNT, effort)
    found: dict[str, list[tuple[float, str]]] = {}
    for name, setting, propose in candidates(effort):
        distance = imagined_distance(propose, question)
        found.setdefault(name, []).append((distance, setting))
    for name, results in found.items():
        for distance, setting in sorted(results):
            print(f"{effort}  {name:<24} {distance:.4f}  {setting}", flush=True)


def candidates(effort: Effort) -> Iterator[tuple[str, str, Propose]]:
    """Name, settings in words, and the planner with them."""
    for name, make in ours.PLANNERS.items():
        yield name, "as it comes", ours.asked(make(effort))
    yield from _stable_worldmodel(effort)
    yield from _torchrl(effort)
    for mppi.SIGMA, mppi.TEMPERATURE in itertools.product(SIGMAS, TEMPERATURES):
        setting = f"sigma {mppi.SIGMA}, lambda {mppi.TEMPERATURE}"
        yield "pytorch_mppi MPPI", setting, mppi.mppi(effort)


def _stable_worldmodel(effort: Effort) -> Iterator[tuple[str, str, Propose]]:
    for name, chosen in swm.SOLVERS.items():
        tempered = "temperature" in chosen.settings
        shares = (1.0,) if tempered else ELITES
        temperatures = TEMPERATURES if tempered else (None,)
        for share, sigma, heat in itertools.product(shares, SIGMAS, temperatures):
            settings = {"var_scale": sigma}
            settings |= {} if heat is None else {"temperature": heat}
            made = replace(chosen, settings=settings, elites=share)
            yield name, f"elites {share}, {settings}", swm.asked(made, effort)


def _torchrl(effort: Effort) -> Iterator[tuple[str, str, Propose]]:
    for rl.ELITES in ELITES:
        yield "TorchRL CEM", f"elites {rl.ELITES}", rl.cem(effort)
        for rl.TEMPERATURE in FACTORS:
            setting = f"elites {rl.ELITES}, factor {rl.TEMPERATURE}"
            yield "TorchRL MPPI", setting, rl.mppi(effort)
