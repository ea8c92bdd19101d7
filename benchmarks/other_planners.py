"""Ours or theirs? Planners of other libraries on the same learned model and cost.

    python benchmarks/other_planners.py            # an hour; nothing else may run
    python benchmarks/other_planners.py --episodes-only   # that part of it which needs
                                                   # no quiet; writes no result
    python benchmarks/other_planners.py --look     # a few minutes; writes no result
    python benchmarks/other_planners.py --tune     # how settings were chosen

Needs a run of benchmarks/rooms.py, makes an environment of its own in
benchmarks/scratch/others-env, and writes results/other_planners.json. Episodes that
were acted are kept in benchmarks/scratch/others and not acted again. What is asked of
whom, and how it is kept fair, stands at the head of others/question.py.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from others import environment

SCRATCH = Path(__file__).parent / "scratch"
RUN = SCRATCH / "rooms" / "seed-0-effort-2"
OURS = "telos iCEM"
HEADS = (OURS, "stable-worldmodel CEM", "TorchRL CEM", "pytorch_mppi MPPI")
"""One per library, where more would take hours."""
CANDIDATES, HORIZONS = (64, 128, 256, 512, 1024), (6, 12, 24, 48)
Row = dict[str, Any]


@dataclass(frozen=True)
class Amount:
    """How much is measured."""

    run: Path
    episodes: int
    repeats: int


def main() -> None:
    """Measure in the other environment, then write the table."""
    environment.enter()
    from results_file import write_result

    from telos.runtime import choose_runtime

    options = arguments()
    choose_runtime()
    if options.tune:
        return tune(options.run)
    amount = Amount(options.run, options.episodes, options.repeats)
    if options.look:
        amount = Amount(options.run, 4, 2)
    parts = success_rows if options.episodes_only else measured
    began, rows = time.monotonic(), []
    for row in parts(amount):
        rows.append(row)
        bounds = f"{row.get('low', 0):.4g} to {row.get('high', 0):.4g}"
        print(
            f"{row['name']:<68} {row['value']:9.4g} {row['unit']}, {bounds}", flush=True
        )
    if not (options.look or options.episodes_only):
        print(write_result("other_planners", time.monotonic() - began, rows))


def arguments() -> argparse.Namespace:
    """Run and amounts."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--run", type=Path, default=RUN)
    parser.add_argument("--episodes", type=int, default=100)
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--episodes-only", action="store_true")
    parser.add_argument("--look", action="store_true")
    parser.add_argument("--tune", action="store_true")
    return parser.parse_args()


def tune(run: Path) -> None:
    """Print what every setting is worth on development episodes."""
    from others.tuning import tune as tune_at

    tune_at(run, efforts()[0])


def efforts() -> Sequence[Any]:
    """Candidates x steps x rounds: as agents come, and as papers have it."""
    from others.question import Effort

    small = Effort(samples=40, iterations=3, horizon=10)
    return small, Effort(samples=256, iterations=3, horizon=12)


def measured(amount: Amount) -> Iterator[Row]:
    """All rows; agreement early, because nothing else counts without it."""
    yield from library_rows()
    yield from agreement_rows(amount)
    for effort in efforts():
        for count in (1, 32):
            yield from speed_rows(amount, effort, count)
    yield from overhead_rows(amount)
    yield from growth_rows(amount)
    yield from success_rows(amount)


def library_rows() -> Iterator[Row]:
    """What is compared, in which version."""
    from others.roster import ROSTER
    from results_file import row

    counts = Counter(entry.library for entry in ROSTER.values())
    for library, count in counts.items():
        if library != "telos":
            name = f"{library} {environment.version(library)}: compared"
            yield row(name, count, "planners")


def agreement_rows(amount: Amount) -> Iterator[Row]:
    """Whether all minimise the same number."""
    from others.agreement import round_trip, step_by_step
    from results_file import limit_row

    name = "largest difference of cost, {}"
    for what, found in (
        ("whole plans and step by step", step_by_step(amount.run)),
        ("adapter to stable-worldmodel and back", round_trip(amount.run)),
    ):
        yield limit_row(name.format(what), found, "", 1e-4)


def speed_rows(amount: Amount, effort: Any, count: int) -> Iterator[Row]:
    """Decisions per second, and how many times theirs ours are."""
    from others.roster import ROSTER
    from others.speed import decisions_per_second
    from results_file import row

    found = decisions_per_second(amount.run, effort, count, amount.repeats)
    where = f"{effort}, {count} at once"
    for name, turns in found.items():
        title = f"{where}, {name}: decisions"
        yield row(title, turns.median, "/s", **turns.bounds)
    for name, turns in found.items():
        if ROSTER[name].library == "telos":
            continue
        ratio = found[OURS].over(turns)
        title = f"{where}, {OURS} over {name}: decisions"
        met = ratio.median >= 3
        yield row(title, ratio.median, "x", **ratio.bounds, target=">= 3 x", met=met)


def overhead_rows(amount: Amount) -> Iterator[Row]:
    """What of a decision is neither model nor cost."""
    from others.roster import ROSTER
    from others.speed import overhead
    from results_file import row

    _, effort = efforts()
    for name, turns in overhead(amount.run, effort, amount.repeats).items():
        mine = ROSTER[name].library == "telos"
        aim = {"target": "<= 20 %", "met": turns.median <= 0.2} if mine else {}
        title = f"{effort}, 1 at once, {name}: outside model and cost"
        yield row(title, turns.median, "share", **turns.bounds, **aim)


def growth_rows(amount: Amount) -> Iterator[Row]:
    """Time of our decisions over candidates and steps."""
    from others.question import Effort
    from others.speed import exponent, milliseconds
    from results_file import row

    wide = [Effort(samples=n, iterations=3, horizon=12) for n in CANDIDATES]
    long = [Effort(samples=256, iterations=3, horizon=h) for h in HORIZONS]
    for what, sizes, asked in (
        ("candidates", CANDIDATES, wide),
        ("steps", HORIZONS, long),
    ):
        found = milliseconds(amount.run, asked, OURS, amount.repeats)
        for effort, turns in zip(asked, found, strict=True):
            yield row(f"{effort}, {OURS}", turns.median, "ms", **turns.bounds)
        slope = exponent(sizes, found)
        title = f"{OURS}: time grows with {what} to the power of"
        yield row(
            title, slope.median, "", **slope.bounds, target="<= 1.1",
            met=slope.median <= 1.1,
        )  # fmt: skip


def success_rows(amount: Amount) -> Iterator[Row]:
    """How often goals are reached, with the planner alone and in the whole agent."""
    from others.episodes import BARE, WHOLE

    small, _ = efforts()
    for deliberation, kind in ((WHOLE, "whole agent"), (BARE, "no routes, no memory")):
        for name in HEADS:
            yield success_row(amount, name, small, deliberation, kind)


def success_row(
    amount: Amount, name: str, effort: Any, deliberation: Any, kind: str
) -> Row:
    """One planner on the protocol's own episodes; acted once for each model."""
    from others.episodes import PROTOCOL, success
    from others.roster import ROSTER
    from results_file import row

    from telos.evaluation.protocol import load_protocol
    from telos.evaluation.statistics import Rate

    title = f"{effort}, {kind}, {name}: success"
    path = remembered(amount, title)
    if not path.exists():
        protocol = load_protocol(PROTOCOL).with_episodes(amount.episodes)
        planner = ROSTER[name].planner(effort)
        rate = success(amount.run, planner, protocol, deliberation)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(asdict(rate)))
    rate = Rate(**json.loads(path.read_text()))
    return row(title, rate.value, "share", n=rate.n, low=rate.low, high=rate.high)


def remembered(amount: Amount, title: str) -> Path:
    """Where the success of a planner with this model is kept."""
    model = (amount.run / "model.safetensors").read_bytes()
    folder = f"{hashlib.sha256(model).hexdigest()[:12]}-{amount.episodes}"
    name = title.replace(",", "").replace(":", "").replace(" ", "-")
    return SCRATCH / "others" / folder / f"{name}.json"


if __name__ == "__main__":
    main()
