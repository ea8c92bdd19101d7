"""Encoders: shapes, independence of the batch, localisation, history, clear errors."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from tests.learning.worlds import dots
from torch import nn

from telos.perception import BackboneConfig, ObservationEncoder, build_backbone
from telos.perception.conv import ConvEncoder
from telos.perception.keypoints import KeypointEncoder
from telos.perception.observation import with_history
from telos.perception.patch_conv import PatchConvEncoder
from telos.perception.vector import VectorEncoder
from telos.perception.vit import ViTEncoder
from telos.perception.vit_tokens import ViTTokenEncoder

KINDS = ("keypoints", "conv", "patch-conv", "vit", "vit-tokens")


def config(kind: str) -> BackboneConfig:
    return BackboneConfig(kind=kind, channels=8, width=24, downsample=1)


@pytest.mark.parametrize("kind", KINDS)
def test_features_have_the_width_that_was_asked_for(kind: str) -> None:
    images = torch.from_numpy(dots(3, size=16)[0])
    encoder = build_backbone(config(kind), (16, 16, 3))
    features = encoder(images)
    # Tokens leave side by side: 4 x 4 patches of 8 channels.
    assert encoder.num_tokens == (16 if kind == "vit-tokens" else 1)
    assert features.shape == (3, 16 * 8 if kind == "vit-tokens" else 24)
    assert features.shape[1] == encoder.width
    assert features.dtype == torch.float32


@pytest.mark.parametrize("kind", KINDS)
def test_an_image_is_encoded_alike_alone_and_in_a_batch(kind: str) -> None:
    torch.manual_seed(0)
    encoder = build_backbone(config(kind), (16, 24, 3)).eval()
    images = torch.randint(0, 256, (5, 16, 24, 3), dtype=torch.uint8)
    alone = torch.cat([encoder(image[None]) for image in images])
    torch.testing.assert_close(encoder(images), alone, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("kind", KINDS)
def test_images_are_left_as_they_were(kind: str) -> None:
    images = torch.randint(0, 256, (2, 16, 16, 3), dtype=torch.uint8)
    before = images.clone()
    build_backbone(config(kind), (16, 16, 3))(images)
    assert torch.equal(images, before)


def test_unknown_names_list_the_choices() -> None:
    with pytest.raises(
        ValueError, match="'resnet' is unknown.*'conv', 'frozen', 'keypoints'"
    ):
        build_backbone(config("resnet"), (16, 16, 3))


@pytest.mark.parametrize(
    ("maker", "message"),
    [
        (ConvEncoder, "conv backbone .* 20 x 20.*multiples of 8"),
        (PatchConvEncoder, "patch-conv backbone .* 20 x 20.*multiples of 8"),
        (ViTEncoder, "patches of 8 do not tile"),
        (ViTTokenEncoder, "patches of 8 do not tile"),
    ],
)
def test_images_that_do_not_fit_are_refused(maker: type, message: str) -> None:
    options = {} if "conv" in message else {"patch": 8}
    with pytest.raises(ValueError, match=message):
        maker((20, 20, 3), **options)
    with pytest.raises(ValueError, match="even sides"):
        KeypointEncoder((15, 16, 3))


def test_an_attended_place_is_read_as_its_coordinates() -> None:
    encoder = KeypointEncoder((8, 8, 1), channels=2, maps=1, values=1, width=3)
    places = encoder.places.view(2, 4, 4)
    np.testing.assert_allclose(places[0, 2], [-3, -1, 1, 3])  # x grows along a row
    np.testing.assert_allclose(places[1, :, 2], [-3, -1, 1, 3])


def test_a_token_is_that_of_its_patch() -> None:
    """Without attention a token knows its own patch, rows of the image first."""
    torch.manual_seed(0)
    encoder = ViTTokenEncoder((8, 12, 3), patch=4, channels=8).eval()
    encoder.blocks = nn.Identity()
    images = torch.zeros(1, 8, 12, 3, dtype=torch.uint8)
    before = encoder(images).unflatten(1, (6, 8))
    images[0, 5, 2] = 255  # second row of patches, first column
    moved = (encoder(images).unflatten(1, (6, 8)) != before).any(-1)[0]
    assert moved.tolist() == [False, False, False, True, False, False]


def localisation_error(encoder: nn.Module, steps: int = 60) -> float:
    """Held-out mean squared error of the place of a dot after a few steps."""
    images, places = (torch.from_numpy(a) for a in dots(640))
    head = nn.Linear(encoder.width, 2)
    optimiser = torch.optim.Adam([*encoder.parameters(), *head.parameters()], 3e-3)
    for step in range(steps):
        rows = torch.arange(64) + 64 * (step % 8)
        loss = (head(encoder(images[rows])) - places[rows]).square().mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    with torch.no_grad():
        return float((head(encoder(images[512:])) - places[512:]).square().mean())


def test_keypoints_localise_faster_than_a_plain_conv_net() -> None:
    torch.manual_seed(0)
    keypoints = localisation_error(
        KeypointEncoder((32, 32, 3), channels=8, maps=8, values=2, width=64)
    )
    conv = localisation_error(ConvEncoder((32, 32, 3), channels=8, width=64))
    assert keypoints < 0.5 * conv
    assert keypoints < 0.02  # places have a variance of 0.21


def test_history_puts_older_frames_before_newer_ones() -> None:
    frames = torch.arange(4.0).view(1, 4, 1)
    stacked = with_history(frames, 3)
    expected = [[0, 0, 0], [0, 0, 1], [0, 1, 2], [1, 2, 3]]
    assert stacked[0].tolist() == expected
    assert with_history(frames, 1) is frames


def test_history_repeats_the_first_frame_whatever_its_shape() -> None:
    frames = torch.rand(2, 5, 4, 4, 3)
    stacked = with_history(frames, 2)
    assert stacked.shape == (2, 5, 4, 4, 6)
    assert torch.equal(stacked[:, 0], torch.cat([frames[:, 0]] * 2, -1))


@pytest.mark.parametrize(("history", "seen"), [(1, False), (2, True)])
def test_only_history_shows_velocity(history: int, seen: bool) -> None:
    torch.manual_seed(1)
    shapes = {"pixels": (16, 16, 3)}
    encoder = ObservationEncoder(shapes, config("conv"), history=history)
    left, right, here = torch.from_numpy(dots(3, size=16)[0])
    pasts = torch.stack([torch.stack([left, here]), torch.stack([right, here])])
    from_left, from_right = encoder({"pixels": pasts})[:, -1]
    assert torch.allclose(from_left, from_right) is not seen


def test_flat_streams_are_standardised_with_the_recordings_numbers() -> None:
    torch.manual_seed(0)
    encoder, values = VectorEncoder(3), torch.randn(7, 3)
    before = encoder(values)
    mean, scale = torch.tensor([5.0, -2.0, 0.0]), torch.tensor([10.0, 0.1, 1.0])
    encoder.standardise(mean, scale)
    torch.testing.assert_close(encoder(values * scale + mean), before)
    assert {"mean", "scale"} <= set(encoder.state_dict())


def test_streams_are_joined_in_the_order_of_their_names() -> None:
    shapes = {"pixels": (16, 16, 3), "arm": (2,)}
    encoder = ObservationEncoder(shapes, config("keypoints"))
    observation = {
        "pixels": torch.zeros(2, 3, 16, 16, 3, dtype=torch.uint8),
        "arm": torch.zeros(2, 3, 2),
    }
    assert encoder(observation).shape == (2, 3, 24 + 64)
    assert list(encoder.parts) == ["arm", "pixels"]


def test_streams_of_another_shape_are_refused() -> None:
    encoder = ObservationEncoder({"pixels": (16, 16, 3)}, config("conv"))
    with pytest.raises(ValueError, match=r"'pixels'.*\(8, 8, 3\).*\(16, 16, 3\)"):
        encoder({"pixels": torch.zeros(1, 1, 8, 8, 3, dtype=torch.uint8)})
    with pytest.raises(ValueError, match=r"shape \(16, 16\); expected images"):
        ObservationEncoder({"depth": (16, 16)}, config("conv"))
