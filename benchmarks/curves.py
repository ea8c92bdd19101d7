"""How do plans get better while planners search? Exact models, from their traces.

    python benchmarks/curves.py

Writes docs/images/planners.svg and results/curves.json: how far the best certified plan
is above the optimum, after every number of rollouts, as the median over starts. The
optimum is that of sequential quadratic programming.
"""

from __future__ import annotations

import argparse
import math
import re
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch
from exact_problems import PROBLEMS, Problem, optimum
from planners import CANDIDATES, planner_of
from results_file import row, write_result
from torch import Tensor

from telos.config import atomic_write
from telos.report.charts import HEIGHT, WIDTH, Line, line_chart
from telos.runtime import choose_runtime
from telos.types import Budget, Plan

SHOWN = {
    "random-shooting": "random",
    "icem": "iCEM",
    "mppi": "MPPI",
    "gradient": "gradient",
    "augmented-lagrangian": "Lagrangian",
    "hybrid": "hybrid",
}
"""Planner -> its name in the picture; cem and grasp are in planners.json."""
STARTS = 50
ROLLOUTS = tuple(range(20, CANDIDATES + 1, 20))
TOLD = (100, 300, 1000)
"""Numbers of rollouts that become rows."""
FLOOR = 0.1
"""Per cent: what is nearer to the optimum is drawn here."""
PICTURE = Path(__file__).parents[1] / "docs" / "images" / "planners.svg"
STYLE = """
svg { --ink: #1b2025; --soft: #59626b; --hair: #e5e1d8; --quiet: #8b939a; }
text { font: 11.5px system-ui, sans-serif; fill: var(--soft); }
.name { font-size: 13.5px; font-weight: 600; fill: var(--ink); }
svg svg { overflow: visible; }
.paper { fill: #fcfbf8; } .rule { stroke: var(--hair); } .axis { stroke: var(--quiet); }
.line { fill: none; stroke: var(--c); stroke-width: 1.8; }
.end { font-weight: 600; fill: var(--c); } .band { display: none; }
.s0 { --c: #0b5fa5; } .s1 { --c: #c06a00; } .s2 { --c: #00775a; }
.s3 { --c: #9b4a8d; } .s4 { --c: #3d8fc4; } .s5 { --c: #c23b12; }
"""
TITLE_ROOM, GAP = 24, 24


def main() -> None:
    """Search every problem with every planner, draw, write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--starts", type=int, default=STARTS)
    starts = parser.parse_args().starts
    choose_runtime()
    began, panels, rows = time.monotonic(), [], []
    for problem in PROBLEMS:
        state = problem.start(torch.Generator().manual_seed(0), starts)
        best = np.array([optimum(problem, state[i : i + 1]) for i in range(starts)])
        found = {name: curve(problem, name, state, best) for name in SHOWN}
        panels.append(panel(problem, found))
        rows += [one for name in SHOWN for one in rows_of(problem, name, found[name])]
    atomic_write(PICTURE, picture(panels).encode())
    print(write_result("curves", time.monotonic() - began, rows))


def curve(problem: Problem, name: str, state: Tensor, best: np.ndarray) -> np.ndarray:
    """(len(ROLLOUTS),) median share above the optimum; infinite if not certified."""
    plan = planner_of(name, problem).plan(
        problem.dynamics,
        state,
        problem.objective,
        problem.guardrails,
        budget=Budget(evaluations=CANDIDATES * problem.horizon),
        generators=[torch.Generator().manual_seed(i) for i in range(len(state))],
    )
    return np.median(costs_along(plan, problem.horizon) / best - 1, axis=1)


def costs_along(plan: Plan, horizon: int) -> np.ndarray:
    """(len(ROLLOUTS), B) cost of the best plan so far; infinite if not certified."""
    trace = plan.trace
    assert trace is not None
    cost = torch.where(trace.certified, trace.cost, math.inf).double().numpy()
    spent = np.array(trace.evaluations) / horizon
    rounds = np.searchsorted(spent, np.array(ROLLOUTS) + 1e-9, side="right") - 1
    nothing = np.full(cost.shape[1], math.inf)
    return np.stack([cost[r] if r >= 0 else nothing for r in rounds])


def panel(problem: Problem, found: dict[str, np.ndarray]) -> str:
    """One problem: per cent above the optimum over rollouts."""
    lines = [
        Line(
            name=SHOWN[name],
            x=ROLLOUTS,
            y=[
                max(100 * v, FLOOR) if math.isfinite(v) else None
                for v in share.tolist()
            ],
        )
        for name, share in found.items()
    ]
    label = f"{problem.name}: per cent above the optimum"
    return line_chart(lines, label=label, x_name="rollouts", log=True)


def picture(panels: list[str]) -> str:
    """All panels, two beside each other, as one SVG file."""
    wide, high = WIDTH + GAP, HEIGHT + TITLE_ROOM + GAP
    placed = []
    for index, (problem, chart) in enumerate(zip(PROBLEMS, panels, strict=True)):
        x, y = GAP / 2 + index % 2 * wide, GAP / 2 + index // 2 * high
        title = f"{problem.name}: % above the optimum"
        placed.append(f'<text class="name" x="{x}" y="{y + 14}">{title}</text>')
        size = f'x="{x}" y="{y + TITLE_ROOM}" width="{WIDTH}" height="{HEIGHT}" '
        plain = re.sub(r' data-hover="[^"]*"', "", chart)
        placed.append(plain.replace("<svg ", f"<svg {size}", 1))
    rows = math.ceil(len(panels) / 2)
    box = f"0 0 {2 * wide} {rows * high}"
    paper = '<rect class="paper" width="100%" height="100%"/>'
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="{box}">'
    return f"{head}<style>{STYLE}</style>{paper}{''.join(placed)}</svg>\n"


def rows_of(problem: Problem, name: str, share: np.ndarray) -> list[dict[str, Any]]:
    """The curve at a few numbers of rollouts, where a certified plan is known."""
    told_at = {told: float(share[ROLLOUTS.index(told)]) for told in TOLD}
    return [
        row(
            f"{problem.name}, {name}, {told} rollouts",
            value,
            "share",
            n=STARTS,
        )
        for told, value in told_at.items()
        if math.isfinite(value)
    ]


if __name__ == "__main__":
    main()
