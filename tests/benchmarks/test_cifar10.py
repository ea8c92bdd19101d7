"""CIFAR-10's binary layout, read from a small folder that is made here."""

from __future__ import annotations

import importlib
from pathlib import Path

import numpy as np
import pytest

from telos.data.store import EpisodeFile
from telos.learning.objectives import objective_config
from telos.learning.watched import untrained_watched
from telos.perception.masking import mask_preset
from telos.world_model.masked_watcher import MaskedWatcherConfig

FILES = [*(f"data_batch_{n}.bin" for n in range(1, 6)), "test_batch.bin"]


@pytest.fixture
def cifar(monkeypatch):
    monkeypatch.syspath_prepend(str(Path(__file__).parents[2] / "benchmarks"))
    return importlib.import_module("cifar10")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Half of the images are red and of class 3, the others blue and of class 7."""
    rng = np.random.default_rng(0)
    for name in FILES:
        red = np.arange(20) % 2
        planes = rng.integers(0, 40, (20, 3, 32, 32), np.uint8)
        planes[red == 1, 0] += 200
        planes[red == 0, 2] += 200
        labels = np.where(red, 3, 7).astype(np.uint8)
        records = np.concatenate([labels[:, None], planes.reshape(20, -1)], axis=1)
        records.tofile(tmp_path / name)
    return tmp_path


def test_labels_and_colours_are_read_in_their_places(cifar, folder: Path) -> None:
    train, test = cifar.read_folder(folder)
    assert train.pixels.shape == (100, 32, 32, 3)
    assert test.pixels.shape == (20, 32, 32, 3)
    assert set(train.labels) == {3, 7}
    red, blue = train.pixels[train.labels == 3], train.pixels[train.labels == 7]
    assert red[..., 0].min() >= 200 > red[..., 2].max()
    assert blue[..., 2].min() >= 200 > blue[..., 0].max()
    raw = np.fromfile(folder / FILES[0], np.uint8)
    assert train.pixels[0, 0, 5, 1] == raw[1 + 1024 + 5]  # row 0, column 5, green
    assert train.pixels[0, 2, 0, 0] == raw[1 + 64]


def test_every_image_is_once_the_first_frame_of_a_window(
    cifar, folder: Path, tmp_path: Path
) -> None:
    train, _ = cifar.read_folder(folder)
    path = tmp_path / "images.h5"
    cifar.write_images(path, train)
    recording = EpisodeFile(path).load()
    assert recording.num_transitions == len(train.labels)
    first = np.asarray(recording.observations["pixels"])[:-1]
    assert (first == train.pixels).all()


def test_a_linear_probe_tells_two_colours_apart(cifar, folder: Path) -> None:
    train, test = cifar.read_folder(folder)
    model = MaskedWatcherConfig(
        masks=mask_preset("blocks"), frames=1, patch=8, tubelet=1, dim=8, width=16
    )
    watched = untrained_watched(model, objective_config("jepa-ema"))
    watched.watcher.encoder.standardise_by(
        cifar.tokens(watched, train.pixels).flatten(0, 1)
    )
    (found,) = cifar.probes(watched, train, test, ("linear",))
    assert (found.num_test, found.classes) == (20, 10)
    assert found.accuracy > 0.9
    assert found.guess == pytest.approx(0.5, abs=0.1)


@pytest.mark.parametrize(
    ("content", "error", "words"),
    [
        (None, FileNotFoundError, "binary version of CIFAR-10"),
        (np.zeros(3074, np.uint8), ValueError, "multiple of 3073"),
        (np.zeros(0, np.uint8), ValueError, "multiple of 3073"),
        (np.full(3073, 99, np.uint8), ValueError, "CIFAR-100"),
    ],
)
def test_what_is_missing_or_damaged_is_refused(
    content, error, words, cifar, folder: Path
) -> None:
    if content is None:
        (folder / FILES[2]).unlink()
    else:
        content.tofile(folder / FILES[2])
    with pytest.raises(error, match=words):
        cifar.read_folder(folder)
