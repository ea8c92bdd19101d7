"""Anti-aliased drawing: areas, places, order."""

from __future__ import annotations

import numpy as np
import pytest

from telos.envs.raster import DOT_COLOUR, FLOOR_COLOUR, WALL_COLOUR, Raster


def empty_floor(num_images):
    colour = np.rint(255 * FLOOR_COLOUR).astype(np.uint8)
    return np.broadcast_to(colour, (num_images, 64, 64, 3))


def coverage(raster):
    """(B, 64, 64) share of each pixel that black has covered."""
    floor = empty_floor(1)[..., 0].astype(float)
    return 1 - raster.pixels()[..., 0] / floor


BLACK = np.zeros(3, np.float32)


@pytest.mark.parametrize("centre", [(0.0, 0.0), (0.013, -0.3), (0.4, 0.21)])
def test_a_disc_has_its_area_and_its_centre(centre):
    raster = Raster(empty_floor(1), (-1.0, -1.0), 2.0)
    raster.disc(np.array([centre]), np.full(1, 0.2), BLACK)
    cover, pixel = coverage(raster)[0], 2.0 / 64
    assert cover.sum() * pixel**2 == pytest.approx(np.pi * 0.04, rel=0.02)
    axis = (np.arange(64) + 0.5) * pixel - 1
    x, y = (cover * axis).sum(), (cover * -axis[:, None]).sum()
    assert np.array([x, y]) / cover.sum() == pytest.approx(centre, abs=0.003)


def test_a_bar_is_a_segment_with_round_ends():
    raster = Raster(empty_floor(1), (-1.0, -1.0), 2.0)
    raster.bar(np.array([[-0.5, -0.2]]), np.array([[0.3, 0.4]]), 0.1, BLACK)
    area = coverage(raster).sum() * (2.0 / 64) ** 2
    assert area == pytest.approx(2 * 0.1 * 1.0 + np.pi * 0.01, rel=0.02)


def test_images_of_a_batch_do_not_touch_each_other_and_zero_draws_nothing():
    raster = Raster(empty_floor(3), (-1.0, -1.0), 2.0)
    radius = np.array([0.3, 0.0, 0.3])
    raster.disc(np.array([[0.0, 0.0], [0.0, 0.0], [5.0, 0.0]]), radius, BLACK)
    assert (coverage(raster).sum((1, 2)) > 0).tolist() == [True, False, False]


def test_what_is_drawn_last_is_on_top_and_the_background_is_kept():
    background = empty_floor(1)
    raster = Raster(background, (-1.0, -1.0), 2.0)
    for colour in (WALL_COLOUR, DOT_COLOUR):
        raster.disc(np.zeros((1, 2)), np.full(1, 0.5), colour)
    np.testing.assert_allclose(raster.pixels()[0, 32, 32], 255 * DOT_COLOUR, atol=1)
    np.testing.assert_array_equal(background, empty_floor(1))


@pytest.mark.parametrize("angle", [0.0, 0.4, 2.9])
def test_boxes_have_their_area_their_centre_and_their_own_colours(angle):
    raster = Raster(np.full((2, 96, 96, 3), 255, np.uint8), (-1.0, -1.0), 2.0)
    boxes = np.array([[[-0.4, -0.1], [0.4, 0.1]], [[-0.1, 0.1], [0.1, 0.5]]])
    boxes, centre = np.stack([boxes, 0.5 * boxes]), np.array([[0.1, -0.03], [-0.2, 0]])
    grey = np.array([[0.0, 0.0, 0.0], [0.5, 0.5, 0.5]])
    raster.boxes(centre, np.full(2, angle), boxes, grey)
    pixel, axis = 2.0 / 96, (np.arange(96) + 0.5) * 2.0 / 96 - 1
    for image, scale, dark in zip(raster.pixels(), (1.0, 0.5), (1.0, 0.5), strict=True):
        cover = (1 - image[..., 0] / 255.0) / dark
        assert cover.sum() * pixel**2 == pytest.approx(0.24 * scale**2, rel=0.02)
        # The centre of both, 0.1 along the frame's y: areas 0.16 and 0.08.
        x, y = (cover * axis).sum(), (cover * -axis[:, None]).sum()
        along = 0.1 * scale * np.array([-np.sin(angle), np.cos(angle)])
        place = centre[0 if scale == 1.0 else 1] + along
        assert np.array([x, y]) / cover.sum() == pytest.approx(place, abs=0.004)


def test_boxes_outside_the_image_are_cut_off():
    white = np.full((1, 32, 32, 3), 255, np.uint8)
    raster = Raster(white, (0.0, 0.0), 1.0)
    box = np.array([[[[-0.2, -0.2], [0.2, 0.2]]]])
    raster.boxes(np.array([[1.0, 0.5]]), np.zeros(1), box, BLACK)
    dark = (raster.pixels()[0, ..., 0] < 128).sum(0)
    assert (dark[:24] == 0).all()
    assert dark[26:].min() >= 12
