"""Predictions of several frames ahead: causal, of exact memory, drawn evenly."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from tests.learning.squares import FRAMES, square_clips, tiny_watch, tiny_watcher

from telos.learning.causal_watched import _all, _drawn
from telos.learning.objectives import objective_config
from telos.learning.taught import Watched, calibrate
from telos.learning.watch_config import fitted_watch
from telos.learning.watched import untrained_watched
from telos.types import Window
from telos.world_model.watcher import Watcher
from telos.world_model.watcher_config import CausalConfig

AHEAD = 4
FORESEEING = CausalConfig(width=32, depth=2, ahead=AHEAD)


@pytest.fixture(scope="module")
def watched() -> Watched:
    """Untrained, with statistics, and with an output that is not zero."""
    found = untrained_watched(
        tiny_watcher(predictor=FORESEEING), objective_config("vicreg"), seed=1
    )
    torch.nn.init.normal_(found.watcher.predictor.out.weight, std=0.3)
    calibrate(found.watcher.encoder, [torch.from_numpy(square_clips(40))])
    return found.eval()


def test_the_next_frame_is_the_first_that_is_foreseen(watched) -> None:
    z = torch.randn(2, 6, 16)
    every = watched.watcher.foresee(z)
    assert every.shape == (2, 6, AHEAD, 16)
    torch.testing.assert_close(watched.watcher.predict(z), every[:, :, 0])
    assert (every[:, :, 1] != every[:, :, 0]).any()


def test_no_prediction_looks_at_what_comes(watched) -> None:
    z = torch.randn(2, 6, 16)
    other = z.clone()
    other[:, 3] += 1.0
    changed = watched.watcher.foresee(other) - watched.watcher.foresee(z)
    assert (changed[:, :3] == 0).all()
    assert (changed[:, 3:].abs().amax(dim=(0, 3)) > 1e-4).all()


@torch.no_grad()
def test_surprise_is_the_mean_over_all_who_foresaw(watched) -> None:
    clips = square_clips(3)
    z = watched.watcher.encode(torch.from_numpy(clips))
    every = watched.watcher.foresee(z)
    expected = np.full((3, FRAMES), np.nan)
    for t in range(1, FRAMES):
        errors = [
            (every[:, t - k, k - 1] - z[:, t]).square().mean(-1)
            for k in range(1, min(AHEAD, t) + 1)
        ]
        expected[:, t] = torch.stack(errors).mean(0)
    np.testing.assert_allclose(watched.trace(clips), expected, rtol=1e-5)


@pytest.mark.parametrize("memory", [1, 2, 3, 6])
def test_memory_counts_back_from_the_frame_that_is_foreseen(watched, memory) -> None:
    clips = square_clips(4)
    base, other = watched.trace(clips, memory), clips.copy()
    other[:, 2] = 255 - other[:, 2]
    changed = np.abs(watched.trace(other, memory) - base)[:, 1:].max(axis=0) > 0
    assert changed.tolist() == [2 <= t <= 2 + memory for t in range(1, FRAMES)]


def test_every_pair_that_ends_in_the_clip_is_drawn_and_no_other() -> None:
    shape = torch.Size((500, 5, 3, 16))
    clip, frame, ahead = _drawn(shape, (0, 7), torch.device("cpu"))
    assert clip.tolist() == sorted(clip.tolist())
    found = set(zip(frame.tolist(), ahead.tolist(), strict=True))
    assert found == {(t, k) for t in range(5) for k in range(3) if t + k < 5}
    counts = torch.bincount(ahead[frame == 0], minlength=3)
    assert counts.min() > 120  # of 500, a third each


def test_all_predictions_that_a_clip_answers_are_learned_from(watched) -> None:
    """Unless they are dear: then one is drawn for each frame."""
    found = watched.look(_window(torch.from_numpy(square_clips(3))), (0, 3))
    answered = sum(min(AHEAD, FRAMES - 1 - t) for t in range(FRAMES - 1))
    assert len(found.predicted) == 3 * answered
    clip, frame, ahead = _all(
        torch.Size((3, FRAMES - 1, AHEAD, 16)), torch.device("cpu")
    )
    triples = set(zip(clip.tolist(), frame.tolist(), ahead.tolist(), strict=True))
    assert len(triples) == 3 * answered
    assert max(t + 1 + k for _, t, k in triples) == FRAMES - 1
    torch.testing.assert_close(found.clips, clip)
    torch.testing.assert_close(found.target, found.latents[clip, frame + 1 + ahead])
    torch.testing.assert_close(found.still, found.latents[clip, frame])
    dear = untrained_watched(
        tiny_watcher(predictor=FORESEEING), objective_config("infonce"), seed=0
    )
    drawn = dear.look(_window(torch.from_numpy(square_clips(3))), (0, 3))
    assert len(drawn.predicted) == 3 * (FRAMES - 1)


def test_pictures_are_those_of_the_frame_that_is_foreseen() -> None:
    config = tiny_watcher(predictor=FORESEEING)
    watched = untrained_watched(config, objective_config("pixels"), seed=0)
    clips = torch.from_numpy(square_clips(3))
    found = watched.look(_window(clips), (0, 3))
    clip, frame, ahead = _drawn(
        torch.Size((3, FRAMES - 1, AHEAD, 16)), (0, 3), torch.device("cpu")
    )
    expected = clips[clip, frame + 1 + ahead].float() / 255
    assert found.pixels is not None
    torch.testing.assert_close(found.pixels, expected)


def test_who_is_told_actions_foresees_one_frame() -> None:
    config = tiny_watch()
    model = tiny_watcher(action_dim=2, predictor=FORESEEING)
    told = fitted_watch(replace(config, model=model))
    assert told.model.predictor.ahead == 1
    with pytest.raises(ValueError, match="actions in between"):
        Watcher(model)


def test_no_more_is_foreseen_than_a_clip_holds() -> None:
    config = replace(tiny_watch(), model=tiny_watcher(predictor=FORESEEING))
    assert fitted_watch(config, ahead=99).model.predictor.ahead == config.length - 1
    with pytest.raises(ValueError, match="ahead is 0 frames"):
        fitted_watch(config, ahead=0)


def _window(clips: torch.Tensor) -> Window:
    return Window(
        observations={"pixels": clips},
        actions=torch.zeros(len(clips), clips.shape[1] - 1, 0),
        episodes=torch.arange(len(clips)),
    )
