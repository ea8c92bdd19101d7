"""What a picture of the pushing world shows, and what factors change in it."""

from __future__ import annotations

import numpy as np
import pytest

from telos.envs.factors import check_factors, draw_look
from telos.envs.push_t.factors import FACTORS
from telos.envs.push_t.picture import Painter
from telos.envs.push_t.placement import FIELD_TARGET, at_rest
from telos.envs.push_t.shape import AREA, centre_of

SIZE = 64
PIXEL = 512 / SIZE
STATE = at_rest(np.array([120.0, 400.0]), np.array([300.0, 150.0, 0.7]))


def draw(factors, state=STATE, target=None, size=SIZE):
    look = draw_look(FACTORS, {"brightness": 1.0, **factors}, [0])
    marked = None if target is None else target[None]
    return Painter(look, marked, size).draw(state[None, None])[0, 0].astype(float)


def dark(image):
    """Area and centre, in pixels of the arena, of what is black inside the walls."""
    pixel = 512 / image.shape[0]
    cover = 1 - image.max(-1) / 255.0
    axis = (np.arange(image.shape[0]) + 0.5) * pixel
    inside = (axis > 16) & (axis < 496)
    cover = cover * inside * inside[:, None]
    total = cover.sum()
    middle = (cover * axis).sum() / total, (cover * axis[:, None]).sum() / total
    return total * pixel**2, np.array(middle)


def black(name):
    """Everything else is white."""
    other = "block" if name == "agent" else "agent"
    return {f"{name}_colour": [0, 0, 0], f"{other}_colour": [255, 255, 255]}


@pytest.mark.parametrize("size", [64, 96, 224])
def test_agent_and_t_are_where_they_are(size):
    area, middle = dark(draw(black("agent"), size=size))
    assert area == pytest.approx(np.pi * 15**2, rel=0.08)
    np.testing.assert_allclose(middle, STATE[:2], atol=0.5)
    area, middle = dark(draw(black("block"), size=size))
    # The outline reaches 2 px beyond all edges, 480 px long together.
    assert area == pytest.approx(AREA * 900 + 2 * 480, rel=0.02)
    pose = STATE[None, 4:7]
    # The middle of bar and stem lies off the centre of mass by the stem's length.
    mass = (3600 * 15 + 2700 * 75) / 6300
    expected = centre_of(pose, np.array([30.0]))[0] + (mass - 45) * np.array(
        [-np.sin(0.7), np.cos(0.7)]
    )
    np.testing.assert_allclose(middle, expected, atol=0.7)


def test_the_colours_are_those_of_the_original():
    image = draw({}, target=np.array([100.0, 100.0, 0.0]), size=512)
    assert image[256, 20].tolist() == [255, 255, 255]
    assert image[115, 100].tolist() == [144, 238, 144]
    assert image[400, 120].tolist() == [78, 126, 255]
    assert image[400, 120 - 13].tolist() == [65, 105, 225]
    inside = STATE[4:6] + 15 * np.array([-np.sin(0.7), np.cos(0.7)])
    x, y = inside.astype(int)
    np.testing.assert_allclose(image[y, x], 1.2 * np.array([119, 136, 153]), atol=1)
    assert image[256, 5].tolist() == [211, 211, 211]


def test_what_is_between_two_pixels_is_drawn_between_them():
    for shift in (0.0, 2.0, 4.0, 6.0):
        moved = STATE.copy()
        moved[0] += shift
        _, middle = dark(draw(black("agent"), moved))
        np.testing.assert_allclose(middle, moved[:2], atol=0.5)


def test_a_shifted_camera_shifts_everything():
    plain = draw({}, target=FIELD_TARGET)
    moved = draw({"camera_x": 2 * PIXEL, "camera_y": -3 * PIXEL}, target=FIELD_TARGET)
    np.testing.assert_array_equal(moved[3:, :-2], plain[:-3, 2:])


def test_light_scales_the_picture():
    full, half = draw({}), draw({"brightness": 0.5})
    np.testing.assert_allclose(half, full / 2, atol=2.0)


def test_what_leaves_the_picture_is_cut_off():
    for place in ([-40.0, 250.0], [530.0, 530.0], [250.0, 2000.0]):
        gone = at_rest(np.array([50.0, 50.0]), np.array([*place, 0.3]))
        image = draw(black("block"), gone)
        assert image.shape == (SIZE, SIZE, 3)


def test_many_states_of_many_environments_are_drawn_like_one():
    look = draw_look(FACTORS, dict.fromkeys(FACTORS, "random"), [3, 4])
    targets = np.stack([FIELD_TARGET, FIELD_TARGET + 20])
    rng = np.random.default_rng(0)
    states = np.stack([STATE + rng.normal(0, 30, 10) for _ in range(6)])
    states = states.reshape(2, 3, 10)
    together = Painter(look, targets, SIZE).draw(states)
    for seed, row in ((3, 0), (4, 1)):
        alone = draw_look(FACTORS, dict.fromkeys(FACTORS, "random"), [seed])
        painter = Painter(alone, targets[row][None], SIZE)
        for n in range(3):
            single = painter.draw(states[row, n][None, None])[0, 0]
            np.testing.assert_array_equal(together[row, n], single)


def test_factors_are_drawn_within_their_bounds_and_one_by_one():
    seeds = list(range(50))
    option = {"block_scale": {"low": 25, "high": 28}, "agent_colour": "random"}
    look = draw_look(FACTORS, option, seeds)
    scale = look.number("block_scale")
    assert ((scale >= 25) & (scale <= 28)).all()
    assert scale.std() > 0.5
    assert look.values["agent_colour"].std() > 50
    np.testing.assert_array_equal(look.number("agent_radius"), 15.0)
    other = draw_look(FACTORS, {**option, "brightness": "random"}, seeds)
    np.testing.assert_array_equal(other.number("block_scale"), scale)
    assert look.row(0)["agent_colour_r"] == look.values["agent_colour"][0, 0]


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"hat": 1}, "unknown factor 'hat': expected one of block_colour"),
        ({"block_scale": 100}, "a number from 20 to 40"),
        ({"block_scale": [30, 31]}, "a number from 20 to 40"),
        ({"agent_colour": [1, 2]}, "three numbers from 0 to 255"),
        ({"agent_colour": "red"}, "three numbers from 0 to 255"),
        ({"brightness": {"low": 1.2, "high": 0.8}}, "low <= high"),
        ({"brightness": {"low": 1.0}}, "exactly 'low' and 'high'"),
        ({"brightness": float("nan")}, "a number from 0.4 to 1.6"),
    ],
)
def test_bad_factors_are_refused(option, message):
    with pytest.raises(ValueError, match=message):
        check_factors(FACTORS, option)
