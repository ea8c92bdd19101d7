"""A comparison: goes on, overwrites nothing, keeps accounts and hides no collapse."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from tests.learning.squares import FRAMES, square_episode, square_spec

from telos.config import save_json
from telos.data.store import EpisodeFile
from telos.data.writer import EpisodeWriter
from telos.envs.catalogue import make_world
from telos.envs.world import StreamSpec
from telos.evaluation.comparing import (
    ComparisonFolder,
    ComparisonPlan,
    chosen_variants,
    compare,
    paces,
    table_lines,
    whole,
)
from telos.evaluation.comparing.heldout import held_out_cuts
from telos.evaluation.comparing.paces import equal_time
from telos.evaluation.comparing.plan import config_for
from telos.evaluation.comparing.summary import reading, summarise
from telos.evaluation.comparing.surprising import rung_of
from telos.evaluation.probes import fitting
from telos.report import build_objectives
from telos.runtime import Runtime

CPU = Runtime(device="cpu", dtype="float32", threads=1, reasons=())
PLAN = ComparisonPlan(
    effort=0.001, clips=4, length=4, held_out=0.3, probed=12, quadruplets=0
)


@pytest.fixture(autouse=True)
def short(monkeypatch) -> None:
    monkeypatch.setattr(fitting, "STEPS", 50)
    costs = {"vicreg": 0.1, "sigreg": 0.05, "prediction-only": 0.2, "pixels": 0.4}
    monkeypatch.setattr(
        paces,
        "step_cost",
        lambda config, *rest: (costs[kind_of(config)], 1000),
    )


def kind_of(config) -> str:
    objective = config.objective
    return "prediction-only" if objective.variance == 0 else objective.kind


@pytest.fixture(scope="module")
def data(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("data") / "squares.h5"
    spec = replace(
        square_spec(),
        labels={"red": StreamSpec(shape=(), dtype="float32", unit="share of white")},
    )
    with EpisodeWriter(path, spec) as writer:
        for seed in range(40):
            episode = square_episode(seed)
            red = episode.observations["pixels"][..., 0].max(axis=(1, 2)) / 255
            writer.append(replace(episode, labels={"red": red.astype(np.float32)}))
    return path


def test_it_goes_on_where_it_stopped_and_overwrites_nothing(
    data: Path, tmp_path: Path, monkeypatch
) -> None:
    folder = ComparisonFolder(tmp_path / "out")
    table = compare(folder, PLAN, [data], ["vicreg"], [0], CPU)
    kept = {
        path: path.stat().st_mtime_ns
        for path in sorted((tmp_path / "out" / "squares").rglob("*"))
        if path.is_file() and path.name != "paces.json"
    }
    trained = []
    genuine = whole.watch

    def counted(run, *args, **named):
        trained.append(run.path.name)
        return genuine(run, *args, **named)

    monkeypatch.setattr(whole, "watch", counted)
    more = compare(folder, PLAN, [data], ["vicreg", "sigreg"], [0], CPU)
    assert trained == ["sigreg-0"]
    assert all(path.stat().st_mtime_ns == when for path, when in kept.items())
    names = {row["variant"] for row in more["sets"][0]["rows"]}
    assert names == {"vicreg", "sigreg", "untrained", "time-index"}
    row = {r["variant"]: r for r in more["sets"][0]["rows"]}["vicreg"]
    assert row in table["sets"][0]["rows"]
    text = (tmp_path / "out" / "comparison.txt").read_text()
    assert text.splitlines() == table_lines(more)
    assert all(name in text for name in names)
    page = build_objectives(json.loads((tmp_path / "out/comparison.json").read_text()))
    assert all(f">{name}<" in page for name in names)
    with pytest.raises(ValueError, match="compares with clips 4, asked is 8"):
        compare(folder, replace(PLAN, clips=8), [data], ["vicreg"], [0], CPU)


def test_a_training_that_fails_is_a_row_and_not_the_end(
    data: Path, tmp_path: Path, monkeypatch
) -> None:
    def diverges(*args, **named):
        raise ValueError("the loss of watching is nan at step 3")

    monkeypatch.setattr(whole, "watch", diverges)
    folder = ComparisonFolder(tmp_path / "out")
    table = compare(folder, PLAN, [data], ["vicreg"], [0], CPU)
    row = {r["variant"]: r for r in table["sets"][0]["rows"]}["vicreg"]
    assert row["failed"] == ["the loss of watching is nan at step 3"]
    assert "vicreg failed: the loss" in "\n".join(table_lines(table))
    assert "failed 1\u00d7" in build_objectives(table)


def test_equal_time_is_equal_within_a_step() -> None:
    seconds = {"vicreg": 0.12, "sigreg": 0.31, "pixels": 0.047}
    steps = equal_time(seconds, "vicreg", 3000)
    assert steps["vicreg"] == 3000
    for name, each in seconds.items():
        assert abs(steps[name] * each - 360) <= each / 2 + 1e-9
    assert equal_time({"a": 1.0, "b": 99.0}, "a", 3)["b"] == 1


def test_with_equal_time_trainings_have_the_steps_of_their_account(
    data: Path, tmp_path: Path
) -> None:
    file = EpisodeFile(data)
    plan = replace(PLAN, equal="time", effort=0.01)
    part = ComparisonFolder(tmp_path / "out").data(file)
    found = paces.accounts(plan, file, part, ["vicreg", "sigreg", "pixels"], CPU)
    assert {name: a.steps for name, a in found.items()} == {
        "vicreg": 30,
        "sigreg": 60,
        "pixels": 8,
    }
    assert {a.seconds for a in found.values()} == {3.0, 3.2}
    # Another order later changes nothing: whose time it is was settled.
    again = paces.accounts(plan, file, part, ["pixels", "vicreg"], CPU)
    assert again["pixels"] == found["pixels"]
    even = paces.accounts(replace(plan, equal="steps"), file, part, ["pixels"], CPU)
    assert even["pixels"].steps == 30


def measure(variant: str, score: float, verdict: str = "ok", seed: int = 0) -> dict:
    probe = {
        "label": "x",
        "level": "frame",
        "measure": "r2",
        "kind": "linear",
        "score": score,
        "guess": 0.0,
        "count": 9,
    }
    return {
        "variant": variant,
        "seed": seed,
        "verdict": verdict,
        "text": "",
        "evidence": {},
        "probes": [probe],
        "surprise": {},
    }


def ranked(tmp_path: Path, data: Path, *measures: dict) -> dict[str, dict]:
    folder = ComparisonFolder(tmp_path / "ranked")
    folder.begin(PLAN)
    part = folder.data(EpisodeFile(data))
    for m in measures:
        part.measured(m["variant"], m["seed"], lambda m=m: m)
    return {row["variant"]: row for row in summarise(folder)["sets"][0]["rows"]}


def test_the_collapsed_stand_last_whatever_they_score(data: Path, tmp_path) -> None:
    found = ranked(
        tmp_path,
        data,
        measure("untrained", 0.3, "dimensional"),
        measure("vicreg", 0.5),
        measure("sigreg", 0.6),
        measure("pixels", 0.8, "dimensional"),
        measure("mmcr", 0.7, "dimensional"),
        measure("discrete", 0.1, "slow-feature"),
        measure("byol", 0.9, "slow-feature"),
        measure("byol", 0.9, "ok", seed=1),
        measure("dino", 0.9, "complete"),
    )
    assert [*found][:4] == ["pixels", "sigreg", "vicreg", "untrained"]
    assert {n for n, row in found.items() if row["collapsed"]} == {
        "mmcr",
        "byol",
        "dino",
        "discrete",
    }
    assert found["byol"]["reading"]["n"] == 2
    assert found["vicreg"]["reading"]["low"] is None


def test_what_is_read_counts_above_guessing_and_not_below_nothing() -> None:
    told = measure("a", 0.5)
    told["probes"].append({**told["probes"][0], "score": -40.0})
    told["probes"].append(
        {**told["probes"][0], "measure": "accuracy", "score": 0.55, "guess": 0.1}
    )
    assert reading(told) == pytest.approx((0.5 + 0 + 0.5) / 3)
    assert reading({"probes": []}) is None


@pytest.mark.slow
def test_prediction_alone_ranks_as_collapsed(data: Path, tmp_path: Path) -> None:
    folder = ComparisonFolder(tmp_path / "out")
    plan = replace(PLAN, effort=0.1, clips=16, length=FRAMES)
    names = ["vicreg", "prediction-only"]
    table = compare(folder, plan, [data], names, [0], CPU)
    found = {row["variant"]: row for row in table["sets"][0]["rows"]}
    assert found["prediction-only"]["collapsed"]
    assert not found["vicreg"]["collapsed"]
    assert table["sets"][0]["rows"][-1]["variant"] == "prediction-only"


def test_held_out_clips_are_different_ones_that_no_training_sees(data: Path) -> None:
    file = EpisodeFile(data)
    config = config_for(PLAN, file, "vicreg", 3)
    cuts = held_out_cuts(file, config, 1000, 0)
    assert len(np.unique(cuts.episodes)) == 12
    assert len(cuts.pixels) == 12 * (FRAMES - 3)
    assert len(np.unique(cuts.pixels.reshape(len(cuts.pixels), -1), axis=0)) > 70
    kept = set(cuts.episodes.tolist())
    other = held_out_cuts(file, config_for(PLAN, file, "sigreg", 3), 1000, 0)
    assert kept == set(other.episodes.tolist())
    values, unit = cuts.labels["red"]
    assert (values.shape, unit) == ((len(cuts.pixels), 4, 1), "share of white")
    shown = cuts.pixels[..., 0].max(axis=(2, 3)) / 255
    np.testing.assert_allclose(values[..., 0].numpy(), shown, atol=1e-6)


def test_variants_and_refusals(data: Path, tmp_path: Path) -> None:
    both = chosen_variants(["vicreg", "vicreg+within-clip", "vicreg"], masked=False)
    assert both == ("vicreg", "vicreg+within-clip")
    every = chosen_variants(["all"], masked=False)
    assert "prediction-only" in every
    assert "masked-pixels" not in every
    assert "pixels" not in chosen_variants(["all"], masked=True)
    for names, masked, words in (
        (["magic"], False, "'magic' is unknown"),
        (["pixels+within-clip"], False, "within_clip is of no use"),
        (["pixels"], True, "does not suit watchers"),
        ([], False, "no objectives"),
    ):
        with pytest.raises(ValueError, match=words):
            chosen_variants(names, masked=masked)
    folder = ComparisonFolder(tmp_path)
    save_json(tmp_path / "mine.json", {})
    for change, seeds, error, words in (
        ({}, [0], FileExistsError, "holds no comparison"),
        ({"held_out": 0.1}, [0], ValueError, "probes need at least 10"),
        ({"length": 99}, [0], ValueError, "needs episodes of 99 frames"),
        ({}, [0, 0], ValueError, "each once"),
    ):
        with pytest.raises(error, match=words):
            compare(folder, replace(PLAN, **change), [data], ["vicreg"], seeds, CPU)
    with pytest.raises(ValueError, match="names that differ"):
        compare(folder, PLAN, [data, data], ["vicreg"], [0], CPU)
    assert [p.name for p in tmp_path.iterdir()] == ["mine.json"]


def test_the_rung_is_the_one_that_looks_like_the_recording() -> None:
    for options, rung in (
        ({}, "easy"),
        ({"overlay": 0.1}, "fixed-texture"),
        ({"noise": 0.15}, "noise"),
        ({"size": 64}, "size64"),
        ({"noise": 0.33}, None),
    ):
        world = make_world("intuitive-physics", **options)
        assert rung_of(world.spec) == rung
    assert rung_of(square_spec()) is None
