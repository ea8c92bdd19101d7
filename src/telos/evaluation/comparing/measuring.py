"""What is measured of a watcher: all that stands in a row of the table."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import torch

from telos.data.store import EpisodeFile
from telos.evaluation.comparing.heldout import (
    Cuts,
    features_of,
    held_out_cuts,
    labels_of,
)
from telos.evaluation.comparing.plan import ComparisonPlan, config_for
from telos.evaluation.comparing.surprising import contrasts, rung_of
from telos.evaluation.probes import ClipFeatures, read_labels, time_features
from telos.learning.outcome import read_verdicts
from telos.learning.taught import Watched
from telos.learning.watch import assess, begun, settle, sides, watching_phase
from telos.learning.watch_config import WatchConfig
from telos.learning.watched import load_watcher
from telos.runs import Run
from telos.types import Verdict

UNTRAINED, TIME = "untrained", "time-index"
"""Controls: the encoder as it begins, and the time within the clip alone."""
ABOUT = "watching"
"""The verdict of such a training."""


def measure_run(plan: ComparisonPlan, file: EpisodeFile, run: Run) -> dict[str, Any]:
    """Of a finished training."""
    config = run.config(WatchConfig)
    said = next(v for v in read_verdicts(run) if v["about"] == ABOUT)
    verdict = Verdict(name=said["name"], text=said["text"], evidence=said["evidence"])
    lines = run.metrics()
    return {
        "steps": config.steps,
        "elapsed": float(lines[-1]["seconds"]) if lines else None,
        **_seen(plan, file, load_watcher(run), config, verdict),
    }


def measure_untrained(
    plan: ComparisonPlan, file: EpisodeFile, variant: str, seed: int
) -> dict[str, Any]:
    """Of the networks as a variant's training begins, with calibrated statistics."""
    config = config_for(plan, file, variant, seed)
    watched = begun(config)
    clips = file.stream(streams=[config.model.stream])
    train, held_out = sides(config, watched.watcher, clips, None)
    settle(watching_phase(watched, config, train))
    verdict = assess(watched, config, held_out)
    return {"steps": 0, **_seen(plan, file, watched, config, verdict)}


def measure_time(
    plan: ComparisonPlan, file: EpisodeFile, variant: str, seed: int
) -> dict[str, Any]:
    """Of who knows the time within the clip and nothing else."""
    config = config_for(plan, file, variant, seed)
    cuts = held_out_cuts(file, config, plan.probed, plan.seed)
    lasts = getattr(config.model, "tubelet", 1)
    known = time_features(
        len(cuts.pixels), config.length // lasts, torch.from_numpy(cuts.episodes)
    )
    return {"steps": 0, "probes": _probes(plan, known, cuts)}


def _seen(
    plan: ComparisonPlan,
    file: EpisodeFile,
    watched: Watched,
    config: WatchConfig,
    verdict: Verdict,
) -> Mapping[str, Any]:
    cuts = held_out_cuts(file, config, plan.probed, plan.seed)
    rung = rung_of(file.spec) if plan.quadruplets else None
    surprised = (
        {}
        if rung is None
        else contrasts(watched.eval(), rung, plan.quadruplets, plan.seed)
    )
    return {
        "verdict": verdict.name,
        "text": verdict.text,
        "evidence": dict(verdict.evidence),
        "probes": _probes(plan, features_of(watched, cuts), cuts),
        "rung": rung,
        "surprise": surprised,
    }


def _probes(
    plan: ComparisonPlan, features: ClipFeatures, cuts: Cuts
) -> list[dict[str, Any]]:
    labels = labels_of(cuts, features.tokens.shape[1])
    return [asdict(row) for row in read_labels(features, labels, seed=plan.seed)]
