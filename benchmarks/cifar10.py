"""Linear accuracy on CIFAR-10 of what was learned without labels, with one's own data.

    python benchmarks/cifar10.py cifar-10-batches-bin
    python benchmarks/cifar10.py cifar-10-batches-bin --objective vicreg --epochs 300

Reads the binary version of the data (data_batch_1.bin to data_batch_5.bin and
test_batch.bin, a byte of label and 3,072 of colour planes for each image), learns from
the 50,000 training images by hiding blocks of them, and fits a linear classifier on
frozen features; its penalty is chosen on a tenth of the training images, and the
10,000 test images measure. The data is not fetched; cs.toronto.edu/~kriz/cifar.html
has it. What differs from published protocols stands in docs/compare.md.
"""

from __future__ import annotations

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from results_file import row, write_result
from torch.nn.functional import one_hot
from verbs import watch

from telos.data.writer import EpisodeWriter
from telos.envs.world import StreamSpec, WorldSpec
from telos.evaluation.probes import ClassProbe, Kind, read_classes
from telos.evaluation.probes.parts import Part, Parts
from telos.learning.watch_config import STEPS
from telos.learning.watched import Watched, load_watcher
from telos.types import Episode

SIDE, CLASSES = 32, 10
RECORD = 1 + 3 * SIDE * SIDE
TOGETHER = 100
"""Images in one episode of the file that `telos watch` reads."""
CHOOSE = 0.1
"""Share of the training images that the penalty is chosen on."""
AT_ONCE = 256
KINDS: tuple[Kind, ...] = ("linear", "knn", "attentive")


@dataclass(frozen=True)
class Images:
    """pixels (N, 32, 32, 3) uint8 and labels (N,)."""

    pixels: np.ndarray
    labels: np.ndarray


def main() -> None:
    """Read, learn, measure."""
    asked = arguments()
    began = time.monotonic()
    train, test = read_folder(asked.data)
    work = Path(__file__).parent / "scratch" / "cifar10"
    work.mkdir(parents=True, exist_ok=True)
    run = learned(train, work, asked)
    rows = [
        row(
            f"{asked.objective}, {asked.epochs:g} epochs, {found.kind} probe",
            found.accuracy,
            "accuracy",
            n=found.num_test,
            floor=found.guess,
        )
        for found in probes(load_watcher(run), train, test, KINDS)
    ]
    print(write_result("cifar10", time.monotonic() - began, rows))


def arguments() -> argparse.Namespace:
    """Published settings are 300 epochs, batches of 256, with ResNet-18 and views."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("--objective", default="jepa-ema")
    parser.add_argument("--epochs", type=float, default=300)
    parser.add_argument("--batch", type=int, default=256)
    parser.add_argument("--size", choices=tuple(STEPS), default="small")
    parser.add_argument("--seed", type=int, default=0)
    return parser.parse_args()


def read_folder(folder: Path) -> tuple[Images, Images]:
    """Training and test images.

    Raises:
        FileNotFoundError: If a file is missing, with where to get it.
        ValueError: If a file is not of that layout.
    """
    train = [read_batch(folder / f"data_batch_{n}.bin") for n in range(1, 6)]
    joined = Images(
        np.concatenate([part.pixels for part in train]),
        np.concatenate([part.labels for part in train]),
    )
    return joined, read_batch(folder / "test_batch.bin")


def read_batch(path: Path) -> Images:
    """The images of a file."""
    if not path.is_file():
        raise FileNotFoundError(
            f"{path} does not exist: give the folder of the binary version of CIFAR-10 "
            "(cifar-10-binary.tar.gz from cs.toronto.edu/~kriz/cifar.html, unpacked)"
        )
    raw = np.fromfile(path, np.uint8)
    if not len(raw) or len(raw) % RECORD:
        raise ValueError(
            f"{path} has {len(raw)} bytes, expected a multiple of {RECORD}: it is cut "
            "short, or not the binary version of CIFAR-10"
        )
    records = raw.reshape(-1, RECORD)
    labels = records[:, 0].astype(np.int64)
    if labels.max() >= CLASSES:
        raise ValueError(
            f"{path} has a label {labels.max()}, expected 0 to {CLASSES - 1}: "
            "CIFAR-100 has two labels for each image and is another data set"
        )
    planes = records[:, 1:].reshape(-1, 3, SIDE, SIDE)
    return Images(np.ascontiguousarray(planes.transpose(0, 2, 3, 1)), labels)


def learned(images: Images, work: Path, asked: argparse.Namespace) -> Path:
    """The run folder; a training that was interrupted goes on."""
    data = work / "train.h5"
    if not data.exists():
        write_images(data, images)
    steps = asked.epochs * len(images.labels) / asked.batch
    name = f"{asked.objective}-{asked.size}-{asked.epochs:g}-{asked.seed}"
    return watch(
        data,
        work / name,
        *("--masks", "blocks", "--length", "1", "--objective", asked.objective),
        *("--size", asked.size, "--effort", f"{steps / STEPS[asked.size]:.8f}"),
        *("--clips", str(asked.batch), "--seed", str(asked.seed)),
    )


def write_images(path: Path, images: Images) -> None:
    """An episode file: a frame is an image.

    A training of single frames takes any but the last of an episode, so that the first
    image stands there once more.
    """
    nothing = np.zeros(0, np.float32)
    spec = WorldSpec(
        id="cifar10",
        action_low=nothing,
        action_high=nothing,
        streams={"pixels": StreamSpec(shape=(SIDE, SIDE, 3), dtype="uint8")},
        labels={},
        max_steps=TOGETHER,
    )
    with EpisodeWriter(path, spec) as writer:
        for first in range(0, len(images.labels), TOGETHER):
            some = images.pixels[first : first + TOGETHER]
            writer.append(episode(np.concatenate([some, some[:1]]), first))


def episode(pixels: np.ndarray, seed: int) -> Episode:
    """Frames without actions."""
    actions = np.zeros((len(pixels) - 1, 0), np.float32)
    return Episode(observations={"pixels": pixels}, actions=actions, seed=seed)


def probes(
    watched: Watched, train: Images, test: Images, kinds: tuple[Kind, ...]
) -> list[ClassProbe]:
    """Accuracy on the test images, by every kind of probe."""
    x, y = tokens(watched, train.pixels), truth(train.labels)
    order = torch.randperm(len(y), generator=torch.Generator().manual_seed(0))
    kept = max(1, round(CHOOSE * len(y)))
    parts = Parts(
        train=Part(x=x[order[kept:]], y=y[order[kept:]]),
        choose=Part(x=x[order[:kept]], y=y[order[:kept]]),
        test=Part(x=tokens(watched, test.pixels), y=truth(test.labels)),
    )
    return [read_classes(parts, kind) for kind in kinds]


@torch.no_grad()
def tokens(watched: Watched, pixels: np.ndarray) -> torch.Tensor:
    """(N, L, D) frozen latents of patches."""
    watched.eval()
    found = []
    for first in range(0, len(pixels), AT_ONCE):
        frames = watched.watcher.reduced(pixels[first : first + AT_ONCE, None])
        found.append(watched.watcher.encoder(torch.from_numpy(frames)).float())
    return torch.cat(found)


def truth(labels: np.ndarray) -> torch.Tensor:
    """(N, 10), one of them 1."""
    return one_hot(torch.from_numpy(labels), CLASSES).float()


if __name__ == "__main__":
    main()
