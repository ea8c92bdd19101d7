"""Decisions per second, what of a decision is not the model, and how cost grows.

Methods take turns, and what is reported of two methods is the ratio within a turn: a
machine that is shared changes its mind within a minute.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import torch

from others.question import Clock, Effort, Propose, Question
from others.roster import ROSTER
from others.states import first_question

SECONDS = 0.3
"""Least duration of one method's turn."""
WARM = 2
"""Decisions before the first turn."""


@dataclass(frozen=True)
class Turns:
    """One number per turn."""

    values: Sequence[float]

    @property
    def median(self) -> float:
        return statistics.median(self.values)

    @property
    def bounds(self) -> dict[str, float]:
        """Where 95 % of the turns lie, and how many there were."""
        low, high = np.percentile(self.values, [2.5, 97.5])
        return {"low": float(low), "high": float(high), "n": len(self.values)}

    def over(self, other: Turns) -> Turns:
        """Ratio within each turn."""
        pairs = zip(self.values, other.values, strict=True)
        return Turns([mine / theirs for mine, theirs in pairs])


@torch.no_grad()
def decisions_per_second(
    run: Path, effort: Effort, count: int, repeats: int
) -> Mapping[str, Turns]:
    """Of every method, over all `count` environments."""
    question = first_question(run, count, effort)
    asked = {name: entry.asked(effort) for name, entry in ROSTER.items()}
    for propose in asked.values():
        for _ in range(WARM):
            propose(question)
    found: dict[str, list[float]] = {name: [] for name in asked}
    for turn in range(repeats):
        for name, propose in asked.items():
            found[name].append(count / _seconds(propose, question, turn))
    return {name: Turns(values) for name, values in found.items()}


@torch.no_grad()
def overhead(run: Path, effort: Effort, repeats: int) -> Mapping[str, Turns]:
    """Share of a decision for one environment that is neither rollout nor cost."""
    question = first_question(run, 1, effort)
    asked = {name: entry.asked(effort) for name, entry in ROSTER.items()}
    found: dict[str, list[float]] = {name: [] for name in asked}
    for turn in range(WARM + repeats):
        for name, propose in asked.items():
            clock = Clock(running=True)
            timed = replace(question, clock=clock, seed=turn)
            began = time.perf_counter()
            propose(timed)
            share = 1 - clock.seconds / (time.perf_counter() - began)
            if turn >= WARM:
                found[name].append(share)
    return {name: Turns(values) for name, values in found.items()}


@torch.no_grad()
def milliseconds(
    run: Path, efforts: Sequence[Effort], name: str, repeats: int
) -> Sequence[Turns]:
    """Of one method's decision for one environment, at several efforts in turn."""
    questions = [first_question(run, 1, effort) for effort in efforts]
    asked = [ROSTER[name].asked(effort) for effort in efforts]
    for propose, question in zip(asked, questions, strict=True):
        for _ in range(WARM):
            propose(question)
    found: list[list[float]] = [[] for _ in efforts]
    for turn in range(repeats):
        for values, propose, question in zip(found, asked, questions, strict=True):
            values.append(1000 * _seconds(propose, question, turn))
    return [Turns(values) for values in found]


def exponent(sizes: Sequence[int], turns: Sequence[Turns]) -> Turns:
    """Slope of time over size in logarithms, per turn; 1 is linear growth."""
    rows = zip(*(one.values for one in turns), strict=True)
    return Turns([float(np.polyfit(np.log(sizes), np.log(row), 1)[0]) for row in rows])


def _seconds(propose: Propose, question: Question, turn: int) -> float:
    """Mean seconds of a decision over at least `SECONDS`."""
    decisions, began = 0, time.perf_counter()
    while decisions < 1 or time.perf_counter() - began < SECONDS:
        propose(replace(question, seed=1000 * turn + decisions))
        decisions += 1
    return (time.perf_counter() - began) / decisions
