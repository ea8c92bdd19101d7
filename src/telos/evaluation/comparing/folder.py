"""The folder of a comparison: what was done before is kept.

plan.json              what all have in common
DATA/data.json         the recording and its fingerprint
DATA/paces.json        processor seconds of a step of each objective
DATA/runs/VARIANT-SEED     run folders
DATA/measures/VARIANT-SEED.json
comparison.json, comparison.txt, comparison.html   the table
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from telos.config import from_dict, jsonable, load_json, save_json, to_dict
from telos.data.store import EpisodeFile
from telos.evaluation.comparing.plan import ComparisonPlan


@dataclass(frozen=True)
class ComparisonFolder:
    """One folder for all data sets, objectives and seeds of a plan."""

    path: Path

    def begin(self, plan: ComparisonPlan) -> None:
        """Make the folder, or go on in it.

        Raises:
            FileExistsError: If it holds something else.
            ValueError: If it was begun with another plan.
        """
        stored = self.path / "plan.json"
        if stored.exists():
            self._agree(self.plan(), plan)
            return
        if self.path.exists() and (not self.path.is_dir() or any(self.path.iterdir())):
            raise FileExistsError(
                f"{str(self.path)!r} exists and holds no comparison; it is never "
                "overwritten. Choose another path."
            )
        self.path.mkdir(parents=True, exist_ok=True)
        save_json(stored, to_dict(plan))

    def plan(self) -> ComparisonPlan:
        """The plan that it was begun with."""
        return from_dict(ComparisonPlan, load_json(self.path / "plan.json"))

    def _agree(self, stored: ComparisonPlan, asked: ComparisonPlan) -> None:
        old, new = to_dict(stored), to_dict(asked)
        for name, value in old.items():
            if new[name] != value:
                raise ValueError(
                    f"{str(self.path)!r} compares with {name} {value}, asked is "
                    f"{new[name]}: a comparison has one of it. Choose another folder."
                )

    def data(self, file: EpisodeFile) -> DataFolder:
        """The part of a recording.

        Raises:
            ValueError: If another recording of this name is there.
        """
        part = DataFolder(self.path / file.path.stem)
        stored = part.path / "data.json"
        if not stored.exists():
            told = {
                "data": str(file.path),
                "digest": file.digest,
                "world": file.spec.id,
                "episodes": file.num_episodes,
                "frames": file.num_frames,
            }
            save_json(stored, told)
        elif load_json(stored)["digest"] != file.digest:
            raise ValueError(
                f"{str(part.path)!r} was begun with other episodes than those of "
                f"{str(file.path)!r}; restore the file, or choose another folder"
            )
        return part

    def parts(self) -> list[DataFolder]:
        """Of every recording, by name."""
        found = sorted(self.path.glob("*/data.json"))
        return [DataFolder(path.parent) for path in found]


@dataclass(frozen=True)
class DataFolder:
    """What was done with one recording."""

    path: Path

    @property
    def description(self) -> dict[str, Any]:
        """The recording."""
        return load_json(self.path / "data.json")

    def run(self, variant: str, seed: int) -> Path:
        """The run folder of a training."""
        return self.path / "runs" / f"{variant}-{seed}"

    def measured(
        self, variant: str, seed: int, work: Callable[[], Mapping[str, Any]]
    ) -> None:
        """Do a piece of work, unless its result is there."""
        path = self.path / "measures" / f"{variant}-{seed}.json"
        if not path.exists():
            save_json(path, jsonable({"variant": variant, "seed": seed, **work()}))

    def measures(self) -> list[dict[str, Any]]:
        """All results."""
        found = sorted((self.path / "measures").glob("*.json"))
        return [load_json(path) for path in found]

    def paces(self) -> dict[str, Any]:
        """Whose time the others get; seconds of a step and parameters by variant."""
        path = self.path / "paces.json"
        return load_json(path) if path.exists() else {"reference": "", "costs": {}}

    def save_paces(self, paces: Mapping[str, Any]) -> None:
        """Keep them, so that a comparison that goes on has the same steps."""
        save_json(self.path / "paces.json", jsonable(dict(paces)))
