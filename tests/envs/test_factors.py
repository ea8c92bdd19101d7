"""Factors of variation: drawn from the seed, recorded, seen; nothing else changes."""

from __future__ import annotations

import numpy as np
import pytest

from telos.envs import make_world
from telos.envs.factors import Factor, check_factors, draw_look
from telos.evaluation.protocol import load_protocol, protocol_names

TABLE = {
    "hat_colour": Factor(usual=(10.0, 20.0, 30.0), low=0, high=255, unit="RGB"),
    "size": Factor(usual=(1.0,), low=0.5, high=2.0, unit="m"),
    "brightness": Factor(usual=(1.0,), low=0.4, high=1.6, unit="1"),
}
WORLDS = [
    "two-rooms",
    "four-rooms",
    "discs",
    "hidden-hazard",
    "pendulum",
    "cart-pole",
    "reacher",
]
VISIBLE = [
    {"floor_colour": [20, 90, 30]},
    {"wall_colour": [250, 0, 250]},
    {"agent_colour": [0, 0, 255]},
    {"agent_size": 1.6},
    {"brightness": 0.5},
    {"camera_x": {"low": 0.025, "high": 0.03}},
    {"camera_y": {"low": 0.025, "high": 0.03}},
]


def test_what_is_not_named_is_as_usual_and_not_recorded():
    look = draw_look(TABLE, {"size": 2.0}, [3, 4])
    np.testing.assert_allclose(255 * look.colour("hat"), [[10, 20, 30]] * 2, rtol=1e-6)
    np.testing.assert_array_equal(look.number("size"), [2.0, 2.0])
    assert look.row(0) == {"size": 2.0}


def test_draws_follow_from_the_seed_alone_and_lie_between_their_ends():
    option = {"hat_colour": "random", "size": {"low": 0.6, "high": 0.7}}
    many = draw_look(TABLE, option, range(200))
    alone = draw_look(TABLE, {"size": option["size"]}, [17])
    assert many.number("size")[17] == alone.number("size")[0]
    assert 0.6 <= many.number("size").min() < 0.61
    assert 0.69 < many.number("size").max() <= 0.7
    colours = 255 * many.colour("hat")
    assert colours.min() < 5
    assert colours.max() > 250
    assert set(many.row(0)) == {"hat_colour_r", "hat_colour_g", "hat_colour_b", "size"}


def test_light_scales_every_image_by_its_own_brightness_up_to_white():
    look = draw_look(TABLE, {"brightness": {"low": 0.4, "high": 1.6}}, range(8))
    pixels = np.full((8, 2, 2, 3), 200, np.uint8)
    expected = np.minimum(200 * look.number("brightness"), 255)
    shone = look.shine(pixels)[:, 0, 0, 0]
    np.testing.assert_allclose(shone, expected, atol=0.51)
    assert look.repeated(3).number("brightness")[5] == look.number("brightness")[1]


@pytest.mark.parametrize(
    ("option", "message"),
    [
        ({"nose": 1.0}, "unknown factor 'nose'.*hat_colour, size"),
        ({"size": 3.0}, "a number from 0.5 to 2"),
        ({"size": float("nan")}, "a number"),
        ({"size": "large"}, "'random'"),
        ({"hat_colour": [1, 2]}, "three numbers from 0 to 255"),
        ({"size": {"low": 1.0}}, "exactly 'low' and 'high'"),
        ({"size": {"low": 1.5, "high": 1.0}}, "low <= high"),
    ],
)
def test_wrong_factors_are_refused(option, message):
    with pytest.raises(ValueError, match=message):
        check_factors(TABLE, option)


@pytest.mark.parametrize("name", WORLDS)
@pytest.mark.parametrize("option", VISIBLE, ids=lambda option: next(iter(option)))
def test_every_factor_is_seen_and_changes_nothing_else(name, option):
    if name == "two-rooms" and "camera" in next(iter(option)):
        option = dict.fromkeys(option, 3.5)
    seeds = [1, 2, 3]
    usual, other = make_world(name, 3), make_world(name, 3, factors=option)
    first, second = usual.reset(seeds), other.reset(seeds)
    goals = [w.sample_goals(w.goal_rules[0], seeds) for w in (usual, other)]
    push = np.tile(usual.spec.action_high / 3, (3, 1))
    shown = [(first, second), (usual.step(push), other.step(push)), goals]
    for one, two in shown:
        for label, values in one.labels.items():
            np.testing.assert_array_equal(values, two.labels[label])
        pixels = one.observations["pixels"], two.observations["pixels"]
        assert (pixels[0] != pixels[1]).any((1, 2, 3)).all()
    assert set(other.layout()[0]) > set(usual.layout()[0])


@pytest.mark.parametrize("name", WORLDS)
def test_an_image_depends_on_its_seed_and_not_on_its_batch(name):
    names = "floor_colour", "agent_colour", "agent_size", "brightness", "camera_x"
    option = dict.fromkeys(names, "random")
    batch, single = (make_world(name, n, factors=option) for n in (6, 1))
    together, alone = batch.reset(range(6)), single.reset([4])
    pixels = together.observations["pixels"][4]
    np.testing.assert_array_equal(pixels, alone.observations["pixels"][0])
    assert batch.layout()[4] == single.layout()[0] != batch.layout()[3]


@pytest.mark.parametrize("name", ["two-rooms", "pendulum", "reacher"])
def test_a_shifted_camera_shifts_the_picture(name):
    pixel = {"two-rooms": 1.0, "pendulum": 2.5 / 64, "reacher": 0.5 / 64}[name]
    usual = make_world(name, 2)
    other = make_world(name, 2, factors={"camera_x": 3 * pixel})
    frames = [world.reset([0, 1]).observations["pixels"] for world in (usual, other)]
    apart = frames[1][:, :, :-3].astype(int) - frames[0][:, :, 3:].astype(int)
    assert np.abs(apart).max() <= 1


@pytest.mark.parametrize(
    "name", [name for name in protocol_names() if name.endswith("-shifted")]
)
def test_a_shifted_protocol_is_its_twin_with_three_factors_changed(name):
    shifted = load_protocol(name)
    twin = load_protocol(name.removesuffix("-shifted"))
    options = dict(shifted.options)
    assert len(options.pop("factors")) == 3
    assert options == twin.options
    for key in ("world", "goal_rule", "episodes", "budget", "radius", "success"):
        assert getattr(shifted, key) == getattr(twin, key)
    assert shifted.seeds == twin.seeds
