"""The page of a comparison: who leads, who collapsed, and nothing hidden."""

from __future__ import annotations

import subprocess
import sys

import pytest

from telos.report.objectives import build_objectives, sentence


def told(mean: float, half: float | None = 0.01) -> dict:
    low, high = (None, None) if half is None else (mean - half, mean + half)
    return {"mean": mean, "n": 1 if half is None else 3, "low": low, "high": high}


def row(name: str, reads: float | None, half: float | None = 0.01, **more) -> dict:
    base = {
        "variant": name,
        "control": False,
        "seeds": [0, 1, 2],
        "failed": [],
        "verdicts": {"ok": 3},
        "texts": ["effective rank 40 of 64"],
        "collapsed": False,
        "steps": 3000,
        "parameters": 546432,
        "ms_per_step": 120.0,
        "seconds": 360.0,
        "reading": None if reads is None else told(reads, half),
        "evidence": dict.fromkeys(
            ("effective_rank", "std_mean", "within_share", "prediction_skill"), None
        )
        | {"dimensions": told(64, None)},
        "probes": [
            {
                "label": "position",
                "level": "frame",
                "kind": "linear",
                "measure": "r2",
                "score": told(reads or 0.0, half),
                "guess": 0.0,
            }
        ],
        "surprise": {"mean": told(0.75), "gravity": told(0.5)},
    }
    return base | more


def page(*rows: dict) -> str:
    part = {"name": "physics", "world": "intuitive-physics", "episodes": 9}
    plan = {
        "equal": "steps",
        "backbone": "patch-conv",
        "clips": 32,
        "length": 20,
        "held_out": 0.2,
    }
    return build_objectives({"plan": plan, "sets": [{**part, "rows": list(rows)}]})


def test_the_page_holds_every_objective_with_its_numbers() -> None:
    text = page(
        row("vicreg", 0.9),
        row("byol", 0.2, collapsed=True, verdicts={"ok": 1, "complete": 2}),
        row("mmcr", None, failed=["the loss is <nan>"], verdicts={}),
    )
    assert "90.0\u00a0%" in text or "90.0 %" in text
    assert "ok 1\u00d7, complete 2\u00d7" in text
    assert "the loss is &lt;nan&gt;" in text
    assert "gravity" in text
    assert "linear, frame" in text
    assert ">position <" in text
    assert "Collapsed: byol" in text
    assert 'src="http' not in text
    assert 'href="http' not in text


def test_what_was_not_measured_has_no_column() -> None:
    assert ">contrast<" in page(row("vicreg", 0.9))
    assert ">contrast<" not in page(row("vicreg", 0.9, surprise={}))


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([row("a", 0.9), row("b", 0.8)], "of a, clearly ahead"),
        ([row("a", 0.9, 0.1), row("b", 0.8, 0.1)], "no clear winner"),
        ([row("a", 0.9, None), row("b", 0.8)], "one seed: that is no comparison"),
        ([row("u", 0.99, control=True), row("b", 0.8)], "of b."),
        ([row("a", 0.9, collapsed=True)], "Collapsed: a."),
    ],
)
def test_nobody_is_called_better_than_the_numbers_say(rows, words) -> None:
    assert words in sentence(rows)


def test_it_needs_no_torch() -> None:
    order = "import sys, telos.report.objectives; assert 'torch' not in sys.modules"
    subprocess.run([sys.executable, "-c", order], check=True)
