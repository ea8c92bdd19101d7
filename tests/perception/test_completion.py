"""Latents guessed from some streams: exact cases, what is hidden, what is measured."""

from __future__ import annotations

import pytest
import torch

from telos.perception import BackboneConfig, Completion, ObservationEncoder

WIDTHS = {"arm": 2, "front": 3, "wrist": 4}


def guesser() -> Completion:
    torch.manual_seed(0)
    return Completion(WIDTHS, 4, 5, width=16).eval()


def features(rows: int = 6) -> dict[str, torch.Tensor]:
    torch.manual_seed(1)
    return {name: torch.randn(rows, width) for name, width in WIDTHS.items()}


@pytest.mark.parametrize("hidden", ["arm", "front", "wrist"])
def test_what_is_hidden_changes_nothing_and_what_is_shown_does(hidden: str) -> None:
    network, given = guesser(), features()
    shown = torch.tensor([name != hidden for name in WIDTHS]).expand(6, -1)
    for name in WIDTHS:
        changed = {**given, name: given[name] + 1}
        before, after = (
            network(torch.cat(list(g.values()), 1), shown) for g in (given, changed)
        )
        assert torch.equal(before, after) == (name == hidden)


def test_a_stream_that_is_not_given_counts_as_hidden() -> None:
    network, given = guesser(), features()
    shown = torch.tensor([True, False, True]).expand(6, -1)
    expected = network(torch.cat(list(given.values()), 1), shown)
    # Whatever order they are given in.
    some = {"wrist": given["wrist"], "arm": given["arm"]}
    assert torch.equal(network.complete(some), expected)


def test_what_streams_tell_is_the_best_of_what_was_measured_within_them() -> None:
    network = guesser()
    assert len(network.choices) == 6
    shares = {("arm",): 0.1, ("front",): 0.6, ("arm", "wrist"): 0.4}
    for index, choice in enumerate(network.choices):
        network.told[index] = shares.get(choice, 0.0)
    for streams, expected in (
        (["front"], 0.6),
        (["wrist", "arm"], 0.4),
        (["arm", "front"], 0.6),
        (WIDTHS, 1.0),
        ([], 0.0),
    ):
        told = network.told_by(streams)
        torch.testing.assert_close(told, torch.full((4,), expected))


def test_streams_are_balanced_whatever_their_scale() -> None:
    torch.manual_seed(0)
    shapes = {"front": (16, 16, 3), "wrist": (8, 16, 3), "arm": (2,)}
    config = BackboneConfig(channels=8, width=24, downsample=1)
    encoder = ObservationEncoder(shapes, config, balanced=True)
    frames = {
        "front": torch.randint(0, 256, (40, 1, 16, 16, 3), dtype=torch.uint8),
        "wrist": torch.randint(100, 110, (40, 1, 8, 16, 3), dtype=torch.uint8),
        "arm": 50 * torch.randn(40, 1, 2),
    }

    def spread() -> torch.Tensor:
        parts = encoder.separate(frames).values()
        return torch.stack([part.flatten(0, 1).var(0).sum() for part in parts])

    before = spread()
    assert before.max() > 100 * before.min(), "or there would be nothing to balance"
    encoder.balance(frames)
    torch.testing.assert_close(spread(), torch.full((3,), encoder.width / 3))
    assert "gains" in encoder.state_dict()
    assert "gains" not in ObservationEncoder(shapes, config).state_dict()
