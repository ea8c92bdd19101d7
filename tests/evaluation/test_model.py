"""Measures of a model on recorded episodes: what it sees, and what it never sees."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.evaluation.test_actors import CentroidModel

from telos.data.recording import Recording
from telos.envs.two_rooms.world import TwoRooms
from telos.evaluation.labelled import split_labels, with_labels
from telos.evaluation.model import encode_frames, measure_model
from telos.evaluation.open_loop import LabelReadOut
from telos.types import Episode

READOUT = LabelReadOut(read=lambda z: z, label="position", unit="px")


class BlindModel(CentroidModel):
    """Sees nothing but noise."""

    def encode(self, observation):
        shape = super().encode(observation).shape
        return torch.randn(shape, generator=torch.Generator().manual_seed(0))


def record(episodes=12, steps=20) -> Recording:
    """Random walks in two rooms, all episodes side by side."""
    world = TwoRooms(episodes, split="train")
    policy, seeds = world.behaviour("wander"), range(episodes)
    policy.reset(seeds)
    shown, actions = [world.reset(seeds)], []
    for _ in range(steps):
        actions.append(policy.act(shown[-1].observations, shown[-1].labels))
        shown.append(world.step(actions[-1]))
    rows = [
        Episode(
            observations={
                "pixels": np.stack([s.observations["pixels"][i] for s in shown])
            },
            actions=np.stack([a[i] for a in actions]),
            labels={
                name: np.stack([s.labels[name][i] for s in shown])
                for name in shown[0].labels
            },
            seed=i,
        )
        for i in seeds
    ]
    return Recording.from_episodes(rows, world.spec)


def test_a_model_that_sees_the_dot_knows_its_place_and_not_the_door():
    measures = measure_model(
        CentroidModel(), record(), READOUT, control=BlindModel(), horizons=(1, 4)
    )
    position = measures.probes["position"]
    assert position.linear.r2 > 0.99
    assert position.linear.unit == "px"
    assert position.untrained_linear is not None
    assert position.untrained_linear.r2 < 0.05
    assert measures.probes["door"].mlp.r2 < 0.5
    loop = measures.open_loop
    assert max(loop["ratio"]) < 0.6  # free flight, wrong only at walls
    assert loop["readout_persistence"][1] > loop["readout_persistence"][0] > 0.3


def test_frames_come_with_their_own_labels():
    latents, labels, episodes = encode_frames(
        CentroidModel(), record(), ["position"], frames=256
    )
    assert latents.shape == (256, 2)
    assert episodes.shape == (256,)
    assert (latents - labels["position"]).norm(dim=-1).median() < 0.5


def test_labels_travel_beside_what_the_model_sees():
    recording = with_labels(record(2, 3), ["wall"])
    assert recording.observations["label/wall"].shape == (8, 1)
    streams = {k: torch.zeros(1) for k in recording.observations}
    seen, labels = split_labels(streams)
    assert set(seen) == {"pixels"}
    assert set(labels) == {"wall"}
    with pytest.raises(ValueError, match="no label 'angle'"):
        with_labels(record(2, 3), ["angle"])
