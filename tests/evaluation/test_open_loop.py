"""Open-loop error in a linear world whose prediction errors are known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from telos.data.recording import Recording
from telos.envs.world import StreamSpec, WorldSpec
from telos.evaluation.open_loop import LabelReadOut, open_loop
from telos.types import Episode, Trajectory

READOUT = LabelReadOut(read=lambda z: 10 * z, label="position", unit="px")


class LinearModel:
    """The state is the latent; a gain other than 1 is a wrong model."""

    def __init__(self, gain=1.0, history=1, frame_skip=1):
        self.gain, self.history, self.frame_skip = gain, history, frame_skip

    def encode(self, observation):
        assert set(observation) == {"state"}
        return observation["state"]

    def rollout(self, state, actions, futures=1, generator=None):
        blocks = actions.unflatten(-1, (self.frame_skip, 2)).sum(-2)
        path = state[:, -1:, :].unsqueeze(1) + self.gain * blocks.cumsum(2)
        present = state[:, None, -1:, :].expand(-1, path.shape[1], -1, -1)
        return Trajectory(
            states=torch.cat([present, path], 2)[:, :, None], actions=actions
        )


def _recording(action=(1.0, 0.0), episodes=4, steps=20):
    spec = WorldSpec(
        id="line",
        action_low=-np.ones(2, np.float32),
        action_high=np.ones(2, np.float32),
        streams={"state": StreamSpec(shape=(2,), dtype="float32")},
        labels={"position": StreamSpec(shape=(2,), dtype="float32", unit="px")},
        max_steps=steps,
    )
    actions = np.tile(np.asarray(action, np.float32), (steps, 1))
    states = np.concatenate([np.zeros((1, 2)), actions.cumsum(0)]).astype(np.float32)
    episode = Episode(
        observations={"state": states},
        actions=actions,
        labels={"position": 10 * states},
    )
    return Recording.from_episodes([episode] * episodes, spec)


@pytest.mark.parametrize("history", [1, 3])
def test_a_perfect_model_has_no_error_and_persistence_grows_as_it_must(history):
    result = open_loop(
        LinearModel(history=history), _recording(), (1, 2, 8), READOUT, windows=16
    )
    assert result["horizons"] == [1, 2, 8]
    assert result["latent"] == pytest.approx([0, 0, 0], abs=1e-9)
    assert result["persistence"] == pytest.approx([0.5, 2, 32])  # k^2 / 2 dimensions
    assert result["readout"] == pytest.approx([0, 0, 0], abs=1e-4)
    assert result["readout_persistence"] == pytest.approx([10, 20, 80])
    assert result["unit"] == "px"


def test_a_model_that_ignores_actions_is_as_good_as_persistence():
    result = open_loop(LinearModel(gain=0.0), _recording(), (1, 4), windows=8)
    assert result["ratio"] == pytest.approx([1, 1])
    assert "readout" not in result


def test_half_the_gain_leaves_a_quarter_of_the_squared_error():
    result = open_loop(LinearModel(gain=0.5), _recording(), (3,), READOUT, windows=8)
    assert result["ratio"] == pytest.approx([0.25])
    assert result["readout"] == pytest.approx([15])


def test_frame_skip_counts_model_steps():
    model = LinearModel(frame_skip=2)
    result = open_loop(model, _recording(), (1, 3), READOUT, windows=8)
    assert result["readout_persistence"] == pytest.approx([20, 60])
    assert result["latent"] == pytest.approx([0, 0], abs=1e-9)


def test_a_missing_label_and_short_episodes_are_explained():
    wrong = LabelReadOut(read=lambda z: z, label="angle", unit="rad")
    with pytest.raises(ValueError, match="no label 'angle'; it has position"):
        open_loop(LinearModel(), _recording(), (1,), wrong)
    with pytest.raises(ValueError):
        open_loop(LinearModel(), _recording(steps=4), (16,))
