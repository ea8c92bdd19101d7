"""`Run`: one training, on disk."""

from __future__ import annotations

import shutil
import sys
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from telos.config import from_dict, load_json, save_json, to_dict
from telos.runs import checkpoint as checkpoints
from telos.runs import metrics
from telos.runs.checkpoint import Checkpoint
from telos.runs.lock import sole_writer
from telos.runs.tensor_file import load_tensors, save_tensors
from telos.runtime import commit, machine, versions

if TYPE_CHECKING:
    from torch import Tensor

T = TypeVar("T")

_FORMAT = "telos-run"
_VERSION = 1
_CONTENT = (
    "calibration.json",
    "checkpoints",
    "decoder.safetensors",
    "diagnostics.json",
    "evaluations",
    "features",
    "imagined.png",
    "metrics.jsonl",
    "model.json",
    "model.safetensors",
    "tensorboard",
    "config.json",
    "env.json",
)
"""What a run folder may hold; `--overwrite` deletes these and nothing else. env.json
is deleted last and written first: while it stands, the folder is known as ours."""


class Run:
    """A run folder. Make one with `Run.create`, come back with `Run.open`."""

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        self._started = time.monotonic()
        self._mirror: Any = None

    @classmethod
    def create(cls, path: str | Path, config: Any, *, overwrite: bool = False) -> Run:
        """Start a new run folder.

        Args:
            path: The folder; folders above it are made.
            config: The resolved configuration, a dataclass.
            overwrite: Replace the run that is there.

        Raises:
            FileExistsError: If the folder holds a run and `overwrite` is not set, or
                holds anything else (which is never overwritten).
            BlockingIOError: If the run to be replaced is being trained.
        """
        run = cls(path)
        stored = to_dict(config)
        run._make_room(overwrite)
        save_json(run.path / "env.json", _environment())
        save_json(run.path / "config.json", stored)
        return run

    @classmethod
    def open(cls, path: str | Path) -> Run:
        """Open an existing run folder.

        Raises:
            FileNotFoundError: If there is no such folder.
            ValueError: If it is not a run, or of a version that is not known here.
        """
        path = Path(path)
        if not path.exists():
            raise FileNotFoundError(
                f"no run folder {str(path)!r}; check the path, or make one with "
                "`telos train`."
            )
        if not _is_run(path):
            raise ValueError(
                f"{str(path)!r} is not a run folder: it has no config.json and "
                "env.json. Give the folder that `telos train` printed."
            )
        version = load_json(path / "env.json").get("version", _VERSION)
        if version != _VERSION:
            raise ValueError(
                f"{str(path)!r} is a run of version {version}, this telos reads "
                f"version {_VERSION}. Install the telos that wrote it."
            )
        return cls(path)

    # --- configuration

    def config_dict(self) -> dict[str, Any]:
        """The stored configuration as plain JSON."""
        return load_json(self.path / "config.json")

    def config(self, cls: type[T]) -> T:
        """The stored configuration as its dataclass; ValueError if they differ."""
        return from_dict(cls, self.config_dict())

    def environment(self) -> dict[str, Any]:
        """Machine, versions, commit and command line of the run's start."""
        return load_json(self.path / "env.json")

    # --- metrics

    @property
    def seconds(self) -> float:
        """Time spent in this run, interruptions left out."""
        return time.monotonic() - self._started

    def log(self, step: int, phase: str, **values: float) -> None:
        """Append one line to metrics.jsonl; NaN and infinity are stored as null."""
        line = metrics.metric_line(step, self.seconds, phase, values)
        metrics.append_line(self._metrics, line)
        if self._mirror is not None:
            self._mirror.add(step, phase, values)

    def metrics(self) -> list[dict[str, Any]]:
        """All complete lines of metrics.jsonl."""
        return metrics.read_lines(self._metrics)

    def mirror_to_tensorboard(self) -> None:
        """Also write every later `log` to RUN/tensorboard.

        Raises:
            ImportError: If tensorboard is not installed.
        """
        from telos.runs.tensorboard import Mirror

        self._mirror = Mirror(self.path / "tensorboard")

    # --- checkpoints

    def save_checkpoint(
        self,
        step: int,
        phase: str,
        tensors: Mapping[str, Tensor],
        state: Mapping[str, Any],
    ) -> Path:
        """Write everything that resuming needs as one atomic file; keep two.

        Args:
            step: Steps done in this phase.
            phase: Part of the file's name; letters, digits, - and _.
            tensors: Weights, moments, random states by name.
            state: JSON for everything else.

        Raises:
            OSError: If the disk is full; older checkpoints are left as they were.
        """
        description = {
            "step": step,
            "phase": phase,
            "state": dict(state),
            "metrics_bytes": metrics.size_on_disk(self._metrics),
            "seconds": self.seconds,
        }
        return checkpoints.write_checkpoint(self._checkpoints, tensors, description)

    def latest_checkpoint(self) -> Checkpoint | None:
        """The newest readable checkpoint, with a warning for each damaged one.

        None if none was written; ValueError if all are damaged. Changes nothing.
        """
        return checkpoints.read_latest(self._checkpoints)

    def resume(self) -> Checkpoint | None:
        """Go back to the newest checkpoint: metrics logged after it are dropped.

        They will be logged again, so that a resumed run's metrics equal those of an
        uninterrupted one. Without a checkpoint the run starts from nothing.
        """
        latest = self.latest_checkpoint()
        metrics.cut(self._metrics, latest.metrics_bytes if latest else 0)
        self._started = time.monotonic() - (latest.seconds if latest else 0.0)
        return latest

    # --- the final model

    def save_model(self, tensors: Mapping[str, Tensor], config: Mapping) -> Path:
        """Write the final model, atomically; model.json repeats `config` for people."""
        path = save_tensors(self.path / "model.safetensors", tensors, config)
        save_json(self.path / "model.json", config)
        return path

    def load_model(self, device: str = "cpu") -> tuple[dict[str, Tensor], dict]:
        """The final model's tensors and configuration.

        Raises:
            FileNotFoundError: If the training has not finished.
            ValueError: If the file is damaged.
        """
        path = self.path / "model.safetensors"
        if not path.is_file():
            raise FileNotFoundError(
                f"run {str(self.path)!r} has no model.safetensors: its training has "
                f"not finished. Continue with `telos train --resume {self.path}`."
            )
        return load_tensors(path, device)

    # --- inside

    @property
    def _metrics(self) -> Path:
        return self.path / "metrics.jsonl"

    @property
    def _checkpoints(self) -> Path:
        return self.path / "checkpoints"

    def _make_room(self, overwrite: bool) -> None:
        if not self.path.exists() or (self.path.is_dir() and _is_empty(self.path)):
            self.path.mkdir(parents=True, exist_ok=True)
            return
        name = str(self.path)
        if not _is_ours(self.path):
            raise FileExistsError(
                f"{name!r} exists and is not a run folder; it is never overwritten. "
                "Choose another path."
            )
        if not overwrite:
            raise FileExistsError(
                f"run folder {name!r} already holds {self._progress()}. Continue with "
                f"--resume {name} or replace it with --overwrite."
            )
        with sole_writer(self.path):
            for entry in _CONTENT:
                _delete(self.path / entry)

    def _progress(self) -> str:
        if (self.path / "model.safetensors").exists():
            return "a finished model"
        newest = checkpoints.list_checkpoints(self._checkpoints)
        return f"the checkpoint {newest[0].stem}" if newest else "a started run"


def _environment() -> dict[str, Any]:
    return {
        "format": _FORMAT,
        "version": _VERSION,
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "commit": commit(),
        "argv": _command_line(),
        "machine": machine(),
        "versions": versions(),
    }


def _command_line() -> list[str]:
    """The command as typed; where Python found it says nothing to a reader."""
    program = Path(sys.argv[0]).name
    return ["telos" if program == "__main__.py" else program, *sys.argv[1:]]


def _is_run(path: Path) -> bool:
    return (path / "env.json").is_file() and (path / "config.json").is_file()


def _is_ours(path: Path) -> bool:
    """Whether `Run.create` was here, even if it or its deletion was cut short."""
    marker = path / "env.json"
    return marker.is_file() and load_json(marker).get("format") == _FORMAT


def _is_empty(path: Path) -> bool:
    return not any(path.iterdir())


def _delete(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
