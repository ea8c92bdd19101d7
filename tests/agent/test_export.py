"""Exported programs say what the model says, and need torch alone."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.learning.worlds import (
    dots,
    labelled,
    tiny_config,
    tiny_model,
    walk_episode,
    walks,
    write_run,
)

from telos.agent import export as exporting
from telos.agent import load_agent
from telos.agent.export import export_model
from telos.cli.main import main
from telos.perception import BackboneConfig
from telos.perception.transforms import downsample
from telos.world_model import JEPA, PredictorConfig, fitted
from telos.world_model.exporting import Encode, Rollout, averaged


@pytest.fixture(scope="module")
def trained(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("export") / "run"
    return write_run(path, tiny_config(), labelled(walks(12)))


@pytest.fixture(scope="module")
def exported(trained: Path) -> Path:
    out = trained.parent / "exported"
    assert (
        main(["export-model", str(trained), "--out", str(out), "--horizon", "4"]) == 0
    )
    return out


USER = """
import json, sys
import torch

folder, inputs = sys.argv[1:]
assert "telos" not in sys.modules
manifest = json.load(open(folder + "/manifest.json"))
load = lambda name: torch.export.load(
    folder + "/" + manifest["programs"][name]["file"]).module()
data = json.load(open(inputs))
latent = load("encode")(torch.tensor(data["state"])[:, None])
path = load("rollout")(latent, torch.tensor(data["actions"]))
step = load("predict")(latent, torch.tensor(data["actions"])[:, 0])
steps = load("critic")(latent, path[:, -1].contiguous())
place = load("readout-position")(path[:, -1].contiguous())
assert "telos" not in sys.modules
print(json.dumps([x.tolist() for x in (path, step, steps, place)]))
"""


def test_programs_say_what_the_model_says_without_telos(
    trained: Path, exported: Path, tmp_path: Path
) -> None:
    # Recorded inputs, of a batch size that nothing was traced with.
    episodes = [walk_episode(seed) for seed in range(7)]
    state = np.stack([e.observations["state"][3] for e in episodes])
    actions = np.stack([e.actions[3:7] for e in episodes])
    inputs = tmp_path / "inputs.json"
    told = {"state": state.tolist(), "actions": actions.tolist()}
    inputs.write_text(json.dumps(told))
    done = subprocess.run(
        [sys.executable, "-c", USER, str(exported), str(inputs)],
        capture_output=True,
        text=True,
        env={"PATH": "/usr/bin", "OMP_NUM_THREADS": "1"},
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])

    parts = load_agent(trained)
    latent = parts.model.encode({"state": torch.from_numpy(state)[:, None]})
    unit = parts.model.action_scale.to_unit(torch.from_numpy(actions))
    path = parts.model.rollout(latent, unit[:, None]).states[:, 0, 0]
    wish = parts.be_at(path[:, -1])
    critic = wish.objective.critic
    expected = (
        path,
        path[:, 1],
        critic(latent[:, -1], path[:, -1, : critic.state_dim]),
        parts.readouts["position"](path[:, -1]),
    )
    for one, other in zip(found, expected, strict=True):
        torch.testing.assert_close(torch.tensor(one), other, atol=1e-4, rtol=1e-4)


def test_the_manifest_says_what_goes_in_and_out(exported: Path) -> None:
    manifest = json.loads((exported / "manifest.json").read_text())
    programs = manifest["programs"]
    assert set(programs) == {
        "encode",
        "predict",
        "rollout",
        "critic",
        "readout-position",
    }
    assert programs["rollout"]["inputs"] == [
        {"name": "latent", "shape": ["batch", 4], "dtype": "float32"},
        {"name": "actions", "shape": ["batch", 4, 2], "dtype": "float32"},
    ]
    assert programs["readout-position"]["unit"] == "px"
    assert manifest["actions"]["low"] == [-1, -1]
    assert all(p["largest_relative_error"] < 1e-4 for p in programs.values())
    assert all((exported / p["file"]).is_file() for p in programs.values())


def test_what_differs_from_the_model_is_not_written(
    trained: Path, tmp_path: Path, monkeypatch
) -> None:
    monkeypatch.setattr(exporting, "_largest_error", lambda *_: 0.01)
    with pytest.raises(ValueError, match="differs from the model by 0.01"):
        export_model(load_agent(trained), tmp_path)
    monkeypatch.setattr(exporting, "_largest_error", lambda *_: float("nan"))
    with pytest.raises(ValueError, match="differs"):
        export_model(load_agent(trained), tmp_path)
    command = ["export-model", str(trained), "--out", str(tmp_path / "out")]
    assert main(command) == 2
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("factor", [1, 2, 4])
def test_images_are_averaged_as_in_training(factor: int) -> None:
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (2, 3, 8, 12, 3), dtype=np.uint8)
    found = averaged(torch.from_numpy(pixels), factor).numpy()
    np.testing.assert_array_equal(found, downsample(pixels, factor))


@pytest.mark.parametrize("kind", ["residual", "recurrent", "transformer"])
def test_every_predictor_can_be_exported(kind: str) -> None:
    config = tiny_model(predictor=PredictorConfig(kind=kind, width=16, depth=1))
    model = JEPA(config, _scale(2)).eval().requires_grad_(False)
    rollout = Rollout(model).eval()
    batch = torch.export.Dim("batch")
    program = torch.export.export(
        rollout,
        (torch.randn(3, 4), torch.randn(3, 3, 2)),
        dynamic_shapes=({0: batch}, {0: batch}),
    )
    latent, actions = torch.randn(5, 4), torch.randn(5, 3, 2)
    expected = model.rollout(latent[:, None], actions[:, None]).states[:, 0, 0]
    found = program.module()(latent, actions)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-4)


def test_a_model_of_tokens_can_be_exported() -> None:
    config = fitted(
        tiny_model(
            token_dim=3,
            backbone=BackboneConfig(kind="vit-tokens", channels=8, patch=8),
            predictor=PredictorConfig(kind="tokens", width=8, depth=1),
        ),
        {"pixels": (32, 32, 3)},
        2,
    )
    torch.manual_seed(0)
    model = JEPA(config, _scale(2)).eval().requires_grad_(False)
    for weight in model.predictor.parameters():
        weight.add_(0.2 * torch.randn(weight.shape))  # away from predicting no change
    batch = torch.export.Dim("batch")
    frames, actions = torch.from_numpy(dots(5)[0])[:, None], torch.rand(5, 3, 2)
    latent = model.encode({"pixels": frames})
    encode = torch.export.export(
        Encode(model).eval(), (frames[:3],), dynamic_shapes=(({0: batch},),)
    )
    close = {"atol": 1e-5, "rtol": 1e-4}
    torch.testing.assert_close(encode.module()(frames), latent[:, -1], **close)
    rollout = torch.export.export(
        Rollout(model).eval(),
        (latent[:3, -1], actions[:3]),
        dynamic_shapes=({0: batch}, {0: batch}),
    )
    expected = model.rollout(latent, actions[:, None]).states[:, 0, 0]
    found = rollout.module()(latent[:, -1], actions)
    torch.testing.assert_close(found, expected, **close)
    assert (expected[:, -1] - expected[:, 0]).abs().max() > 1e-3


def test_frames_are_encoded_with_their_history() -> None:
    config = replace(
        tiny_model(streams={"pixels": (32, 32, 3)}, history=2),
    )
    model = JEPA(config, _scale(2)).eval().requires_grad_(False)
    frames = torch.from_numpy(dots(4)[0]).unflatten(0, (2, 2))
    expected = model.encode({"pixels": frames})[:, -1]
    torch.testing.assert_close(Encode(model)(frames), expected)


def _scale(numbers: int):
    from telos.data import ActionScale

    return ActionScale(np.full(numbers, -1.0), np.full(numbers, 1.0))
