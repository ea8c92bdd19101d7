"""Watcher: causal, of exact memory, with and without actions."""

from __future__ import annotations

import pytest
import torch
from tests.learning.squares import SIZE, tiny_watcher

from telos.world_model.watcher import Watcher
from telos.world_model.watcher_config import CausalConfig, sized_watcher


def moved_watcher(action_dim: int = 0, memory: int = 8) -> Watcher:
    """One whose output no longer is zero, as it is at the start."""
    torch.manual_seed(0)
    predictor = CausalConfig(width=32, depth=2, memory=memory)
    watcher = Watcher(tiny_watcher(action_dim=action_dim, predictor=predictor))
    torch.nn.init.normal_(watcher.predictor.out.weight, std=0.3)
    return watcher.eval()


def latents(length: int = 8, rows: int = 3) -> torch.Tensor:
    return torch.randn(rows, length, 16, generator=torch.Generator().manual_seed(1))


def test_at_first_nothing_is_predicted_to_change() -> None:
    watcher = Watcher(tiny_watcher()).eval()
    z = latents()
    torch.testing.assert_close(watcher.predict(z), z)


def test_the_future_has_no_influence_and_the_past_has() -> None:
    watcher, z = moved_watcher(), latents()
    base = watcher.predict(z)
    for frame in range(8):
        other = z.clone()
        other[:, frame] += 1.0
        changed = (watcher.predict(other) - base).abs().amax(dim=(0, 2))
        assert (changed[:frame] == 0).all()
        assert (changed[frame:] > 1e-4).all()


@pytest.mark.parametrize("memory", [1, 2, 3, 7])
def test_frames_before_the_memory_have_no_influence_at_all(memory: int) -> None:
    watcher, z = moved_watcher(), latents()
    base = watcher.predict(z, memory=memory)
    for frame in range(8):
        other = z.clone()
        other[:, frame] += 1.0
        changed = (watcher.predict(other, memory=memory) - base).abs().amax(dim=(0, 2))
        reached = torch.zeros(8, dtype=torch.bool)
        reached[frame : frame + memory] = True
        assert (changed[~reached] == 0).all()
        assert (changed[reached] > 1e-4).all()


@pytest.mark.parametrize("memory", [1, 3, 5])
def test_a_short_memory_is_a_clip_that_begins_later(memory: int) -> None:
    watcher, z = moved_watcher(), latents()
    found = watcher.predict(z, memory=memory)
    for t in range(8):
        cut = z[:, max(0, t + 1 - memory) : t + 1]
        torch.testing.assert_close(found[:, t], watcher.predict(cut)[:, -1])


def test_a_clip_longer_than_the_memory_of_the_predictor_is_no_problem() -> None:
    watcher = moved_watcher(memory=4)
    z = latents(length=11)
    assert watcher.predict(z).shape == z.shape
    torch.testing.assert_close(watcher.predict(z), watcher.predict(z, memory=99))
    torch.testing.assert_close(watcher.predict(z), watcher.predict(z, memory=4))


def test_gradients_reach_only_what_is_remembered() -> None:
    watcher = moved_watcher(memory=3)
    z = latents(length=9).requires_grad_()
    watcher.predict(z)[:, 6].sum().backward()
    touched = z.grad.abs().amax(dim=(0, 2)) > 0
    assert touched.tolist() == [t in (4, 5, 6) for t in range(9)]


def test_actions_are_told_by_the_same_class() -> None:
    watcher, z = moved_watcher(action_dim=2), latents()
    actions = torch.zeros(3, 8, 2)
    base = watcher.predict(z, actions)
    told = actions.clone()
    told[:, 5] = 1.0
    changed = (watcher.predict(z, told) - base).abs().amax(dim=(0, 2))
    assert (changed[:5] == 0).all()
    assert (changed[5:] > 1e-5).all()
    short = (watcher.predict(z, told, 2) - watcher.predict(z, actions, 2)).abs()
    assert (short.amax(dim=(0, 2)) > 0).tolist() == [t in (5, 6) for t in range(8)]


def test_actions_that_do_not_suit_are_refused() -> None:
    z = latents()
    with pytest.raises(ValueError, match="told actions of 2 numbers, given are none"):
        moved_watcher(action_dim=2).predict(z)
    with pytest.raises(ValueError, match="told actions of 0 numbers, given are 2"):
        moved_watcher().predict(z, torch.zeros(3, 8, 2))


def test_hidden_frames_are_imagined() -> None:
    watcher, z = moved_watcher(), latents()
    nothing = torch.zeros(3, 8, dtype=torch.bool)
    torch.testing.assert_close(watcher.imagine(z, nothing), watcher.predict(z))
    hidden = nothing.clone()
    hidden[:, 3:5] = True
    found, own = watcher.imagine(z, hidden), z.clone()
    for t in range(7):
        after = watcher.predict(own[:, : t + 1])[:, -1]
        torch.testing.assert_close(found[:, t], after)
        if t + 1 in (3, 4):
            own[:, t + 1] = after
    other = z.clone()
    other[:, 3:5] += 5.0
    torch.testing.assert_close(watcher.imagine(other, hidden), found)
    assert not torch.equal(watcher.predict(other), watcher.predict(z))


def test_what_cannot_be_is_refused() -> None:
    watcher, z = moved_watcher(), latents()
    with pytest.raises(ValueError, match="memory is 0 frames, expected at least 1"):
        watcher.predict(z, memory=0)
    with pytest.raises(ValueError, match="first frame of a clip cannot be hidden"):
        watcher.imagine(z, torch.ones(3, 8, dtype=torch.bool))
    with pytest.raises(ValueError, match=r"frames are \(8, 8, 3\).*built for"):
        watcher.encode(torch.zeros(1, 2, 8, 8, 3, dtype=torch.uint8))
    with pytest.raises(ValueError, match="predictor.width is 30.*multiple of 4"):
        Watcher(tiny_watcher(predictor=CausalConfig(width=30)))
    with pytest.raises(ValueError, match="predictor.depth is 0"):
        Watcher(tiny_watcher(predictor=CausalConfig(depth=0)))
    with pytest.raises(ValueError, match="size 'huge' is unknown"):
        sized_watcher("huge")


@pytest.mark.parametrize("kind", ["patch-conv", "conv", "keypoints", "vit"])
def test_frames_are_encoded_each_for_itself(kind: str) -> None:
    config = sized_watcher("tiny", kind, (2 * SIZE, 2 * SIZE, 3))
    watcher = Watcher(config).eval()
    frames = torch.randint(0, 256, (2, 5, 32, 32, 3), dtype=torch.uint8)
    whole = watcher.encode(frames)
    assert whole.shape == (2, 5, 64)
    torch.testing.assert_close(
        whole[:, 3:4], watcher.encode(frames[:, 3:4]), rtol=1e-3, atol=1e-5
    )


def test_larger_frames_are_averaged_first() -> None:
    config = sized_watcher("tiny", shape=(64, 64, 3))
    watcher = Watcher(config)
    assert config.seen_shape == (32, 32, 3)
    stored = torch.randint(0, 256, (2, 3, 64, 64, 3), dtype=torch.uint8).numpy()
    assert watcher.reduced(stored).shape == (2, 3, 32, 32, 3)


def test_training_standardises_and_calibration_keeps_it() -> None:
    watcher = Watcher(tiny_watcher()).train()
    frames = torch.randint(0, 256, (8, 6, SIZE, SIZE, 3), dtype=torch.uint8)
    z = watcher.encode(frames).flatten(0, 1)
    torch.testing.assert_close(z.mean(0), torch.zeros(16), atol=1e-4, rtol=0)
    torch.testing.assert_close(z.std(0), torch.ones(16), atol=0.02, rtol=0)
    watcher.eval()
    assert watcher.encode(frames).std() < 0.5  # untrained statistics
    features = watcher.encoder.features(frames).flatten(0, 1)
    watcher.encoder.standardise_by(features)
    torch.testing.assert_close(
        watcher.encode(frames).flatten(0, 1).std(0), torch.ones(16), atol=0.02, rtol=0
    )
