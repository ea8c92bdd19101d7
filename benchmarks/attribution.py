"""Which link of the trained agents is the weakest?

    python benchmarks/attribution.py                  # about an hour on two cores
    python benchmarks/attribution.py --rooms RUN --umaze RUN

Takes the runs that rooms.py and umaze.py have trained. What was measured before is
taken from RUN/attribution; writes results/attribution.json.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from results_file import row, write_result
from verbs import attribute

WORK = Path(__file__).parent / "scratch"
ROOMS, UMAZE = "rooms-random", "umaze"
EPISODES = {ROOMS: 64, UMAZE: 40}
"""Drawing a maze is slow."""


def main() -> None:
    """Climb both ladders, then write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--rooms", type=Path, default=WORK / "rooms" / "seed-0-effort-2"
    )
    parser.add_argument(
        "--umaze", type=Path, default=WORK / "umaze" / "seed-0-effort-1"
    )
    options = parser.parse_args()
    rows, seconds = [], 0.0
    for protocol, run in ((ROOMS, options.rooms), (UMAZE, options.umaze)):
        found = attribute(run, protocol, EPISODES[protocol])
        print(found["sentence"])
        seconds += found["seconds"]
        rows += [
            one for rung in found["rungs"] for one in rung_rows(protocol, found, rung)
        ]
    print(write_result("attribution", seconds, rows))


def rung_rows(
    protocol: str, found: Mapping[str, Any], rung: Mapping[str, Any]
) -> list[dict[str, Any]]:
    """Success on a rung, and what its decisions were worth."""
    title, rate = f"{protocol}: {rung['title']}", rung["success"]
    success = row(
        title, rate["value"], "share", n=rate["n"], low=rate["low"], high=rate["high"]
    )
    seen, unit = rung["open_loop"] or {}, found["protocol"]["unit"]
    details = (
        ("rank correlation with the true cost", mean(rung, "correlation"), ""),
        ("a way forward among the candidates", mean(rung, "offered"), "share"),
        ("picked one", mean(rung, "picked"), "share"),
        ("regret of a decision", mean(rung, "regret"), unit),
        ("worse than persistence from", seen.get("worse_readout"), "steps ahead"),
    )
    count = rung["decisions"]["decisions"]
    return [
        success,
        *(
            row(f"{title}, {name}", value, unit, n=count)
            for name, value, unit in details
            if value is not None
        ),
    ]


def mean(rung: Mapping[str, Any], key: str) -> float | None:
    """A mean over episodes; None where nothing was measured."""
    measured = rung["decisions"][key]
    return None if measured is None else measured["mean"]


if __name__ == "__main__":
    main()
