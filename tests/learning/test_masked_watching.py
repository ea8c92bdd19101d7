"""Masked prediction learns, is stored, resumed and surprised, on images and clips."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from tests.learning.squares import (
    FRAMES,
    square_clips,
    squares,
    tiny_masked,
    tiny_watch,
)
from tests.learning.test_watching import CPU, StopAfter, trained

from telos.learning import watch as watching
from telos.learning.loop import Interrupted
from telos.learning.masked_watched import MaskedWatched
from telos.learning.objectives import OBJECTIVES, objective_config
from telos.learning.watch import watch
from telos.learning.watch_config import WatchConfig, check_watchable, fitted_watch
from telos.learning.watched import load_watcher, untrained_watched
from telos.perception.masking import MaskConfig
from telos.runs import Run

PATCHES = [kind for kind in OBJECTIVES if kind not in ("pixels", "discrete")]


def masked(
    steps: int = 3, objective: str = "jepa-ema", kind: str = "tubes", **changes: object
) -> WatchConfig:
    small = {"whitening": {"sub_batch": 32}, "dino": {"prototypes": 16}}
    chosen = objective_config(objective, **small.get(objective, {}))
    model = tiny_masked(kind, **changes)
    return tiny_watch(steps, chosen, model=model, length=model.frames)


@pytest.mark.parametrize("objective", PATCHES)
def test_every_objective_of_latents_fills_in_patches(
    objective: str, tmp_path: Path
) -> None:
    run, verdict = trained(tmp_path / "run", masked(objective=objective))
    assert np.isfinite(verdict.evidence["prediction_skill"])
    found = load_watcher(run).trace(square_clips(4))
    assert np.isnan(found[:, :2]).all()  # a patch lasts two frames
    assert np.isfinite(found[:, 2:]).all()
    np.testing.assert_array_equal(found[:, 2::2], found[:, 3::2])
    assert isinstance(load_watcher(run), MaskedWatched)


@pytest.mark.parametrize("kind", ["blocks", "tubes", "random", "future"])
def test_every_mask_trains(kind: str, tmp_path: Path) -> None:
    trained(tmp_path / "run", masked(kind=kind))


@pytest.mark.parametrize("kind", ["blocks", "random"])
def test_images_are_clips_of_one_frame(kind: str, tmp_path: Path) -> None:
    run, _ = trained(tmp_path / "run", masked(kind=kind, frames=1))
    assert load_watcher(run).watcher.config.frames == 1
    with pytest.raises(ValueError, match="clips of more than one patch in time"):
        load_watcher(run).trace(square_clips(2))


def test_hidden_patches_are_learned(tmp_path: Path) -> None:
    _, before = trained(tmp_path / "before", masked(1, "vicreg"))
    _, after = trained(tmp_path / "after", masked(150, "vicreg"), 150)
    skill = [verdict.evidence["prediction_skill"] for verdict in (before, after)]
    assert skill[0] < 0.05
    assert skill[1] > skill[0] + 0.1
    assert after.evidence["effective_rank"] > 8


def test_resumed_is_uninterrupted_to_the_bit(tmp_path: Path, monkeypatch) -> None:
    config = masked(6)
    whole, _ = trained(tmp_path / "whole", config)
    run = Run.create(tmp_path / "parts", config)
    with monkeypatch.context() as patch:
        patch.setattr(watching, "Interrupt", lambda: StopAfter(3))
        with pytest.raises(Interrupted):
            watch(run, config, squares(40), CPU)
    watch(run, config, squares(40), CPU, resume=True)
    (found, _), (expected, _) = run.load_model(), whole.load_model()
    assert all(torch.equal(found[name], expected[name]) for name in expected)


@pytest.mark.parametrize("objective", ["jepa-ema", "vicreg", "masked-pixels"])
def test_what_lies_before_the_memory_and_after_surprises_nobody(
    objective: str,
) -> None:
    torch.manual_seed(0)
    watched = untrained_watched(tiny_masked(), objective_config(objective)).eval()
    torch.nn.init.normal_(watched.watcher.predictor.position)
    clips = square_clips(3)
    base, other = watched.trace(clips, memory=4), clips.copy()
    other[:, 2:4] = 255 - other[:, 2:4]
    changed = (watched.trace(other, memory=4) != base)[:, 2:].any(axis=0)
    # The patch of frames 2 and 3 itself, and the next two.
    assert changed.tolist() == [t < 8 for t in range(2, FRAMES)]


def test_masks_of_a_step_are_its_own() -> None:
    watched = untrained_watched(tiny_masked(), objective_config("jepa-ema"))
    assert isinstance(watched, MaskedWatched)
    one, same, other = (watched._masks(4, (0, step)) for step in (1, 1, 2))
    assert all(torch.equal(a, b) for a, b in zip(one, same, strict=True))
    assert one[0].shape != other[0].shape or not torch.equal(one[0], other[0])


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"memory": 1}, "memory is 1 frame.s., expected at least the 2"),
        ({"hidden": np.zeros((2, FRAMES), bool)}, "rolls nothing out"),
        ({"actions": np.zeros((2, FRAMES - 1, 2))}, "told no actions"),
    ],
)
def test_what_it_cannot_be_asked_is_refused(given: dict, words: str) -> None:
    watched = untrained_watched(tiny_masked(), objective_config("jepa-ema"))
    with pytest.raises(ValueError, match=words):
        watched.trace(square_clips(2), **given)


def test_what_could_not_be_trained_is_refused() -> None:
    lengths = np.full(10, FRAMES)
    check_watchable(masked(), lengths)
    with pytest.raises(ValueError, match="pixels draws whole frames"):
        check_watchable(masked(objective="pixels"), lengths)
    everything = MaskConfig(kind="tubes", target_share=(1.0, 1.0))
    with pytest.raises(ValueError, match="leave fewer than 4 patches to see"):
        check_watchable(masked(masks=everything), lengths)
    with pytest.raises(ValueError, match="masks say what is seen"):
        fitted_watch(masked(), memory=3)
    with pytest.raises(ValueError, match="needs episodes of 12 frames"):
        check_watchable(masked(frames=12), lengths)
    odd = replace(masked(), length=8)
    with pytest.raises(ValueError, match="clips of 8 frames.*built for 10"):
        check_watchable(odd, lengths)
