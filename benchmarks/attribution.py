"""Which link of the trained agents is the weakest?

    python benchmarks/attribution.py                  # about an hour on two cores
    python benchmarks/attribution.py --rooms RUN --umaze RUN

Takes the runs that rooms.py and umaze.py have trained. What was measured before is
taken from RUN/attribution; writes results/attribution.json.
"""

from __future__ import annotations

import argparse
import time
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
    started = time.monotonic()
    rows = []
    for protocol, run in ((ROOMS, options.rooms), (UMAZE, options.umaze)):
        found = attribute(run, protocol, EPISODES[protocol])
        print(found["sentence"])
        rows += [rung_row(protocol, found, rung) for rung in found["rungs"]]
    print(write_result("attribution", time.monotonic() - started, rows))


def rung_row(
    protocol: str, found: Mapping[str, Any], rung: Mapping[str, Any]
) -> dict[str, Any]:
    """Success on a rung, and what its decisions were worth."""
    success, seen = rung["success"], rung["open_loop"] or {}
    return row(
        f"{protocol}: {rung['title']}",
        success["value"],
        "share",
        n=success["n"],
        low=success["low"],
        high=success["high"],
        rank_correlation=mean(rung, "correlation"),
        way_forward_in_pool=mean(rung, "offered"),
        picked=mean(rung, "picked"),
        regret=mean(rung, "regret"),
        regret_unit=found["protocol"]["unit"],
        decisions=rung["decisions"]["decisions"],
        horizon=found["settings"]["horizon"],
        worse_than_persistence_latent=seen.get("worse_latent"),
        worse_than_persistence_readout=seen.get("worse_readout"),
        verdict=found["sentence"],
    )


def mean(rung: Mapping[str, Any], key: str) -> float | None:
    """A mean over episodes; None where nothing was measured."""
    measured = rung["decisions"][key]
    return None if measured is None else measured["mean"]


if __name__ == "__main__":
    main()
