"""Publishing: what comes back is what was sent, and nothing else is let in."""

from __future__ import annotations

import shutil
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from tests.learning.worlds import (
    labelled,
    seeing,
    seen_walks,
    tiny_config,
    walk_episode,
    walks,
    write_run,
)
from torch import nn

from telos.agent import load_agent
from telos.agent.calibrated import Calibrated, model_digest, save_calibrated
from telos.cli.main import main
from telos.config import load_json, save_json
from telos.cost import calibrate
from telos.perception import BackboneConfig, reduction
from telos.perception.pretrained import Checkpoint, Preprocessing
from telos.report.card import model_card
from telos.runs import Run
from telos.runs.parcel import read_manifest
from telos.world_model import Decoder, load_decoder, save_decoder

EVALUATION = {
    "protocol": {"name": "walk-far", "hash": "0123456789abcdef", "world": "walk"},
    "success": {"k": 9, "n": 10, "low": 0.6, "high": 0.98, "value": 0.9},
    "violations": {"k": 1, "n": 10},
    "floors": {"random": {"value": 0.1}, "greedy": {"value": 0.5}},
    "ceiling": {"value": 1.0},
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("publish") / "walker"
    write_run(path, tiny_config(), labelled(walks(12)))
    save_json(path / "evaluations" / "walk-far" / "evaluation.json", EVALUATION)
    (path / "evaluations" / "walk-far" / "traces.npz").write_bytes(b"films")
    (path / "checkpoints").mkdir()
    (path / "checkpoints" / "000001-critic-1.safetensors").write_bytes(b"moments")
    return path


@pytest.fixture
def parcel(trained: Path, tmp_path: Path) -> Path:
    place = tmp_path / "published"
    assert main(["push", str(trained), str(place), "--licence", "apache-2.0"]) == 0
    return place


def pull(source: object, out: Path, *more: str) -> int:
    return main(["pull", str(source), "--out", str(out), *more])


def actions(run: Path) -> np.ndarray:
    agent = load_agent(run).build(())
    agent.reset([3, 4])
    agent.set_goal({"state": walk_episode(1).observations["state"][[9, 12]]})
    return agent.act({"state": walk_episode(1).observations["state"][[0, 5]]})


def test_a_pulled_run_acts_as_the_original(
    trained: Path, parcel: Path, tmp_path: Path
) -> None:
    out = tmp_path / "runs" / "again"
    assert pull(parcel, out) == 0
    np.testing.assert_array_equal(actions(out), actions(trained))
    for name in ("config.json", "model.safetensors"):
        assert (out / name).read_bytes() == (trained / name).read_bytes()
    assert load_json(out / "evaluations/walk-far/evaluation.json") == EVALUATION
    assert not (out / "checkpoints").exists()
    assert not list(out.rglob("*.npz"))
    # And it can be published again, as the same.
    second = tmp_path / "second"
    assert main(["push", str(out), str(second), "--licence", "apache-2.0"]) == 0
    assert (
        read_manifest(second)["model.safetensors"]
        == (read_manifest(parcel)["model.safetensors"])
    )


def test_the_card_says_what_is_known(trained: Path) -> None:
    card = model_card(trained, licence="Apache-2.0", about="Made for tests.")
    front, text = card.removeprefix("---\n").split("---\n", 1)
    assert 'license: "apache-2.0"' in front
    assert 'name: "walk-far"' in front
    for words in (
        "90.0 %",
        "60.0 % to 98.0 %",
        "1 of 10",
        "50.0 %",
        "not calibrated",
        "Made for tests.",
        "`position`",
        "seed 0",
        "telos evaluate walker --protocol walk-far",
    ):
        assert words in text
    with pytest.raises(ValueError, match="SPDX"):
        model_card(trained, licence="do: what you like")


def test_the_card_of_a_calibrated_run_names_its_buffers(
    trained: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(trained, run)
    found = calibrate(
        np.full(30, 2.5), np.zeros(30), 0.1, planner="icem", evaluations=1000
    )
    save_calibrated(
        run, Calibrated(model=model_digest(run), quantities={"position": found})
    )
    card = model_card(run, licence="mit")
    assert "buffer of `position`: 2.5 px, for a miss rate of 10.0 %" in card
    assert "not calibrated" not in card
    place = tmp_path / "published"
    assert main(["push", str(run), str(place), "--licence", "mit"]) == 0
    assert pull(place, tmp_path / "again") == 0
    assert load_agent(tmp_path / "again").buffers == {"position": 2.5}


def test_a_run_that_was_not_evaluated_claims_nothing(
    trained: Path, tmp_path: Path
) -> None:
    shutil.copytree(trained, tmp_path / "run")
    shutil.rmtree(tmp_path / "run" / "evaluations")
    card = model_card(tmp_path / "run", licence="mit")
    assert "was not evaluated" in card
    assert "model-index" not in card


def _edit(parcel: Path, name: str, entry: object) -> None:
    manifest = load_json(parcel / "manifest.json")
    manifest["files"][name] = entry
    save_json(parcel / "manifest.json", manifest)


GOOD = {"bytes": 3, "sha256": "0" * 64}


def _flip(parcel: Path) -> None:
    content = bytearray((parcel / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (parcel / "model.safetensors").write_bytes(bytes(content))


def _link(parcel: Path) -> None:
    secret = parcel.parent / "secret.json"
    (parcel / "config.json").rename(secret)
    (parcel / "config.json").symlink_to(secret)


def _link_folder(parcel: Path) -> None:
    elsewhere = parcel.parent / "elsewhere"
    (parcel / "evaluations").rename(elsewhere)
    (parcel / "evaluations").symlink_to(elsewhere)


@pytest.mark.parametrize(
    ("harm", "words"),
    [
        (_flip, "is damaged"),
        (_link, "is a link"),
        (_link_folder, "evaluations"),
        (lambda p: (p / "model.pkl").write_bytes(b"x"), "model.pkl"),
        (lambda p: (p / "model.safetensors").unlink(), "is missing"),
        (lambda p: (p / "manifest.json").unlink(), "holds no manifest"),
        (lambda p: (p / "manifest.json").write_text("[]"), "no manifest"),
        (lambda p: _edit(p, "../outside.json", GOOD), "no run has"),
        (lambda p: _edit(p, "/etc/passwd", GOOD), "no run has"),
        (lambda p: _edit(p, "evaluations/../evaluation.json", GOOD), "no run has"),
        (lambda p: _edit(p, "evaluations/a/b/evaluation.json", GOOD), "no run has"),
        (lambda p: _edit(p, "model.pt", GOOD), "no run has"),
        (lambda p: _edit(p, "traces.npz", GOOD), "no run has"),
        (lambda p: _edit(p, "config.json\n", GOOD), "no run has"),
        (lambda p: _edit(p, "metrics.jsonl", {"bytes": -1}), "expected 'bytes'"),
        (
            lambda p: _edit(p, "metrics.jsonl", {**GOOD, "bytes": 1 << 40}),
            "at most",
        ),
        (lambda p: _edit(p, "config.json", GOOD), "is damaged"),
    ],
)
def test_what_is_wrong_is_not_let_in(
    harm, words: str, parcel: Path, tmp_path: Path, capsys
) -> None:
    harm(parcel)
    assert pull(parcel, tmp_path / "out") == 2
    assert words in capsys.readouterr().err
    assert not (tmp_path / "out").exists()
    assert not list(tmp_path.glob(".*"))


def test_weights_that_were_changed_with_their_digest_are_found_by_the_pin(
    trained: Path, parcel: Path, tmp_path: Path, capsys
) -> None:
    capsys.readouterr()
    place = tmp_path / "other"
    main(["push", str(trained), str(place), "--licence", "mit"])
    digest = capsys.readouterr().out.split()[-1]
    assert pull(place, tmp_path / "out", "--digest", digest) == 0
    assert pull(parcel, tmp_path / "out2", "--digest", digest) == 2
    assert "another version, or was changed" in capsys.readouterr().err


def test_nothing_is_overwritten_unasked(
    trained: Path, parcel: Path, tmp_path: Path, capsys
) -> None:
    push = ["push", str(trained), str(parcel), "--licence", "mit"]
    before = (parcel / "README.md").read_text()
    assert main(push) == 2
    assert "--overwrite" in capsys.readouterr().err
    assert (parcel / "README.md").read_text() == before
    assert main([*push, "--overwrite"]) == 0
    assert '"mit"' in (parcel / "README.md").read_text()
    mine = tmp_path / "mine"
    mine.mkdir()
    (mine / "thesis.txt").write_text("years")
    assert pull(parcel, mine, "--overwrite") == 2
    assert (mine / "thesis.txt").read_text() == "years"
    # A pull that fails leaves what it should have replaced.
    out = tmp_path / "out"
    assert pull(parcel, out) == 0
    (parcel / "model.safetensors").unlink()
    assert pull(parcel, out, "--overwrite") == 2
    assert (out / "model.safetensors").exists()
    assert not list(tmp_path.glob(".*"))


def test_a_run_that_has_not_finished_is_not_published(tmp_path: Path, capsys) -> None:
    from telos.runs import Run

    Run.create(tmp_path / "run", tiny_config())
    assert main(
        ["push", str(tmp_path / "run"), str(tmp_path / "p"), "--licence", "mit"]
    )
    assert "model.json" in capsys.readouterr().err
    assert not (tmp_path / "p").exists()


class FakeHub(ModuleType):
    """The two functions of huggingface_hub that are used, over a folder."""

    def __init__(self, root: Path) -> None:
        super().__init__("huggingface_hub")
        self.root, self.asked = root, []

    def upload_folder(self, *, repo_id, folder_path, commit_message):
        assert commit_message
        shutil.copytree(folder_path, self.root / repo_id, dirs_exist_ok=True)

    def snapshot_download(self, *, repo_id, local_dir, allow_patterns):
        from fnmatch import fnmatch

        self.asked.append(allow_patterns)
        for path in (self.root / repo_id).rglob("*"):
            name = path.relative_to(self.root / repo_id).as_posix()
            if path.is_file() and any(fnmatch(name, p) for p in allow_patterns):
                target = Path(local_dir, name)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
        (Path(local_dir) / ".cache").mkdir(exist_ok=True)
        return local_dir


@pytest.fixture
def hub(monkeypatch, tmp_path: Path) -> FakeHub:
    fake = FakeHub(tmp_path / "hub")
    (tmp_path / "hub" / "me" / "walker").mkdir(parents=True)
    monkeypatch.setitem(sys.modules, "huggingface_hub", fake)
    return fake


def test_a_run_goes_to_the_hub_and_back(
    hub: FakeHub, trained: Path, tmp_path: Path, capsys
) -> None:
    push = ["push", str(trained), "hub:me/walker", "--licence", "mit"]
    assert main(push) == 0
    assert main(push) == 2
    assert "already holds a run" in capsys.readouterr().err
    assert main([*push, "--overwrite"]) == 0
    # What a repository holds besides is not even fetched.
    (hub.root / "me" / "walker" / "pytorch_model.bin").write_bytes(b"pickle")
    (hub.root / "me" / "walker" / ".gitattributes").write_text("x")
    assert pull("hub:me/walker", tmp_path / "out") == 0
    np.testing.assert_array_equal(actions(tmp_path / "out"), actions(trained))
    assert hub.asked[-2] == ["manifest.json"]
    (hub.root / "me" / "walker" / "model.safetensors").write_bytes(b"changed")
    assert pull("hub:me/walker", tmp_path / "other") == 2


def test_without_the_extra_the_hub_is_explained(
    monkeypatch, trained: Path, tmp_path: Path, capsys
) -> None:
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    assert pull("hub:me/walker", tmp_path / "out") == 2
    assert "telos[hub]" in capsys.readouterr().err
    assert pull("hub:walker", tmp_path / "out") == 2
    assert "expected hub:owner/name" in capsys.readouterr().err


def test_a_run_on_pretrained_weights_says_that_it_needs_them(
    tmp_path: Path, monkeypatch, capsys
) -> None:
    found = Checkpoint(
        network=nn.AdaptiveAvgPool2d(1),
        patch=8,
        width=3,
        preprocessing=Preprocessing(
            size=(16, 16), scale=1.0, mean=(0.0,) * 3, std=(1.0,) * 3
        ),
    )
    monkeypatch.setattr(reduction, "load_pretrained", lambda *_: found)
    monkeypatch.setattr(found.network, "forward", lambda x: x.flatten(2)[..., :4].mT)
    config = seeing()
    backbone = BackboneConfig(kind="frozen", weights="a/dino", weights_digest="f" * 64)
    config = replace(config, model=replace(config.model, backbone=backbone))
    run = write_run(tmp_path / "run", config, seen_walks(12))
    parcel = tmp_path / "parcel"
    assert main(["push", str(run), str(parcel), "--licence", "mit"]) == 0
    assert "does not contain the pretrained weights a/dino" in capsys.readouterr().out
    assert (
        "`TELOS_PRETRAINED`. Others are refused" in (parcel / "README.md").read_text()
    )
    assert pull(parcel, tmp_path / "pulled") == 0
    assert "needs the pretrained weights a/dino" in capsys.readouterr().out


def test_a_decoder_travels_with_its_run(trained: Path, tmp_path: Path) -> None:
    run = Run.open(shutil.copytree(trained, tmp_path / "run"))
    save_decoder(run, Decoder(4, {"pixels": (8, 8, 3)}, width=8))
    assert main(["push", str(run.path), str(tmp_path / "p"), "--licence", "mit"]) == 0
    assert pull(tmp_path / "p", tmp_path / "pulled") == 0
    assert load_decoder(Run.open(tmp_path / "pulled")) is not None
