"""Measurements of physics become rows: means, targets, controls at chance."""

from __future__ import annotations

import importlib
from pathlib import Path
from types import ModuleType

import pytest

from telos.config import save_json

BENCHMARKS = Path(__file__).resolve().parents[2] / "benchmarks"


@pytest.fixture
def rows(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    monkeypatch.syspath_prepend(str(BENCHMARKS))
    return importlib.import_module("physics_rows")


def measured(contrast: float, count: int = 96) -> dict:
    share = {"mean": contrast, "low": 0.0, "high": 1.0, "n": count}
    return {
        "memory": None,
        "count": count,
        "contrast": share,
        "contrast_max": share,
        "relative_contrast": 0.01,
        "pairwise": [share, share],
        "auroc_mean": 0.6,
        "auroc_max": 0.7,
        "event_delta": share,
    }


def write(folder: Path, model: str, contrasts: list[float], concept: str) -> None:
    for seed, contrast in enumerate(contrasts):
        save_json(
            folder / f"easy+easy+{concept}+{model}+{seed}.json", measured(contrast)
        )


def test_rows_are_means_over_seeds_beside_their_targets(rows, tmp_path: Path) -> None:
    for concept in ("permanence", "gravity"):
        write(tmp_path, "vicreg", [1.0, 0.94], concept)
        write(tmp_path, "untrained", [0.48, 0.6], concept)
        write(tmp_path, "pixels", [0.2, 0.4], concept)
    found = {r["name"]: r for r in rows.rows_of(tmp_path, {"easy": ("easy",)})}
    trained = found["easy, vicreg, permanence"]
    assert trained["value"] == pytest.approx(0.97)
    assert trained["low"] < 0.97 <= trained["high"] <= 1.0
    assert trained["met"]
    assert trained["target"] == ">= 95 %"
    assert found["easy, vicreg, gravity"]["target"] == ">= 90 %"
    assert found["easy, vicreg, all concepts"]["target"] is None
    assert trained["hedges_g"] > 3
    assert found["easy, vicreg, all concepts"]["n"] == 2
    control = found["easy, untrained, gravity"]
    assert control["target"] == "50 +- 3 %"
    assert not control["met"]  # 54 %
    assert found["easy, pixels, gravity"]["target"] is None
    names = list(found)
    assert names.index("easy, vicreg, gravity") < names.index("easy, pixels, gravity")


def test_one_seed_has_no_interval(rows, tmp_path: Path) -> None:
    write(tmp_path, "vicreg", [0.9], "permanence")
    (whole, one) = rows.rows_of(tmp_path, {"easy": ("easy",)})
    assert whole["n"] == one["n"] == 1
    assert one.get("low") is None
    assert one["met"] is False
