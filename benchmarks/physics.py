"""Does a watcher expect solid, permanent objects, and not merely smooth pictures?

    python benchmarks/physics.py                     # as published, many hours
    python benchmarks/physics.py --parts collect pace train --seeds 0 1
    python benchmarks/physics.py --tiny              # a look, not a result

Trains watchers on possible clips alone for equal CPU time: latents (vicreg) and their
twin that predicts pixels. Measures the contrast of quadruplets that they have not seen,
for every concept and rung, beside every control: untrained networks, little memory,
shuffled and foreign context, frame differences, novelty of single frames, and the
geometry of single-frame features. How much context a model is given is chosen once, on
validation clips. Works in benchmarks/scratch/physics, a file for each measurement, and
goes on where it stopped; `write` makes results/physics.json of what there is.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

os.environ.setdefault("OMP_NUM_THREADS", "1")  # wall clock is then CPU time

from physics_looking import (
    SHIPPED,
    control,
    score,
    trained_memory,
    untrained,
)
from physics_rows import rows_of
from results_file import write_result
from verbs import collect, cpu_seconds, watch

from telos.config import jsonable, load_json, save_json
from telos.envs.scenes import CONCEPTS
from telos.learning.watched import load_watcher


@dataclass(frozen=True, kw_only=True)
class Corpus:
    """What is recorded, and how it is watched."""

    frames: int
    """Of a clip."""
    ahead: int
    """Frames ahead that are predicted: more than are hidden at a time."""
    options: Sequence[str] = ()
    """Of the world that is recorded."""

    @property
    def told(self) -> tuple[str, ...]:
        """Options of a training."""
        return "--length", str(self.frames), "--ahead", str(self.ahead)


HARD = ("frames=32", "objects=3", "textured=true", "overlay=0.1", "noise=0.1")
CORPORA = {
    "easy": Corpus(frames=20, ahead=12),
    "hard": Corpus(frames=32, ahead=20, options=HARD),
}
RUNGS = {
    "easy": ("easy", "held-out-colours", "held-out-lanes", "held-out-speeds"),
    "hard": ("occlusion4", "occlusion8", "occlusion12", "hard"),
}
"""Corpus -> rungs that its watchers are measured on."""
OBJECTIVES = ("vicreg", "pixels")
PARTS = ("collect", "pace", "train", "measure", "controls", "curve", "write")
FULL_STEPS = 3000
"""Steps of ``--effort 1``."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """How much of everything."""

    work: Path
    seeds: Sequence[int] = tuple(range(5))
    minutes: float = 15.0
    """CPU minutes of a training."""
    shares: Sequence[float] = (1 / 64, 1 / 16, 1 / 4)
    """Shorter trainings of the curve, as shares of the whole one."""
    episodes: int = 20_000
    quadruplets: int = 96
    pace_steps: tuple[int, int] = (20, 80)
    rungs: dict[str, tuple[str, ...]] = field(default_factory=lambda: RUNGS)
    concepts: Sequence[str] = CONCEPTS


def main() -> None:
    """Do the parts that were asked for, in order."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    parser.add_argument("--seeds", nargs="+", type=int, default=list(range(5)))
    parser.add_argument("--minutes", type=float, default=15.0)
    parser.add_argument("--tiny", action="store_true")
    asked = parser.parse_args()
    scratch = Path(__file__).parent / "scratch"
    plan = (
        tiny(scratch / "physics-tiny")
        if asked.tiny
        else Plan(work=scratch / "physics", seeds=asked.seeds, minutes=asked.minutes)
    )
    began = time.monotonic()
    for part in asked.parts:
        if part == "write":
            rows = rows_of(plan.work / "measures", plan.rungs)
            if asked.tiny:
                print(*(f"{row['name']}: {row['value']}" for row in rows), sep="\n")
            else:
                print(write_result("physics", time.monotonic() - began, rows))
        else:
            DOING[part](plan)


def tiny(work: Path) -> Plan:
    """Everything once, in a minute or two."""
    return Plan(
        work=work,
        seeds=(0,),
        minutes=0.05,
        shares=(0.5,),
        episodes=64,
        quadruplets=2,
        pace_steps=(1, 3),
        rungs={"easy": ("easy",)},
        concepts=("permanence",),
    )


def recordings(plan: Plan) -> None:
    """Possible clips to learn from."""
    for name in plan.rungs:
        corpus = CORPORA[name]
        collect(
            "intuitive-physics",
            plan.work / f"{name}.h5",
            plan.episodes,
            corpus.frames - 1,
            *(["--options", *corpus.options] if corpus.options else []),
        )


def paces(plan: Plan) -> None:
    """CPU seconds of a step, from two short trainings: their start costs the same."""
    for corpus in plan.rungs:
        for objective in OBJECTIVES:
            done(
                plan.work / "paces" / f"{corpus}-{objective}.json",
                _pace,
                plan,
                corpus,
                objective,
            )


def trainings(plan: Plan) -> None:
    """Watchers of every corpus, objective and seed, for equal CPU time."""
    for seed in plan.seeds:
        for corpus in plan.rungs:
            for objective in OBJECTIVES:
                _train(plan, corpus, objective, seed, 1.0)


def measures(plan: Plan) -> None:
    """Every watcher on every rung and concept; validation chose its memory."""
    for corpus, objective, seed in _models(plan):
        run = _run(plan, corpus, objective, seed)
        watched = load_watcher(run)
        memory = done(
            plan.work / "memory" / f"{run.name}.json",
            trained_memory,
            watched,
            plan.rungs[corpus][0],
            plan.concepts,
            plan.quadruplets,
        )["memory"]
        for rung, concept in _tests(plan, corpus):
            _measure(plan, watched, objective, (corpus, rung, concept, seed), memory)


def controls(plan: Plan) -> None:
    """What must be at chance: with the watchers of the first objective, and without."""
    for corpus, objective, seed in _models(plan):
        if objective != OBJECTIVES[0]:
            continue
        data = plan.work / f"{corpus}.h5"
        watched = load_watcher(_run(plan, corpus, objective, seed))
        blank = untrained(watched, data, seed)
        for rung, concept in _tests(plan, corpus):
            where = corpus, rung, concept, seed
            _measure(plan, blank, "untrained", where)
            for name in SHIPPED:
                looking = control(name, watched, data, seed)
                _measure(plan, looking, name, where)


def curve(plan: Plan) -> None:
    """Shorter trainings, each with a schedule of its own: accuracy against clips."""
    corpus = next(iter(plan.rungs))
    for share in plan.shares:
        for seed in plan.seeds:
            run = _train(plan, corpus, OBJECTIVES[0], seed, share)
            watched = load_watcher(run)
            clips = load_json(run / "config.json")["steps"]
            clips *= load_json(run / "config.json")["clips"]
            for concept in plan.concepts:
                rung = plan.rungs[corpus][0]
                where = corpus, rung, concept, seed
                _measure(plan, watched, f"clips-{clips:07d}", where)


DOING: dict[str, Callable[[Plan], None]] = {
    "collect": recordings,
    "pace": paces,
    "train": trainings,
    "measure": measures,
    "controls": controls,
    "curve": curve,
}


def done(path: Path, work: Callable[..., Any], *arguments: Any) -> Any:
    """The result of a piece of work, done once and kept in a file."""
    if not path.exists():
        save_json(path, jsonable(work(*arguments)))
        print(path.stem, flush=True)
    return load_json(path)


def _models(plan: Plan) -> Iterable[tuple[str, str, int]]:
    return (
        (corpus, objective, seed)
        for corpus in plan.rungs
        for objective in OBJECTIVES
        for seed in plan.seeds
    )


def _tests(plan: Plan, corpus: str) -> Iterable[tuple[str, str]]:
    return ((r, c) for r in plan.rungs[corpus] for c in plan.concepts)


def _pace(plan: Plan, corpus: str, objective: str) -> float:
    used = []
    for steps in plan.pace_steps:
        run = plan.work / "paces" / f"{corpus}-{objective}-{steps}"
        order = [str(plan.work / f"{corpus}.h5"), "--out", str(run), "--overwrite"]
        order += ["--objective", objective, "--effort", str(steps / FULL_STEPS)]
        used.append(cpu_seconds("watch", *order, *CORPORA[corpus].told))
    few, many = plan.pace_steps
    return max((used[1] - used[0]) / (many - few), 1e-3)


def _train(plan: Plan, corpus: str, objective: str, seed: int, share: float) -> Path:
    pace = load_json(plan.work / "paces" / f"{corpus}-{objective}.json")
    effort = share * 60 * plan.minutes / pace / FULL_STEPS
    return watch(
        plan.work / f"{corpus}.h5",
        _run(plan, corpus, objective, seed, share),
        *("--objective", objective, *CORPORA[corpus].told),
        *("--effort", f"{effort:.6f}", "--seed", str(seed)),
    )


def _run(
    plan: Plan, corpus: str, objective: str, seed: int, share: float = 1.0
) -> Path:
    part = "" if share == 1 else f"-share-{share:.4f}"
    return plan.work / "runs" / f"{corpus}-{objective}-{seed}{part}"


def _measure(
    plan: Plan,
    watching: Any,
    model: str,
    where: tuple[str, str, str, int],
    memory: int | None = None,
) -> None:
    corpus, rung, concept, seed = where
    name = f"{corpus}+{rung}+{concept}+{model}+{seed}.json"
    done(
        plan.work / "measures" / name, score, watching, where, plan.quadruplets, memory
    )


if __name__ == "__main__":
    main()
