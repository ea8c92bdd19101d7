"""Recorded episodes with their captions."""

from __future__ import annotations

from dataclasses import dataclass

from telos.report.reading import EvaluationFiles, Json, episodes, number_at, unit_of
from telos.report.replay import Replay, load_replays
from telos.report.svg import number


@dataclass(frozen=True, kw_only=True)
class Film:
    """A recorded episode with its caption."""

    key: str
    replay: Replay
    success: bool
    headline: str
    detail: str


def outcome(episode: Json, unit: str) -> str:
    """How an episode ended, in a few words."""
    distance, hit = (number_at(episode, k) for k in ("final_distance", "first_hit"))
    if episode.get("success"):
        return f"reached at step {number(hit)}" if hit is not None else "reached"
    if distance is None:
        return "not reached"
    away = f"ended {number(distance)}\u00a0{unit} away"
    return f"was there, {away}" if hit is not None else away


def films_of(files: EvaluationFiles, anchor: str, limit: int) -> tuple[list[Film], str]:
    """Recorded episodes, failures first, and why there are none if so."""
    if files.traces is None:
        return [], "No episode was recorded with this evaluation."
    unit = unit_of(files.values)
    try:
        replays = load_replays(files.traces, limit, unit)
    except ValueError as error:
        return [], str(error)
    by_seed = {number_at(e, "seed"): e for e in episodes(files.values)}
    films = [
        _film(replay, by_seed.get(replay.seed), f"{anchor}-film-{index}", unit)
        for index, replay in enumerate(sorted(replays, key=lambda r: r.success))
    ]
    return films, "" if films else "The recording holds no episodes."


def _film(replay: Replay, episode: Json | None, key: str, unit: str) -> Film:
    ended = outcome(episode or {"success": replay.success}, unit)
    margin = number_at(episode, "min_margin")
    near = f", margin {number(margin)}\u00a0{unit}" if margin is not None else ""
    return Film(
        key=key,
        replay=replay,
        success=replay.success,
        headline=ended[0].upper() + ended[1:],
        detail=f"seed {replay.seed}{near}",
    )
