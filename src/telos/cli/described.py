"""What `telos info` says of a run: what its agent sees, what goals may leave out."""

from __future__ import annotations

from pathlib import Path
from typing import Any


def describe_run(path: Path) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """Facts of a run with a trained model, and the same as names and texts.

    Raises:
        FileNotFoundError: If there is no such run, or its training has not finished.
    """
    from telos.data.schema import spec_from_json
    from telos.runs import Run
    from telos.world_model import load_world_model

    tensors, description = Run.open(path).load_model()
    if "watched" in description:
        return _describe_watcher(path, description)
    model = load_world_model(tensors, description["world_model"])
    recorded = spec_from_json(description["spec"])
    facts: dict[str, Any] = {
        "run": str(path),
        "world": recorded.id,
        "streams": [
            {
                "name": name,
                "shape": recorded.streams[name].shape,
                "unit": recorded.streams[name].unit,
                "told_alone": float(model.told_by([name]).mean()),
            }
            for name in model.streams
        ],
        "completes": model.completion is not None,
        "history": model.history,
        "frame_skip": model.frame_skip,
    }
    return facts, _rows(facts)


def _describe_watcher(
    path: Path, description: dict[str, Any]
) -> tuple[dict[str, Any], list[tuple[str, str]]]:
    """The same of what `telos watch` has trained."""
    told = description["watched"]
    watcher, objective = told["watcher"], told["objective"]["kind"]
    facts: dict[str, Any] = {
        "run": str(path),
        "world": description["config"]["world"],
        "watches": {"name": watcher["stream"], "shape": watcher["shape"]},
        "objective": objective,
        "predicts": "hidden patches" if "masks" in watcher else "the next frame",
        "action_dim": watcher["action_dim"],
    }
    shape = " x ".join(map(str, watcher["shape"]))
    rows = [
        ("run", facts["run"]),
        ("world", facts["world"]),
        ("watches", f"{watcher['stream']}: {shape}"),
        ("predicts", f"{facts['predicts']}, taught by {objective}"),
        ("actions", f"{watcher['action_dim']} number(s)"),
    ]
    return facts, rows


def _rows(facts: dict[str, Any]) -> list[tuple[str, str]]:
    rows = [("run", facts["run"]), ("world", facts["world"])]
    rows += [("sees", _told(stream, facts["completes"])) for stream in facts["streams"]]
    rows += [
        ("history", f"{facts['history']} frame(s) seen together"),
        ("frame skip", f"{facts['frame_skip']} step(s) per model step"),
        ("goals", "may be shown in some streams" if facts["completes"] else "need all"),
    ]
    return rows


def _told(stream: dict[str, Any], completes: bool) -> str:
    kind = "camera" if len(stream["shape"]) == 3 else "numbers"
    shape = " x ".join(map(str, stream["shape"]))
    unit = f" {stream['unit']}" if stream["unit"] else ""
    alone = f", alone tells {100 * stream['told_alone']:.0f} % of the state"
    return f"{stream['name']}: {kind} {shape}{unit}{alone if completes else ''}"
