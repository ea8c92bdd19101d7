"""Neighbours, attention and classes: planted answers, brute force, leaks."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from telos.evaluation.probes import (
    ClipFeatures,
    fitting,
    probe,
    probe_classes,
    read_classes,
    read_labels,
    time_features,
)
from telos.evaluation.probes.fitting import neighbours
from telos.evaluation.probes.parts import Part, split

KINDS = ["linear", "mlp", "knn", "attentive"]


@pytest.fixture(autouse=True)
def short(monkeypatch) -> None:
    monkeypatch.setattr(fitting, "STEPS", 200)


def planted(clips=60, frames=4, dim=6, classes=3, seed=0):
    """Features whose first entries say the class, another one in every frame."""
    draw = torch.Generator().manual_seed(seed)
    owners = torch.arange(clips).repeat_interleave(frames)
    labels = torch.randint(0, classes, (len(owners),), generator=draw)
    x = 0.3 * torch.randn(len(owners), dim, generator=draw)
    x[:, :classes] += torch.nn.functional.one_hot(labels, classes)
    return x, labels, owners, draw


@pytest.mark.parametrize("kind", KINDS)
def test_a_planted_class_is_read_and_an_absent_one_is_not(kind) -> None:
    x, labels, owners, draw = planted()
    seen = x.unsqueeze(1) if kind == "attentive" else x
    assert probe_classes(seen, labels, owners, kind=kind).accuracy > 0.85
    blind = torch.randn(seen.shape, generator=draw)
    found = probe_classes(blind, labels, owners, kind=kind)
    assert found.accuracy == pytest.approx(1 / 3, abs=0.17)
    assert (found.classes, found.num_test) == (3, 12 * 4)


def test_guessing_is_the_most_frequent_class_of_the_training() -> None:
    _, _, owners, draw = planted()
    labels = (torch.rand(len(owners), generator=draw) < 0.2).long()
    found = probe_classes(torch.zeros(len(owners), 2), labels, owners)
    assert found.guess == pytest.approx(0.8, abs=0.12)
    assert found.accuracy == found.guess


def test_neighbours_equal_brute_force() -> None:
    rng = np.random.default_rng(0)
    x, y = rng.normal(size=(50, 3)), rng.normal(size=(50, 2))
    asked = rng.normal(size=(9, 3))
    found = neighbours(Part(x=torch.tensor(x), y=torch.tensor(y)), 4)(
        torch.tensor(asked)
    )
    for row, given in zip(asked, found.numpy(), strict=True):
        near = sorted(range(50), key=lambda i: np.sum((x[i] - row) ** 2))[:4]
        np.testing.assert_allclose(given, np.mean([y[i] for i in near], axis=0))


def test_neighbours_of_one_episode_do_not_help() -> None:
    """Frames of an episode are near each other; split by frames all would be known."""
    draw = torch.Generator().manual_seed(0)
    owners = torch.arange(40).repeat_interleave(10)
    names = torch.randn(40, 8, generator=draw)[owners]
    x = names + 0.01 * torch.randn(400, 8, generator=draw)
    labels = torch.randint(0, 4, (40,), generator=draw)[owners]
    honest = probe_classes(x, labels, owners, kind="knn").accuracy
    leaking = probe_classes(x, labels, torch.arange(400), kind="knn").accuracy
    assert leaking > 0.99
    assert honest < 0.6


def test_parts_share_no_episode_and_the_test_part_changes_no_probe() -> None:
    x, labels, owners, _ = planted()
    marked = torch.cat([x, owners[:, None].float()], dim=1)
    parts = split(marked, torch.eye(3)[labels], owners, 0)
    sets = [set(p.x[:, -1].tolist()) for p in (parts.train, parts.choose, parts.test)]
    assert not (sets[0] & sets[1] | sets[0] & sets[2] | sets[1] & sets[2])
    assert len(set.union(*sets)) == 60
    ready = parts.standardised()
    assert float(ready.train.x.mean(0).abs().max()) < 1e-5
    assert float(ready.test.x[:, -1].mean().abs()) > 1e-3


def test_attention_finds_what_one_frame_tells_and_the_mean_blurs() -> None:
    """One frame of 24 carries the class and a mark; the others say some other class."""
    draw = torch.Generator().manual_seed(1)
    clips, frames = 200, 24
    shown = torch.randint(0, 2, (clips, frames), generator=draw)
    place = torch.randint(0, frames, (clips,), generator=draw)
    rows = torch.arange(clips)
    tokens = torch.zeros(clips, frames, 2)
    tokens[..., 0] = 2.0 * shown - 1
    tokens[rows, place, 1] = 1.0
    labels = shown[rows, place]
    found = {
        kind: probe_classes(tokens, labels, rows, kind=kind).accuracy
        for kind in ("linear", "knn", "attentive")
    }
    assert found["attentive"] > 0.9
    assert found["linear"] < 0.75
    assert found["knn"] < 0.75


def test_numbers_are_read_by_neighbours_and_by_attention() -> None:
    draw = torch.Generator().manual_seed(0)
    x, owners = torch.randn(400, 2, generator=draw), torch.arange(400) // 4
    labels = x[:, :1] + x[:, 1:]
    assert probe(x, labels, owners, unit="m", kind="knn").r2 > 0.8
    seen = x.unsqueeze(1)
    assert probe(seen, labels, owners, unit="m", kind="attentive").r2 > 0.9
    with pytest.raises(ValueError, match="looks over tokens"):
        probe(x, labels, owners, unit="m", kind="attentive")
    with pytest.raises(ValueError, match="'magic' is unknown"):
        probe(x, labels, owners, unit="m", kind="magic")  # type: ignore[arg-type]


def test_one_class_is_refused() -> None:
    x, _, owners, _ = planted()
    with pytest.raises(ValueError, match="one class"):
        probe_classes(x, torch.zeros(len(x)).long(), owners)
    parts = split(x, torch.ones(len(x), 1), owners, 0)
    with pytest.raises(ValueError, match="one class"):
        read_classes(parts)


def test_labels_of_clips_are_read_by_frame_and_by_clip_beside_the_time() -> None:
    draw = torch.Generator().manual_seed(0)
    clips, frames = 40, 5
    digit = torch.randint(0, 3, (clips, 1, 1), generator=draw).expand(-1, frames, -1)
    place = torch.randn(clips, frames, 1, generator=draw)
    clock = torch.arange(frames).float().view(1, -1, 1).expand(clips, -1, -1)
    tokens = torch.cat([torch.eye(3)[digit[..., 0]], place], dim=-1).unsqueeze(2)
    episodes = torch.arange(clips)
    labels = {
        "digit": (digit.float(), ""),
        "place": (place, "m"),
        "clock": (clock, "s"),
        "nothing": (torch.zeros(clips, frames, 1), "m"),
    }
    found = {
        (r.label, r.level, r.kind): r
        for r in read_labels(ClipFeatures(tokens=tokens, episodes=episodes), labels)
    }
    assert {label for label, _, _ in found} == {"digit", "place", "clock"}
    assert found["digit", "frame", "linear"].measure == "accuracy"
    assert found["digit", "clip", "attentive"].score > 0.9
    assert found["digit", "clip", "knn"].score > 0.9
    assert found["digit", "frame", "linear"].guess < 0.8
    assert found["place", "frame", "linear"].score > 0.99
    assert ("place", "clip", "linear") not in found
    assert found["clock", "frame", "linear"].score < 0.1
    told = {
        (r.label, r.level, r.kind): r.score
        for r in read_labels(time_features(clips, frames, episodes), labels)
    }
    assert told["clock", "frame", "linear"] > 0.99
    assert told["place", "frame", "linear"] < 0.1
