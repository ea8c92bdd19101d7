"""Frozen networks: what they see, that they see it once, and that no other is taken."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from tests.learning.worlds import seeing, seen_walks
from torch import Tensor, nn

from telos.cli import main as command_line
from telos.config import load_json, save_json
from telos.data.formats.resize import resize
from telos.data.scratch import MEMORY, Scratch
from telos.learning import reading, training
from telos.learning.config import DecoderConfig, adapted
from telos.learning.loop import Interrupted
from telos.perception import BackboneConfig, pinned, reduction
from telos.perception import pretrained as weights
from telos.perception.feature_keypoints import FeatureKeypoints
from telos.perception.frozen import FrozenEncoder
from telos.perception.pretrained import (
    PLACES,
    Checkpoint,
    Preprocessing,
    load_pretrained,
    read_preprocessing,
)
from telos.runs import Run
from telos.runtime import Runtime
from telos.world_model import load_world_model
from telos.world_model.exporting import Encode

CPU = Runtime(device="cpu", dtype="float32", threads=1, reasons=())
DEVICE = torch.device("cpu")
PLAIN = Preprocessing(size=(16, 16), scale=1 / 255, mean=(0.0,) * 3, std=(1.0,) * 3)


class MeanColours(nn.Module):
    """Tokens (n, 1 + N, 3): one that is no patch, then each patch's mean colour."""

    def __init__(self, patch: int) -> None:
        super().__init__()
        self.patch, self.seen = patch, 0
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, pixels: Tensor) -> Tensor:
        self.seen += len(pixels)
        means = nn.functional.avg_pool2d(pixels, self.patch).flatten(2).mT
        return self.weight * torch.cat([torch.full_like(means[:, :1], 99), means], 1)


def mean_colours(preprocessing: Preprocessing = PLAIN, patch: int = 2) -> Checkpoint:
    return Checkpoint(
        network=MeanColours(patch), patch=patch, width=3, preprocessing=preprocessing
    )


# --- what is seen


def test_features_are_those_of_the_patches_where_they_lie() -> None:
    images = np.random.default_rng(0).integers(0, 256, (2, 3, 16, 16, 3), np.uint8)
    features = FrozenEncoder(mean_colours(), pool=2)(images, DEVICE)
    assert features.shape == (2, 3, 4, 4, 3)
    assert features.dtype == np.float16
    blocks = images.reshape(2, 3, 4, 4, 4, 4, 3).mean((3, 5)) / 255
    np.testing.assert_allclose(features, blocks, atol=1e-3)


def test_images_are_resized_and_normalised_as_the_checkpoint_says() -> None:
    wanted = Preprocessing(
        size=(8, 8), scale=1 / 255, mean=(0.5, 0.4, 0.3), std=(2,) * 3
    )
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 24, 3), np.uint8)
    seen = FrozenEncoder(mean_colours(wanted)).normalised(images)
    expected = (resize(images, (8, 8)) / 255 - np.array(wanted.mean)) / 2
    np.testing.assert_allclose(seen, expected.transpose(0, 3, 1, 2), atol=1e-6)


def test_grey_images_are_seen_in_three_colours_and_others_refused() -> None:
    encoder = FrozenEncoder(mean_colours())
    grey = encoder(np.full((1, 16, 16, 1), 51, np.uint8), DEVICE)
    np.testing.assert_allclose(grey, 0.2, atol=1e-3)
    with pytest.raises(ValueError, match="2 channels; a pretrained network sees 3"):
        encoder.shape((16, 16, 2))


def test_trained_keypoints_find_a_feature_between_the_cells() -> None:
    torch.manual_seed(0)
    places = torch.rand(400, 2) * 5 + 1
    rows, columns = torch.meshgrid(torch.arange(8), torch.arange(8), indexing="ij")
    bump = torch.exp(-0.5 * (rows - places[:, 0, None, None]) ** 2)
    bump = bump * torch.exp(-0.5 * (columns - places[:, 1, None, None]) ** 2)
    grids = torch.cat([bump[..., None], 0.1 * torch.randn(400, 8, 8, 5)], -1)
    net = FeatureKeypoints((8, 8, 6), channels=8, maps=4, width=32)
    head = nn.Linear(32, 2)
    optimiser = torch.optim.Adam([*net.parameters(), *head.parameters()], 1e-2)
    for _ in range(150):
        loss = (head(net(grids[:300])) - places[:300]).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        error = (head(net(grids[300:])) - places[300:]).abs().mean()
    assert error < 0.4  # cells are 1 apart; the middle would be off by 1.25


# --- a training sees each frame once, and keeps no weights


def frozen(place: str = "dino", digest: str = "", **changes: object) -> BackboneConfig:
    fields = {"kind": "frozen", "channels": 8, "width": 16, "downsample": 2}
    return BackboneConfig(**{**fields, "weights": place, "weights_digest": digest})


def frozen_training(**changes: object):
    config = seeing(**changes)
    return replace(config, model=replace(config.model, backbone=frozen()))


@pytest.fixture
def network(monkeypatch) -> MeanColours:
    """Weights that every place holds, without the extra."""
    checkpoint = mean_colours()
    monkeypatch.setattr(reduction, "load_pretrained", lambda *_: checkpoint)
    assert isinstance(checkpoint.network, MeanColours)
    return checkpoint.network


EXAMPLES = 4
"""Empty frames at most, from which shapes are learned."""


@pytest.mark.parametrize("place", ["memory", "scratch"])
def test_every_frame_passes_the_network_once(
    place: str, network: MeanColours, tmp_path: Path
) -> None:
    recording, config = seen_walks(), frozen_training()
    run = Run.create(tmp_path / "run", config)
    room = MEMORY if place == "memory" else Scratch(tmp_path)
    training.train(run, config, recording, CPU, room=room)
    count = recording.num_frames
    assert count <= network.seen <= count + EXAMPLES
    assert [path.name for path in tmp_path.iterdir()] == ["run"]
    tensors, description = run.load_model()
    assert not any("network" in name for name in tensors)
    model = load_world_model(tensors, description["world_model"])
    pixels = torch.from_numpy(recording.observations["pixels"][None, :5])
    assert model.encode({"pixels": pixels}).shape == (1, 5, 4)
    with pytest.raises(ValueError, match="frozen network .* not exported"):
        Encode(model)


def test_features_in_a_scratch_teach_the_same_and_anew_after_an_interruption(
    network: MeanColours, tmp_path: Path, monkeypatch
) -> None:
    recording, config = seen_walks(), frozen_training()
    whole = Run.create(tmp_path / "whole", config)
    training.train(whole, config, recording, CPU)
    run, room = Run.create(tmp_path / "run", config), Scratch(tmp_path)

    class Stop:
        requested = True

        def __enter__(self) -> Stop:
            return self

        def __exit__(self, *_: object) -> None: ...

    with monkeypatch.context() as patch:
        patch.setattr(training, "Interrupt", Stop)
        with pytest.raises(Interrupted):
            training.train(run, config, recording, CPU, room=room)
    training.train(Run.open(run.path), config, recording, CPU, room=room, resume=True)
    (one, _), (other, _) = whole.load_model(), run.load_model()
    for name in one:
        torch.testing.assert_close(one[name], other[name])


def test_features_have_to_be_kept(network: MeanColours, tmp_path: Path) -> None:
    recording, config = seen_walks(), frozen_training()
    run = Run.create(tmp_path / "run", config)
    with pytest.raises(ValueError, match="give a room"):
        training.train(run, config, recording, CPU, room=None)
    known = config.model, recording.spec, 2**20
    assert reading.seen_frame_bytes(*known[:2]) == 4 * 4 * 3 * 2  # float16
    with pytest.raises(ValueError, match="not in the file: keep it with"):
        reading.choose_reading(*known, "file", folder=tmp_path)


def test_features_that_fit_nowhere_well_go_to_the_disk(
    network: MeanColours, tmp_path: Path, monkeypatch
) -> None:
    known = frozen_training().model, seen_walks().spec, 2**20
    monkeypatch.setattr(reading, "available_memory_bytes", lambda: 0)
    free = SimpleNamespace(free=400 * 2**20)  # at least 224 MiB are needed
    monkeypatch.setattr(reading.shutil, "disk_usage", lambda path: free)
    chosen = reading.choose_reading(*known, folder=tmp_path)
    assert chosen.place == "scratch"
    assert chosen.reason.startswith("features: in a scratch file")
    free.free = 90 * 2**20
    with pytest.raises(ValueError, match="a scratch would take .* --scratch$"):
        reading.choose_reading(*known, folder=tmp_path)


def test_a_decoder_shows_the_frames_and_not_the_features(
    network: MeanColours, tmp_path: Path
) -> None:
    config = frozen_training(decoder=DecoderConfig(steps=3, batch=16, width=8))
    run = Run.create(tmp_path / "run", config)
    training.train(run, config, seen_walks(), CPU)
    assert (run.path / "imagined.png").is_file()


def test_weights_belong_to_the_frozen_backbone_alone() -> None:
    with pytest.raises(
        ValueError, match="the backbone frozen needs pretrained weights"
    ):
        BackboneConfig(kind="frozen")
    with pytest.raises(ValueError, match="and no other takes them"):
        BackboneConfig(weights="facebook/dinov2-small")


# --- checkpoints on disk


def preprocessor(folder: Path, **changes: object) -> None:
    said = {
        "crop_size": {"height": 16, "width": 16},
        "do_center_crop": True,
        "image_mean": [0.485, 0.456, 0.406],
        "image_std": [0.229, 0.224, 0.225],
        "rescale_factor": 1 / 255,
        "size": {"shortest_edge": 20},
    }
    save_json(folder / "preprocessor_config.json", {**said, **changes})


@pytest.mark.parametrize(
    ("changes", "size"),
    [
        ({}, (16, 16)),
        ({"do_center_crop": False}, (20, 20)),
        ({"crop_size": 12}, (12, 12)),
        ({"crop_size": None, "size": {"height": 8, "width": 4}}, (8, 4)),
    ],
)
def test_sizes_are_read_however_they_are_written(
    changes: dict, size: tuple, tmp_path: Path
) -> None:
    preprocessor(tmp_path, **changes)
    assert read_preprocessing(tmp_path).size == size


def test_without_normalisation_levels_stay_as_they_are(tmp_path: Path) -> None:
    preprocessor(tmp_path, do_normalize=False, do_rescale=False)
    said = read_preprocessing(tmp_path)
    assert (said.scale, said.mean, said.std) == (1.0, (0.0,) * 3, (1.0,) * 3)


@pytest.fixture
def planted(tmp_path: Path) -> Path:
    """A folder that looks like a checkpoint, for what needs no network."""
    folder = tmp_path / "weights"
    folder.mkdir()
    save_json(folder / "config.json", {"model_type": "dinov2"})
    (folder / "model.safetensors").write_bytes(b"weights")
    preprocessor(folder)
    return folder


def test_pickles_are_never_read(planted: Path) -> None:
    (planted / "model.safetensors").rename(planted / "pytorch_model.bin")
    with pytest.raises(ValueError, match="pickles .* can run code and are not read"):
        load_pretrained(str(planted))


def test_a_place_that_is_not_there_says_what_to_do(tmp_path: Path) -> None:
    with pytest.raises(
        FileNotFoundError, match="not on this machine.*name that folder"
    ):
        load_pretrained(str(tmp_path / "nowhere" / "deep" / "down"))


@pytest.mark.parametrize("name", ["config.json", "model.safetensors"])
def test_other_weights_than_those_trained_on_are_refused(
    name: str, planted: Path
) -> None:
    config = pinned(frozen(str(planted)))
    assert pinned(config) == config
    (planted / name).write_bytes((planted / name).read_bytes() + b" ")
    with pytest.raises(ValueError, match="means nothing on others"):
        load_pretrained(config.weights, config.weights_digest)


def test_weights_may_lie_elsewhere_than_the_run_says(
    planted: Path, tmp_path: Path, monkeypatch
) -> None:
    config = pinned(frozen(str(planted)))
    moved = Path(shutil.move(planted, tmp_path / "moved"))
    with pytest.raises(FileNotFoundError, match=config.weights_digest[:16]):
        weights.find_checkpoint(config.weights, config.weights_digest)
    monkeypatch.setenv(PLACES, f"{tmp_path}:{moved}")
    assert weights.find_checkpoint(config.weights, config.weights_digest) == moved


def test_a_missing_extra_is_named(planted: Path, monkeypatch) -> None:
    def missing(name: str) -> None:
        raise ModuleNotFoundError(f"No module named {name!r}", name=name)

    monkeypatch.setattr(weights, "import_module", missing)
    with pytest.raises(ModuleNotFoundError) as caught:
        load_pretrained(str(planted))
    assert "telos[pretrained]" in command_line.explain(caught.value)


# --- with the extra


@pytest.fixture(scope="module")
def dino(tmp_path_factory) -> Path:
    """A tiny DINOv2 with random weights, stored as such checkpoints are."""
    library = pytest.importorskip("transformers", reason="needs telos[pretrained]")
    torch.manual_seed(0)
    sizes = {"hidden_size": 24, "num_hidden_layers": 2, "num_attention_heads": 2}
    config = library.Dinov2Config(**sizes, image_size=16, patch_size=4)
    folder = tmp_path_factory.mktemp("hub") / "dino"
    library.Dinov2Model(config).save_pretrained(folder, safe_serialization=True)
    preprocessor(folder)
    return folder


def test_a_dino_gives_its_own_patch_tokens(dino: Path) -> None:
    library = pytest.importorskip("transformers", reason="needs telos[pretrained]")
    images = np.random.default_rng(0).integers(0, 256, (3, 16, 16, 3), np.uint8)
    checkpoint = load_pretrained(str(dino))
    assert (checkpoint.grid, checkpoint.width) == ((4, 4), 24)
    assert not any(p.requires_grad for p in checkpoint.network.parameters())
    features = FrozenEncoder(checkpoint)(images, DEVICE)
    mean, std = (np.array(v) for v in ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)))
    normal = torch.from_numpy((images / 255 - mean) / std).permute(0, 3, 1, 2).float()
    with torch.no_grad():
        own = library.AutoModel.from_pretrained(dino)(normal).last_hidden_state
    expected = own[:, 1:].unflatten(1, (4, 4)).numpy()  # the class token comes first
    np.testing.assert_allclose(features, expected, atol=5e-3)


def test_a_training_on_a_dino_pins_its_weights(dino: Path, tmp_path: Path) -> None:
    recording, config = seen_walks(), seeing()
    model = replace(config.model, backbone=frozen(str(dino)))
    config = adapted(replace(config, model=model), recording.spec)
    run = Run.create(tmp_path / "run", config)
    training.train(run, config, recording, CPU)
    tensors, description = run.load_model()
    stored = sum(t.numel() for n, t in tensors.items() if n.startswith("world_model/"))
    assert stored < 8000  # the network alone has more
    described = description["world_model"]
    assert len(described["config"]["backbone"]["weights_digest"]) == 64
    load_world_model(tensors, described)
    altered = {**described["config"]["backbone"], "weights_digest": "0" * 64}
    described = {**described, "config": {**described["config"], "backbone": altered}}
    with pytest.raises(ValueError, match="means nothing on others"):
        load_world_model(tensors, described)


def test_networks_of_another_kind_are_refused(dino: Path, tmp_path: Path) -> None:
    library = pytest.importorskip("transformers", reason="needs telos[pretrained]")
    folder = tmp_path / "text"
    config = library.BertConfig(
        hidden_size=8, num_hidden_layers=1, num_attention_heads=1, vocab_size=9
    )
    library.BertModel(config).save_pretrained(folder)
    preprocessor(folder)
    with pytest.raises(
        ValueError, match="'bert', which is no transformer over patches"
    ):
        load_pretrained(str(folder))


def test_code_beside_the_weights_is_not_run(dino: Path, tmp_path: Path) -> None:
    folder = Path(shutil.copytree(dino, tmp_path / "own"))
    described = load_json(folder / "config.json")
    own = {"AutoConfig": "trap.Config", "AutoModel": "trap.Model"}
    save_json(
        folder / "config.json", {**described, "model_type": "trap", "auto_map": own}
    )
    (folder / "trap.py").write_text("raise SystemExit('it ran')\n")
    with pytest.raises(ValueError):
        load_pretrained(str(folder))
