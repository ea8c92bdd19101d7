"""Margins against dense sampling and by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from telos.envs.zones import Disc, Rectangle, stack_zones, zone_from_option

DISC = {"shape": "disc", "x": 20, "y": 30, "radius": 5}
BOX = {"shape": "rectangle", "left": 8, "top": 20, "right": 14, "bottom": 30}
COORDINATE = st.floats(0, 64)


@pytest.mark.parametrize("option", [DISC, BOX])
@settings(max_examples=50, deadline=None)
@given(ends=st.tuples(COORDINATE, COORDINATE, COORDINATE, COORDINATE))
def test_swept_margins_are_the_minimum_over_the_segment(option, ends):
    zone = zone_from_option(option, 1)
    start, end = np.array([ends[:2]]), np.array([ends[2:]])
    shares = np.linspace(0, 1, 2001)[:, None]
    dense = zone.margin((start + shares * (end - start))[None])[0]
    exact = zone.swept_margin(start, end)[0]
    assert exact <= dense.min() + 1e-9
    # Between two samples the distance changes by at most half their spacing.
    assert dense.min() - exact <= np.linalg.norm(end - start) / 4000 + 1e-9


def test_margins_by_hand():
    disc, box = zone_from_option(DISC, 1), zone_from_option(BOX, 1)
    points = np.array([[[20.0, 30.0], [28.0, 30.0], [20.0, 40.0]]])
    np.testing.assert_allclose(disc.margin(points), [[-5.0, 3.0, 5.0]])
    points = np.array([[[11.0, 25.0], [17.0, 34.0], [9.0, 25.0], [8.0, 25.0]]])
    np.testing.assert_allclose(box.margin(points), [[-3.0, 5.0, -1.0, 0.0]], atol=1e-9)


def test_a_step_across_a_zone_is_seen_although_both_ends_are_outside():
    box = zone_from_option(BOX, 1)
    start, end = np.array([[4.0, 25.0]]), np.array([[18.0, 25.0]])
    assert min(box.margin(start)[0], box.margin(end)[0]) > 3.9
    np.testing.assert_allclose(box.swept_margin(start, end), [-3.0])


def test_each_environment_has_its_own_zone():
    discs = [
        Disc(x=np.array([x]), y=np.zeros(1), radius=np.ones(1)) for x in (0.0, 10.0)
    ]
    zone = stack_zones(discs)
    assert zone is not None
    np.testing.assert_allclose(zone.margin(np.array([[5.0, 0.0]] * 2)), [4.0, 4.0])
    np.testing.assert_allclose(zone.margin(np.array([[0.0, 0.0]] * 2)), [-1.0, 9.0])
    assert stack_zones([None, None]) is None


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"shape": "star"}, "expected 'disc'"),
        ({"shape": "disc", "x": 1, "y": 2}, "radius"),
        ({**DISC, "radius": -1}, "radius > 0"),
        ({**BOX, "right": 3}, "left < right"),
    ],
)
def test_a_bad_description_says_what_was_expected(option, message):
    with pytest.raises(ValueError, match=message):
        zone_from_option(option, 1)


def test_rectangle_is_exported_as_named_edges():
    zone = zone_from_option(BOX, 2)
    assert isinstance(zone, Rectangle)
    np.testing.assert_array_equal(zone.left, [8.0, 8.0])
