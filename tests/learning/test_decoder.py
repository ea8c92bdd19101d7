"""Pictures of latents: they show what the latents hold, and change nothing else."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from tests.learning.worlds import dots, seeing, seen_walks, tiny_config, walks

from telos.agent import load_agent
from telos.data.recording import Recording
from telos.learning import training
from telos.learning.checks import check_trainable
from telos.learning.config import DecoderConfig, TrainConfig
from telos.learning.decoding import STRIP
from telos.learning.loop import Interrupted, make_optimiser, train_step
from telos.learning.pictures import (
    DecoderPhase,
    Shown,
    picture_factor,
    picture_skill,
    show,
)
from telos.runs import Run
from telos.runtime import Runtime
from telos.world_model import Decoder, load_decoder

CPU = Runtime(device="cpu", dtype="float32", threads=1, reasons=())
SMALL = DecoderConfig(steps=6, batch=32, width=16)


def places_shown(count: int, seed: int) -> Shown:
    """Latents that hold where a dot is, and nothing else."""
    images, places = dots(count, size=16, seed=seed)
    return Shown(
        latents=torch.from_numpy(places), pictures={"pixels": torch.from_numpy(images)}
    )


def taught(shown: Shown) -> Decoder:
    torch.manual_seed(0)
    decoder = Decoder(2, {"pixels": (16, 16, 3)}, width=64)
    settings = DecoderConfig(steps=250, batch=64)
    phase = DecoderPhase(decoder, shown, settings)
    optimiser = make_optimiser(phase)
    for step in range(phase.num_steps):
        train_step(phase, optimiser, step, CPU)
    return decoder


def test_new_pictures_are_much_nearer_than_the_mean_picture() -> None:
    decoder = taught(places_shown(600, seed=0))
    held_out = places_shown(200, seed=1)
    assert picture_skill(decoder, held_out) > 0.6
    drawn = decoder.pictures(held_out.latents, "pixels")
    assert drawn.dtype == np.uint8
    truth = held_out.pictures["pixels"].numpy().astype(float)
    mean = np.square(truth - truth.mean(0)).mean()
    assert np.square(truth - drawn).mean() < 0.45 * mean


def test_shuffled_latents_teach_no_more_than_the_mean_picture() -> None:
    """The control that must fail."""
    shown = places_shown(600, seed=0)
    order = torch.from_numpy(np.random.default_rng(0).permutation(600))
    decoder = taught(replace(shown, latents=shown.latents[order]))
    assert picture_skill(decoder, places_shown(200, seed=1)) < 0.1


def test_before_its_training_a_decoder_knows_at_most_the_mean_picture() -> None:
    shown = places_shown(100, seed=0)
    decoder = Decoder(2, {"pixels": (16, 16, 3)}, width=64)
    DecoderPhase(decoder, shown, SMALL)
    assert picture_skill(decoder, shown) < 0.05
    for part in decoder.parts.values():
        torch.nn.init.zeros_(part.spots.weight)
        torch.nn.init.zeros_(part.spots.bias)
    assert picture_skill(decoder, shown) == pytest.approx(0.0, abs=1e-5)


@pytest.mark.parametrize(
    ("size", "factor"),
    [((64, 64), 2), ((96, 96), 2), ((128, 64), 4), ((224, 224), 7), ((97, 101), 1)],
)
def test_pictures_are_small_enough_to_look_at(size: tuple, factor: int) -> None:
    assert picture_factor(*size) == factor


def test_sides_that_no_patch_tiles_are_cut_to_size() -> None:
    decoder = Decoder(3, {"pixels": (10, 7, 1)}, width=8)
    drawn = decoder.pictures(torch.zeros(2, 5, 3), "pixels")
    assert drawn.shape == (2, 5, 10, 7, 3)


def test_of_many_pictures_an_even_share_is_taken() -> None:
    recording = seen_walks(4)
    latents = np.arange(recording.num_frames, dtype=np.float32)[:, None]
    encoded = replace(recording, observations={"latent": latents})
    shown = show(encoded, recording, most=31 * 16 * 16 * 3)
    assert shown.latents[:, 0].tolist() == list(range(0, 124, 4))
    pixels = recording.observations["pixels"]
    assert torch.equal(shown.pictures["pixels"], torch.from_numpy(pixels[::4]))


# --- whole trainings


@pytest.fixture(scope="module")
def recording() -> Recording:
    return seen_walks()


def trained(path: Path, config: TrainConfig, recording: Recording) -> Run:
    run = Run.create(path, config)
    training.train(run, config, recording, CPU)
    return run


@pytest.fixture(scope="module")
def runs(tmp_path_factory, recording: Recording) -> tuple[Run, Run]:
    """The same training with and without a decoder."""
    folder = tmp_path_factory.mktemp("decoder")
    return (
        trained(folder / "with", seeing(decoder=SMALL), recording),
        trained(folder / "without", seeing(), recording),
    )


def test_the_model_is_the_same_with_and_without_a_decoder(runs) -> None:
    (one, _), (other, _) = (run.load_model() for run in runs)
    assert one.keys() == other.keys()
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_the_agent_acts_the_same_with_and_without_a_decoder(runs, recording) -> None:
    frames = {"pixels": recording.observations["pixels"][[0, 31]]}
    goal = {"pixels": recording.observations["pixels"][[20, 51]]}
    actions = []
    for run in runs:
        agent = load_agent(run.path).build(())
        agent.reset([1, 2])
        agent.set_goal(goal)
        actions.append(agent.act(frames))
    np.testing.assert_array_equal(*actions)


def test_a_decoder_is_stored_beside_the_model(runs) -> None:
    run, without = runs
    decoder = load_decoder(run)
    assert decoder is not None
    assert load_decoder(without) is None
    drawn = decoder.pictures(torch.randn(1, 3, 4), "pixels")
    assert drawn.shape == (1, 3, 16, 16, 3)
    page = np.asarray(Image.open(run.path / STRIP))
    assert page.shape[-1] == 3
    assert page.shape[0] > 4 * 2 * 96
    phases = [line["phase"] for line in run.metrics()]
    usual = [name for name in training.ORDER if name != "completion"]
    assert list(dict.fromkeys(phases)) == [*usual, "decoder"]


def test_a_decoder_of_another_model_is_refused(runs, tmp_path: Path) -> None:
    run, without = runs
    copy = Path(shutil.copytree(without.path, tmp_path / "copy"))
    shutil.copy(run.path / "decoder.safetensors", copy)
    with pytest.raises(ValueError, match="of another model than the one beside it"):
        load_decoder(Run.open(copy))


class StopAfter:
    """An interrupt that asks for a stop after so many steps of all phases."""

    def __init__(self, steps: int) -> None:
        self.left = steps

    def __enter__(self) -> StopAfter:
        return self

    def __exit__(self, *_: object) -> None: ...

    @property
    def requested(self) -> bool:
        self.left -= 1
        return self.left < 0


@pytest.mark.parametrize("steps", [21, 27])
def test_interrupted_and_resumed_is_uninterrupted(
    steps: int, runs, recording, tmp_path: Path, monkeypatch
) -> None:
    config = seeing(decoder=SMALL)
    run = Run.create(tmp_path / "run", config)
    with monkeypatch.context() as patch:
        patch.setattr(training, "Interrupt", lambda: StopAfter(steps))
        with pytest.raises(Interrupted):
            training.train(run, config, recording, CPU)
    training.train(Run.open(run.path), config, recording, CPU, resume=True)
    decoder, whole = load_decoder(run), load_decoder(runs[0])
    assert decoder is not None
    assert whole is not None
    for name, tensor in whole.state_dict().items():
        assert torch.equal(decoder.state_dict()[name], tensor)


def test_without_images_there_is_nothing_to_show() -> None:
    config, recording = tiny_config(decoder=SMALL), walks(12)
    with pytest.raises(ValueError, match="shows images, and the model sees none"):
        check_trainable(config, recording.spec, recording.lengths)
