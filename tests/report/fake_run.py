"""A run folder with made-up but plausible content, the same bytes for the same seed."""

from __future__ import annotations

import json
import math
from pathlib import Path

import numpy as np

SIZE = 64
HORIZON = 10
ZONE = {
    "type": "keep-out-disc",
    "quantity": "position",
    "center": [32.0, 30.0],
    "radius": 6.0,
    "buffer": 0.8,
}
SUCCESS = {"k": 196, "n": 200, "low": 0.950, "high": 0.992}


def write_fake_run(
    path: Path, *, seed: int = 0, guarded: bool = True, steps: int = 40
) -> Path:
    """Write a complete run folder and return its path."""
    rng = np.random.default_rng(seed)
    path.mkdir(parents=True)
    write(path / "config.json", config(seed))
    write(path / "env.json", environment())
    write(path / "diagnostics.json", diagnostics())
    rows = "".join(json.dumps(row) + "\n" for row in metrics(rng))
    (path / "metrics.jsonl").write_text(rows)
    write_evaluation(path, "rooms-random", rng, None, steps)
    write(path / "attribution" / "rooms-random.json", attribution())
    if guarded:
        write_evaluation(path, "rooms-zone", rng, ZONE, steps)
    return path


def write(path: Path, value: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(value))


def config(seed: int) -> dict:
    return {
        "size": "tiny",
        "seed": seed,
        "data": {"path": "rooms.h5", "digest": "4f1d9a0c77be", "batch": 96},
        "model": {"latent": 64, "history": 1, "predictor": {"width": 256, "depth": 3}},
        "losses": {"prediction": 5.0, "smoothness": 4.0, "inverse": 2.0 + seed},
    }


def environment() -> dict:
    machine = {"cpu": "Example CPU @ 2.10GHz", "cores": 2, "memory_gib": 7.6}
    return {
        "machine": machine,
        "versions": {"python": "3.11.9", "torch": "2.13.0"},
        "commit": "3fd0c51e9a2b",
        "argv": ["/usr/bin/telos", "train", "rooms.h5", "--size", "tiny"],
    }


def diagnostics() -> list[dict]:
    names = ["complete", "slow-feature", "partial", *["ok"] * 9]
    return [
        {
            "name": name,
            "text": "Both the moving agent and the layout are encoded; no collapse."
            if name == "ok"
            else "Only the static layout is encoded so far.",
            "evidence": {
                "effective_rank": 2 + 26 * (1 - math.exp(-i / 3)),
                "within_share": 0.6 * (1 - math.exp(-i / 4)),
                "std_min": 0.1 + 0.6 * (1 - math.exp(-i / 2)),
                "prediction_skill": 0.9 - 1.3 * math.exp(-i / 2),
            },
            "step": 200 * (i + 1),
        }
        for i, name in enumerate(names)
    ]


def metrics(rng: np.random.Generator) -> list[dict]:
    """Two phases with many curves, one with few; the clock runs through."""
    rows, clock = [], 0.0
    for phase, steps, pace in (
        ("representation", 2400, 0.1),
        ("dynamics", 900, 0.08),
        ("critic", 600, 0.05),
    ):
        for step in range(0, steps, 6):
            clock += 6 * pace
            decay = math.exp(-3 * step / steps)
            noise = float(np.exp(0.12 * rng.normal()))
            row = {"step": step, "seconds": clock, "phase": phase}
            row["loss"] = (0.02 + 1.8 * decay**2) * noise
            if phase != "critic":
                row["prediction_skill"] = 0.93 - 1.4 * decay + 0.03 * rng.normal()
            if phase == "representation":
                row |= {
                    "inverse_dynamics": (0.05 + 0.6 * decay) * noise,
                    "effective_rank": 28 - 24 * decay,
                    "within_share": 0.55 - 0.5 * decay,
                    "variance": 0.1 * noise,
                    "covariance": 0.2 * decay * noise,
                    "frames_per_second": 11000 + 300 * rng.normal(),
                    "learning_rate": 3e-4 * (1 - step / steps),
                }
            rows.append(row)
    return rows


def write_evaluation(
    path: Path, name: str, rng: np.random.Generator, zone: dict | None, steps: int
) -> None:
    """evaluation.json and traces.npz of one protocol."""
    folder = path / "evaluations" / name
    episodes = [episode(i, rng, zone, steps) for i in range(SUCCESS["n"])]
    write(folder / "evaluation.json", evaluation(name, episodes, zone))
    arrays: dict[str, np.ndarray] = {"extent": np.array([0.0, 64.0, 0.0, 64.0])}
    shown = [e for e in episodes if not e["success"]] + episodes[10:]
    for index, shown_episode in enumerate(shown[:8]):
        arrays |= trace(index, shown_episode, rng, zone)
    np.savez_compressed(folder / "traces.npz", **arrays)


def episode(
    index: int, rng: np.random.Generator, zone: dict | None, steps: int
) -> dict:
    success = index not in (3, 77, 120, 181)
    distance = abs(rng.normal()) * 1.2 if success else 9.0 + 12 * rng.random()
    return {
        "seed": 1_000_000 + index,
        "success": success,
        "final_distance": float(distance),
        "first_hit": int(steps * (0.15 + 0.25 * rng.random())) if success else None,
        "min_margin": float(0.3 + 6 * rng.random()) if zone else None,
        "steps": steps,
    }


def evaluation(name: str, episodes: list[dict], zone: dict | None) -> dict:
    n = len(episodes)
    values = {
        "protocol": {
            "name": name,
            "description": "Goals in the other room, layouts never seen in training.",
            "world": "two-rooms",
            "goal_rule": "cross-room",
            "episodes": n,
            "budget": 200,
            "radius": 4.5,
            "unit": "px",
            "success": "last-step",
            "options": {"layout": "random", "split": "test"},
            "zone": zone,
            "hash": "9c41d07be2f3",
        },
        "success": SUCCESS,
        "floors": {"random": rate(8, n), "greedy": rate(62, n)},
        "ceiling": rate(50, 50) | {"name": "exact dynamics", "violations": None},
        "first_hit": rate(197, n),
        "last_step": rate(196, n),
        "decisions": {"ms_mean": 21.4, "ms_p50": 20.2, "ms_p95": 31.8},
        "statuses": {"certified": 9890, "backup": 84, "infeasible": 26},
        "machine": environment()["machine"],
        "commit": "3fd0c51e9a2b",
        "command": f"telos evaluate runs/demo --protocol {name}",
        "seconds": 412.0,
        "episodes": episodes,
    }
    values["decisions"] |= {"evaluations": 1920.0, "num_envs": 32}
    if zone is not None:
        values["violations"] = {"k": 0, "n": n, "upper": 0.0149}
        values["triple"] = {"safe_success": 196, "violation": 0, "incomplete": 4}
    return values | (model_measures() if zone is None else {})


def attribution() -> dict:
    """What `telos attribute` writes."""
    solved = {
        ("exact-metric", "exact dynamics, true metric"): 64,
        ("exact-latent", "exact dynamics, latent distance"): 27,
        ("exact-critic", "exact dynamics, critic"): 63,
        ("learned-critic", "learned dynamics, critic"): 52,
        ("shipped", "as shipped"): 61,
        ("learned-latent", "learned dynamics, latent distance"): 20,
        ("learned-metric", "learned dynamics, true metric"): 54,
    }
    steps = {"horizons": [1, 2, 3], "worse_latent": None, "worse_readout": 3}
    rungs = [
        {
            "name": name,
            "title": title,
            "success": rate(k, 64),
            "decisions": {
                "correlation": {"mean": k / 64 - 0.1},
                "offered": {"mean": 1.0},
                "picked": {"mean": 0.5 + k / 128},
                "regret": {"mean": 0.1 + (64 - k) / 12},
            },
            "open_loop": None if name.startswith("exact") else {**steps, "readout": []},
            "successes": [True] * k + [False] * (64 - k),
        }
        for (name, title), k in solved.items()
    ]
    return {
        "protocol": {"name": "rooms-random", "episodes": 64, "unit": "px"},
        "settings": {"samples": 40, "iterations": 3, "replan_every": 4},
        "weakest": "learned dynamics",
        "sentence": "The weakest link is the learned dynamics: with exact dynamics the "
        "same cost reaches 98 %, with the learned model 81 % (difference 17 points, "
        "95 % interval 7 to 28).",
        "links": [
            {"before": None, "after": "exact-metric"},
            {"before": "exact-metric", "after": "exact-critic"},
            {"before": "exact-critic", "after": "learned-critic"},
            {"before": "learned-critic", "after": "shipped"},
        ],
        "rungs": rungs,
        "command": "telos attribute runs/demo --protocol rooms-random",
    }


def rate(k: int, n: int) -> dict:
    half = 1.96 * math.sqrt(0.25 / n) * 2 * math.sqrt(k / n * (1 - k / n) + 0.01)
    low, high = max(k / n - half, 0.0), min(k / n + half, 1.0)
    return {"k": k, "n": n, "low": low, "high": high, "value": k / n}


def model_measures() -> dict:
    horizons = [1, 2, 4, 8, 12, 16]
    return {
        "open_loop": {
            "horizons": horizons,
            "latent": [0.04 * h**0.6 for h in horizons],
            "persistence": [0.2 * h**0.7 for h in horizons],
            "readout": [0.15 * h**0.7 for h in horizons],
            "readout_persistence": [0.9 * h**0.85 for h in horizons],
            "unit": "px",
        },
        "probes": {
            "position": probes([0.9421, 0.9991, 0.412, 0.801], 0.14, 17.2),
            "wall_x": probes([0.987, 0.998, 0.62, 0.71], 0.31, 6.1),
            "door_y": probes([0.513, 0.871, 0.02, -0.04], 3.4, 11.0),
        },
    }


def probes(scores: list[float], error: float, guess: float) -> dict:
    """Of one label, by kind of probe and encoder."""
    kinds = ("linear", "mlp", "untrained_linear", "untrained_mlp")
    return {
        kind: {"r2": score, "error": error, "guess": guess, "unit": "px"}
        for kind, score in zip(kinds, scores, strict=True)
    }


def trace(
    index: int, values: dict, rng: np.random.Generator, zone: dict | None
) -> dict:
    """One walk from left to right through a door, with imagined futures."""
    door = 14 + 36 * rng.random()
    start, goal = np.array([9.0, 8 + 48 * rng.random()]), np.array([54.0, 50.0])
    way = [start, np.array([24.0, door]), np.array([42.0, door]), goal]
    if not values["success"]:
        way = [start, np.array([28.0, door + 10.0])]
    positions = walk(way, values["steps"])
    decisions = np.arange(0, values["steps"], 4)
    imagined = np.stack([futures(positions, step, rng) for step in decisions])
    # The route is the way that is left, known anew every few decisions.
    routes = np.full((len(decisions), len(way), 2), np.nan)
    for number in range(len(decisions)):
        left = way[1 if number < len(decisions) // 2 else -1 :]
        routes[number, : len(left)] = left
    status = np.where(rng.random(len(decisions)) < 0.06, "backup", "certified")
    layout = draw_room(door)
    return {
        f"frames_{index}": np.stack([draw_dot(layout, p) for p in positions]),
        f"goal_{index}": draw_dot(layout, goal),
        f"goal_position_{index}": goal,
        f"zones_{index}": np.array(json.dumps([zone] if zone else [])),
        f"positions_{index}": positions.astype(np.float32),
        f"imagined_{index}": imagined.astype(np.float32),
        f"route_{index}": routes.astype(np.float32),
        f"decision_steps_{index}": decisions,
        f"status_{index}": status,
        f"success_{index}": np.array(values["success"]),
        f"seed_{index}": np.array(values["seed"]),
    }


def walk(way: list[np.ndarray], steps: int) -> np.ndarray:
    """Positions along a poly-line, reached after half of the steps."""
    corners = np.array(way)
    lengths = np.r_[0, np.cumsum(np.linalg.norm(np.diff(corners, axis=0), axis=1))]
    at = np.minimum(np.arange(steps + 1) / (0.5 * steps), 1) * lengths[-1]
    bent = np.stack([np.interp(at, lengths, corners[:, d]) for d in (0, 1)], -1)
    return bent + 0.7 * np.sin(np.arange(steps + 1) / 7)[:, None] * np.array([0.3, 1])


def futures(positions: np.ndarray, step: int, rng: np.random.Generator) -> np.ndarray:
    """(5, H+1, 2) fans that start where the agent is."""
    ahead = positions[np.minimum(step + np.arange(HORIZON + 1), len(positions) - 1)]
    drift = rng.normal(size=(5, 1, 2)) * np.linspace(0, 2.5, HORIZON + 1)[None, :, None]
    return ahead[None] + drift


def draw_room(door: float) -> np.ndarray:
    image = np.full((SIZE, SIZE, 3), (237, 235, 227), np.uint8)
    wall = (41, 51, 69)
    image[:2] = image[-2:] = image[:, :2] = image[:, -2:] = wall
    rows = np.abs(np.arange(SIZE) + 0.5 - door) > 4
    image[rows, 31:34] = wall
    return image


def draw_dot(room: np.ndarray, position: np.ndarray) -> np.ndarray:
    grid = np.arange(SIZE) + 0.5
    squared = (grid[None] - position[0]) ** 2 + (grid[:, None] - position[1]) ** 2
    share = np.exp(-0.5 * squared / 1.3**2)[..., None]
    return np.rint(room + share * (np.array([219, 46, 41]) - room)).astype(np.uint8)
