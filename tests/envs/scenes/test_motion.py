"""Motion: closed forms where there are some, tiny steps where there are none."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from telos.envs.scenes.motion import GRAVITY, fall_time, trajectories
from telos.envs.scenes.scene import THICKNESS, Body, Shelf, Wall

RADIUS = 0.07
FRAMES = 40


def body(x: float, lane: float = 0.1, **changes: float) -> Body:
    usual = {"x": x, "y": lane + RADIUS, "lane": lane, "colour": (0, 0, 0)}
    return Body(**{**usual, **changes})


def move(
    *bodies: Body, wall: Wall | None = None, shelf: Shelf | None = None
) -> np.ndarray:
    return trajectories(bodies, RADIUS, wall, shelf, FRAMES)


def test_nothing_changes_its_speed_without_a_cause() -> None:
    path = move(body(-0.2, vx=0.03))[:, 0]
    np.testing.assert_allclose(path[:, 0], -0.2 + 0.03 * np.arange(FRAMES))
    assert (path[:, 1] == 0.1 + RADIUS).all()
    assert (path[:, 2] == 0.03).all()


def test_what_nothing_carries_falls_on_a_parabola_and_stays_where_it_lands() -> None:
    path = move(body(0.2, y=0.9, vx=0.01, vy=-0.02))[:, 0]
    times = np.arange(FRAMES)
    lands = fall_time(0.9 - 0.1 - RADIUS, -0.02)
    falling = 0.9 - 0.02 * times - GRAVITY * times**2 / 2
    height = np.where(times < lands, falling, 0.1 + RADIUS)
    np.testing.assert_allclose(path[:, 1], height, atol=1e-12)
    np.testing.assert_allclose(path[:, 0], 0.2 + 0.01 * times)
    assert (path[times > lands, 3] == 0).all()


def test_walls_reflect_about_the_place_of_contact() -> None:
    wall, times = Wall(x=0.6, top=0.8), np.arange(FRAMES)
    path = move(body(0.1, vx=0.03), wall=wall)[:, 0]
    contact = 0.6 - THICKNESS / 2 - RADIUS
    free = 0.1 + 0.03 * times
    reflected = np.where(free < contact, free, 2 * contact - free)
    np.testing.assert_allclose(path[:, 0], reflected, atol=1e-12)


def test_equal_masses_exchange_their_velocities() -> None:
    path = move(body(0.1, vx=0.03), body(0.6))
    times, meets = np.arange(FRAMES), (0.5 - 2 * RADIUS) / 0.03
    went = np.minimum(0.1 + 0.03 * times, 0.6 - 2 * RADIUS)
    goes = np.maximum(0.6, 0.6 + 0.03 * (times - meets))
    np.testing.assert_allclose(path[:, 0, 0], went, atol=1e-12)
    np.testing.assert_allclose(path[:, 1, 0], goes, atol=1e-12)
    # In another lane there is nobody to meet.
    passing = move(body(0.1, vx=0.03), body(0.6, lane=0.2))
    assert (passing[:, 1, 0] == 0.6).all()


@pytest.mark.parametrize("side", [1, -1])
def test_a_shelf_carries_as_far_as_it_reaches(side: int) -> None:
    shelf, times = Shelf(left=0.3, right=0.7, top=0.6, lane=0.1), np.arange(FRAMES)
    path = move(body(0.5, y=0.6 + RADIUS, vx=0.03 * side), shelf=shelf)[:, 0]
    leaves = 0.2 / 0.03
    since = np.maximum(times - leaves, 0)
    free = 0.6 + RADIUS - GRAVITY * since**2 / 2
    np.testing.assert_allclose(path[:, 1], np.maximum(free, 0.1 + RADIUS), atol=1e-9)
    np.testing.assert_allclose(path[:, 0], 0.5 + 0.03 * side * times)


def test_a_shelf_catches_what_falls_in_its_lane() -> None:
    shelf = Shelf(left=0.3, right=0.7, top=0.6, lane=0.1)
    caught, missed, elsewhere = (
        move(body(x, lane=lane, y=0.95), shelf=shelf)[-1, 0, 1]
        for x, lane in ((0.5, 0.1), (0.2, 0.1), (0.5, 0.2))
    )
    assert caught == pytest.approx(0.6 + RADIUS)
    assert missed == pytest.approx(0.1 + RADIUS)
    assert elsewhere == pytest.approx(0.2 + RADIUS)


@pytest.mark.parametrize("seed", range(4))
def test_many_meetings_agree_with_tiny_steps(seed: int) -> None:
    """Three bodies and two faces of a wall, against steps of a hundredth of a frame:
    equal masses pass through each other if nobody knows their names."""
    rng = np.random.default_rng(seed)
    places = np.array([0.1, 0.3, 0.5]) + rng.uniform(0, 0.02, 3)
    speeds = rng.uniform(-0.05, 0.05, 3)
    wall, lane = Wall(x=0.75, top=0.8), 0.1
    bodies = [body(x, lane, vx=v) for x, v in zip(places, speeds, strict=True)]
    path = move(*bodies, wall=wall)[:, :, 0]
    x, v, step = places.copy(), speeds.copy(), 1e-2
    contact = wall.x - THICKNESS / 2 - RADIUS
    for frame in range(1, FRAMES):
        for _ in range(round(1 / step)):
            x += v * step
            v = np.where((x > contact) & (v > 0), -v, v)
            for left, right in itertools.pairwise(range(3)):
                if x[right] - x[left] < 2 * RADIUS and v[left] > v[right]:
                    v[left], v[right] = v[right], v[left]
        np.testing.assert_allclose(path[frame], x, atol=5e-3)


def test_states_can_be_taken_up_at_any_frame() -> None:
    shelf = Shelf(left=-1.0, right=0.4, top=0.6, lane=0.1)
    whole = move(body(0.2, y=0.6 + RADIUS, vx=0.02), shelf=shelf)[:, 0]
    for start in range(1, 30):
        x, y, vx, vy = np.float32(whole[start])
        again = move(body(x, y=y, vx=vx, vy=vy), shelf=shelf)[:, 0]
        np.testing.assert_allclose(again[: FRAMES - start], whole[start:], atol=1e-5)
