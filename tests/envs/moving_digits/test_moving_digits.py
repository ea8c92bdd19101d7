"""Moving digits: straight ways between mirrors, images where the labels say."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from telos.collect import collect
from telos.data import EpisodeFile
from telos.envs import make_world
from telos.envs.moving_digits.digits import draw_digits, load_digits
from telos.envs.moving_digits.world import SIDE, bounce


def test_the_images_are_those_of_the_source() -> None:
    (train, shown), (test, held_out) = load_digits("train"), load_digits("test")
    assert len(train) + len(test) == 1797
    assert not {i.tobytes() for i in train} & {i.tobytes() for i in test}
    counts = np.bincount(shown) + np.bincount(held_out)
    # As in sklearn.datasets.load_digits().
    assert counts.tolist() == [178, 182, 177, 183, 181, 182, 181, 179, 174, 180]
    # The first image is a 0: its ink is a ring.
    assert held_out[0] == 0
    assert (test[0] * 16)[0].tolist() == [0, 0, 5, 13, 9, 1, 0, 0]
    assert test[0][3:5, 3:4].max() == 0


def test_between_mirrors_motion_is_straight_and_keeps_its_speed() -> None:
    rng = np.random.default_rng(0)
    starts, ways = rng.uniform(0, 1, (5, 2, 2)), rng.uniform(-0.05, 0.05, (5, 2, 2))
    places, velocities = bounce(starts, ways, 60, 0.2)
    assert places.min() >= 0.2 - 1e-12
    assert places.max() <= 0.8 + 1e-12
    np.testing.assert_allclose(np.abs(velocities), np.abs(ways[:, None]).repeat(60, 1))
    # The same by steps with a reflection each.
    place, way = 0.2 + 0.6 * starts, ways.copy()
    for time in range(1, 60):
        place = place + way
        over = (place < 0.2) | (place > 0.8)
        place = np.where(place < 0.2, 0.4 - place, place)
        place = np.where(place > 0.8, 1.6 - place, place)
        way = np.where(over, -way, way)
        np.testing.assert_allclose(places[:, time], place, atol=1e-9)
        np.testing.assert_allclose(velocities[:, time], way)


@pytest.mark.parametrize("size", [32, 64])
def test_digits_are_drawn_where_they_are_and_upright(size: int) -> None:
    images, _ = load_digits("train")
    x, y = 0.61, 0.34
    picture = draw_digits(images[None, :1], np.full((1, 1, 1, 2), (x, y)), SIDE, size)
    ink, middles = picture[0, 0] / 255, (np.arange(size) + 0.5) / size
    cell = (np.arange(8) + 0.5) / 8 - 0.5
    total = images[0].sum()
    expected_x = x + SIDE * (images[0].sum(0) @ cell) / total
    expected_y = y - SIDE * (images[0].sum(1) @ cell) / total
    assert ink.sum(0) @ middles / ink.sum() == pytest.approx(expected_x, abs=0.003)
    assert ink.sum(1) @ middles[::-1] / ink.sum() == pytest.approx(
        expected_y, abs=0.003
    )
    assert ink.sum() / size**2 == pytest.approx(total * (SIDE / 8) ** 2, rel=0.03)


def test_a_digit_that_moves_a_pixel_is_the_same_digit() -> None:
    images, _ = load_digits("train")
    places = np.array([[[[0.5, 0.5]], [[0.5 + 1 / 32, 0.5]], [[0.5, 0.5 - 2 / 32]]]])
    first, right, down = draw_digits(images[None, :1], places, SIDE, 32)[0]
    np.testing.assert_array_equal(first[:, :-1], right[:, 1:])
    np.testing.assert_array_equal(first[:-2], down[2:])


def test_a_recording_has_two_digits_and_no_actions(tmp_path: Path) -> None:
    world = make_world("moving-digits", 3, digits=2, size=64)
    policy = world.behaviour("mixed")
    collect(world, policy, tmp_path / "a.h5", episodes=4, steps=19)
    file = EpisodeFile(tmp_path / "a.h5")
    episode = file.episode(3)
    assert episode.observations["pixels"].shape == (20, 64, 64, 3)
    assert episode.labels["digit"].shape == (20, 2)
    assert (episode.labels["digit"] == episode.labels["digit"][0]).all()
    again = make_world("moving-digits", 1, **file.spec.options).reset([3])
    np.testing.assert_array_equal(
        again.observations["pixels"][0], episode.observations["pixels"][0]
    )


def test_training_and_test_differ_in_every_clip() -> None:
    train, test = (make_world("moving-digits", 8, split=s) for s in ("train", "test"))
    clips = [world.reset(range(8)).observations["pixels"] for world in (train, test)]
    assert not {c.tobytes() for c in clips[0]} & {c.tobytes() for c in clips[1]}


@pytest.mark.parametrize("option", [{"size": 28}, {"digits": 3}, {"frames": 1}])
def test_bad_options_are_named(option: dict[str, int]) -> None:
    name = next(iter(option))
    with pytest.raises(ValueError, match=f"{name} is {option[name]}"):
        make_world("moving-digits", **option)
