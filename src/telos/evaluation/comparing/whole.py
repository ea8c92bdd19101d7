"""The whole comparison, going on where it stopped."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from telos.config import atomic_write, save_json
from telos.data.store import EpisodeFile
from telos.evaluation.comparing.folder import ComparisonFolder, DataFolder
from telos.evaluation.comparing.measuring import (
    TIME,
    UNTRAINED,
    measure_run,
    measure_time,
    measure_untrained,
)
from telos.evaluation.comparing.paces import Account, accounts
from telos.evaluation.comparing.plan import ComparisonPlan, check_plan, config_for
from telos.evaluation.comparing.summary import summarise
from telos.evaluation.comparing.table import table_lines
from telos.learning.loop import Progress
from telos.learning.reading import choose_clips
from telos.learning.watch import watch
from telos.learning.watch_config import WatchConfig
from telos.runs import Run
from telos.runtime import Runtime


@dataclass(frozen=True, kw_only=True)
class Listeners:
    """Who is told how far it is."""

    listen: Callable[[str, Progress], None] = lambda name, progress: None
    say: Callable[[str], None] = lambda line: None


def compare(
    folder: ComparisonFolder,
    plan: ComparisonPlan,
    data: Sequence[Path],
    variants: Sequence[str],
    seeds: Sequence[int],
    runtime: Runtime,
    told: Listeners = Listeners(),
) -> dict[str, Any]:
    """Train and measure what is missing; the table of everything in the folder.

    Args:
        folder: Begun with another plan, it is refused.
        plan: What all have in common.
        data: Episode files; their names must differ.
        variants: As `chosen_variants` gives them.
        seeds: Of the trainings; all objectives see the same clips in the same order.
        runtime: Device and dtype.
        told: Who listens.

    Raises:
        Interrupted: After Ctrl-C; everything is saved, and the same call goes on.
        ValueError: If the plan does not suit a file, or two files have one name.
    """
    files = [EpisodeFile(path) for path in data]
    _check(plan, files, variants, seeds)
    folder.begin(plan)
    for file in files:
        part = folder.data(file)
        told.say(f"{file.path.name}: what a step costs")
        costs = accounts(plan, file, part, variants, runtime)
        for seed in seeds:
            _controls(plan, file, part, variants[0], seed)
            for variant in variants:
                work = _Training(plan, file, part, variant, seed, costs[variant])
                part.measured(variant, seed, lambda w=work: w.measured(runtime, told))
    return written(folder)


def written(folder: ComparisonFolder) -> dict[str, Any]:
    """The table of everything measured in a folder, written to it as well."""
    table = summarise(folder)
    save_json(folder.path / "comparison.json", table)
    lines = "\n".join(table_lines(table)) + "\n"
    atomic_write(folder.path / "comparison.txt", lines.encode("utf-8"))
    return table


@dataclass(frozen=True)
class _Training:
    """One training of a comparison."""

    plan: ComparisonPlan
    file: EpisodeFile
    part: DataFolder
    variant: str
    seed: int
    account: Account

    def measured(self, runtime: Runtime, told: Listeners) -> Mapping[str, Any]:
        """Train, or go on, or take what is finished; then measure.

        An objective whose training fails, because its loss is not finite, is a result
        of the comparison and not its end.
        """
        cost = {**asdict(self.account), "seconds": self.account.seconds}
        run, config = self._run()
        if not (run.path / "model.safetensors").exists():
            try:
                self._train(run, config, runtime, told)
            except ValueError as failure:
                told.say(f"{self.name} failed: {failure}")
                return {"failed": str(failure), "account": cost}
        told.say(f"{self.name}: measuring")
        return {"account": cost, **measure_run(self.plan, self.file, run)}

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.file.path.stem} {self.variant} seed {self.seed}"

    def _run(self) -> tuple[Run, WatchConfig]:
        """The run folder, begun or to go on with, and what it was begun with."""
        path = self.part.run(self.variant, self.seed)
        if (path / "config.json").exists():
            run = Run.open(path)
            return run, run.config(WatchConfig)
        config = config_for(self.plan, self.file, self.variant, self.seed)
        config = replace(config, steps=self.account.steps)
        return Run.create(path, config), config

    def _train(
        self, run: Run, config: WatchConfig, runtime: Runtime, told: Listeners
    ) -> None:
        watch(
            run,
            config,
            self.file.stream(streams=[config.model.stream]),
            runtime,
            resume=True,
            room=choose_clips(config.model.seen_shape, self.file.num_frames).room(),
            listen=lambda progress: told.listen(self.name, progress),
            say=lambda line: told.say(f"{self.name}: {line}"),
        )


def _controls(
    plan: ComparisonPlan, file: EpisodeFile, part: DataFolder, variant: str, seed: int
) -> None:
    part.measured(TIME, seed, lambda: measure_time(plan, file, variant, seed))
    part.measured(UNTRAINED, seed, lambda: measure_untrained(plan, file, variant, seed))


def _check(
    plan: ComparisonPlan,
    files: Sequence[EpisodeFile],
    variants: Sequence[str],
    seeds: Sequence[int],
) -> None:
    names = [file.path.stem for file in files]
    if not files or len(set(names)) < len(names):
        raise ValueError(
            f"episode files {names}: expected at least one, and names that differ, "
            "because each has a folder of its name"
        )
    if not seeds or min(seeds) < 0 or len(set(seeds)) < len(seeds):
        raise ValueError(
            f"seeds are {list(seeds)}: expected at least one, 0 or more, each once"
        )
    for file in files:
        for variant in variants:
            check_plan(plan, file, variant)
