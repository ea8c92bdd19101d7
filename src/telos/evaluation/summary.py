"""Episode results as the numbers of ``evaluation.json`` and as lines to read."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from telos.config import to_dict
from telos.evaluation.results import EpisodeResults
from telos.evaluation.statistics import (
    Rate,
    bootstrap_mean,
    clopper_pearson_upper,
    wilson,
)


def summarise(results: EpisodeResults) -> dict[str, Any]:
    """Rates, the safety triple, latency and statuses of all episodes."""
    return {
        "success": _rate(results, "success"),
        "first_hit": _rate(results, "hit"),
        "last_step": _rate(results, "ended_there"),
        "violations": violations(results),
        "triple": triple(results),
        "interventions": interventions(results),
        "decisions": latency(results),
        "statuses": dict(
            sum((Counter(e.statuses) for e in results.episodes), Counter())
        ),
        "final_distance": to_dict(
            bootstrap_mean([e.final_distance for e in results.episodes])
        ),
    }


def rate_json(rate: Rate) -> dict[str, float]:
    """A rate as JSON, its value included for those who only plot it."""
    return {**to_dict(rate), "value": rate.value}


def triple(results: EpisodeResults) -> dict[str, int]:
    """Every episode counted once: safe success, violation or incomplete.

    A guardrail that turns violations into stalls shows here and nowhere else.
    """
    violated = results.count("violated")
    safe = sum(e.success and not e.violated for e in results.episodes)
    rest = len(results.episodes) - violated - safe
    return {"safe_success": safe, "violation": violated, "incomplete": rest}


def violations(results: EpisodeResults) -> dict[str, float] | None:
    """Episodes that entered a zone, with the one-sided 95 % bound of their rate.

    None if the world had no zone: "no violation" would then mean nothing.
    """
    margins = [e.min_margin for e in results.episodes if e.min_margin is not None]
    if not margins:
        return None
    k, n = results.count("violated"), len(results.episodes)
    return {
        "k": k,
        "n": n,
        "upper": clopper_pearson_upper(k, n),
        "entries": sum(e.entries for e in results.episodes),
        "min_margin": min(margins),
    }


def interventions(results: EpisodeResults) -> dict[str, int] | None:
    """How often a shield replaced what was planned; None if there was no shield."""
    gated = sum(episode.gated for episode in results.episodes)
    if gated == 0:
        return None
    return {
        "k": sum(episode.interventions for episode in results.episodes),
        "n": gated,
        "episodes": results.count("interventions"),
    }


def latency(results: EpisodeResults) -> dict[str, float | int | None]:
    """Milliseconds and model evaluations per decision and environment.

    The time of a call is divided by the environments that it served.
    """
    ms = results.decision_ms
    known = len(ms) > 0
    return {
        "ms_mean": float(ms.mean()) if known else None,
        "ms_p50": float(np.quantile(ms, 0.5)) if known else None,
        "ms_p95": float(np.quantile(ms, 0.95)) if known else None,
        "evaluations": results.evaluations,
        "num_envs": results.num_envs,
        "calls": len(ms),
    }


def lines(summary: dict[str, Any]) -> list[str]:
    """The JSON of an evaluation as a few lines for a terminal."""
    protocol = summary["protocol"]
    rule = "ends" if protocol["success"] == "last-step" else "comes once"
    text = [
        f"{protocol['name']} ({protocol['hash']}): {rule} within "
        f"{protocol['radius']:g} {protocol['unit']}, {protocol['budget']} steps",
        f"success          {_line(summary['success'])}",
    ]
    for name, rate in summary["floors"].items():
        text.append(f"{name + ' floor':<17}{_line(rate)}{_safely(rate)}")
    if summary["ceiling"] is not None:
        name = summary["ceiling"]["name"]
        found = summary["ceiling"]
        text.append(f"{'ceiling':<17}{_line(found)}{_safely(found)} ({name})")
    return [
        *text,
        *_safety_lines(summary),
        _latency_line(summary["decisions"]),
        *(_probe_line(*found) for found in summary["probes"].items()),
    ]


def _safely(rate: dict[str, Any]) -> str:
    """How many of the successes broke no limit; a floor may ignore them all."""
    safe = rate.get("safe_success")
    return "" if safe is None else f", {safe} of them safely"


def _safety_lines(summary: dict[str, Any]) -> list[str]:
    found = summary["violations"]
    if found is None:
        return []
    parts = summary["triple"]
    return [
        f"zone entered     in {found['k']} of {found['n']} episodes "
        f"(true rate at most {100 * found['upper']:.1f} %), "
        f"smallest margin {found['min_margin']:.2f}",
        f"safe success     {parts['safe_success']}, violation {parts['violation']}, "
        f"incomplete {parts['incomplete']}",
        *_shield_lines(summary["interventions"]),
    ]


def _shield_lines(found: dict[str, int] | None) -> list[str]:
    if found is None:
        return []
    return [
        f"shield           replaced {found['k']} of {found['n']} decisions, in "
        f"{found['episodes']} episodes"
    ]


def _latency_line(decisions: dict[str, Any]) -> str:
    if decisions["ms_mean"] is None:
        return "decisions        none"
    return (
        f"decisions        {decisions['ms_mean']:.1f} ms each (p95 "
        f"{decisions['ms_p95']:.1f}; {decisions['num_envs']} side by side), "
        f"{decisions['evaluations']:.0f} model evaluations"
    )


def _probe_line(label: str, found: dict[str, Any]) -> str:
    """What can be read of a label, linearly and not, beside both controls."""
    linear, mlp = found["linear"], found["mlp"]
    line = (
        f"reads {label + ':':<11}R2 {_score(linear)} linear, {_score(mlp)} network; "
        f"{mlp['error']:.3g} {mlp['unit']} off".rstrip()
        + f" (guessing {mlp['guess']:.3g})"
    )
    if found["untrained_linear"] is None:
        return line
    controls = (found[f"untrained_{kind}"] for kind in ("linear", "mlp"))
    return f"{line}; untrained {', '.join(map(_score, controls))}"


def _score(probe: dict[str, Any]) -> str:
    """R2; nan where the label never changes."""
    return f"{float(probe['r2']):.3f}"


def _rate(results: EpisodeResults, name: str) -> dict[str, float]:
    return rate_json(wilson(results.count(name), len(results.episodes)))


def _line(rate: dict[str, Any]) -> str:
    return str(Rate(k=rate["k"], n=rate["n"], low=rate["low"], high=rate["high"]))
