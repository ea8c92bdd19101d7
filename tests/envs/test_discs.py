"""A point mass among discs: physics in closed form, layouts, pictures."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from telos.envs import make_world
from telos.envs.discs.placement import CLEARANCE, GAP, place
from telos.envs.factors import draw_look
from telos.envs.point_mass import (
    ACCELERATION,
    DOT,
    FACTORS,
    FLOOR,
    SECONDS,
    VIEW,
    draw_close,
    step,
)

SEEDS = range(40)


def rolled(state, action, steps):
    states = [torch.tensor(state, dtype=torch.float64)]
    for _ in range(steps):
        states.append(step(states[-1], torch.tensor(action, dtype=torch.float64)))
    return torch.stack(states).numpy()


@given(
    action=st.tuples(st.floats(-1, 1), st.floats(-1, 1)),
    speed=st.tuples(st.floats(-0.1, 0.1), st.floats(-0.1, 0.1)),
)
def test_free_flight_is_the_sum_of_its_steps(action, speed):
    """x_n = x_0 + n v_0 dt + a dt^2 n (n + 1) / 2, as long as no edge is near."""
    path = rolled([0.0, 0.0, *speed], action, 6)
    n = np.arange(7)[:, None]
    push = ACCELERATION * np.array(action)
    expected = n * np.array(speed) * SECONDS + push * SECONDS**2 * n * (n + 1) / 2
    np.testing.assert_allclose(path[:, :2], expected, atol=1e-12)
    speeds = np.array(speed) + n * SECONDS * push
    np.testing.assert_allclose(path[:, 2:], speeds, atol=1e-12)


def test_the_edge_stops_what_goes_towards_it_and_lets_it_slide_along():
    path = rolled([0.95, 0.0, 1.0, 0.5], [0.0, 0.0], 5)
    assert path[1, 0] == FLOOR
    assert path[1:, 2].tolist() == [0.0] * 5
    np.testing.assert_allclose(path[:, 1], 0.05 * np.arange(6))
    away = rolled([1.0, 0.0, 0.0, 0.0], [-1.0, 0.0], 1)
    assert away[1, 0] < FLOOR


@pytest.mark.parametrize("layout", ["beside", "between"])
def test_the_one_disc_is_in_the_way_and_one_side_is_shorter_only_beside(layout):
    for seed in SEEDS:
        placed = place(seed, layout)
        way = placed.target - placed.start
        to = placed.centres[0] - placed.start
        off = (way[0] * to[1] - way[1] * to[0]) / np.linalg.norm(way)
        assert abs(off) < placed.radii[0], "the straight way leads through the disc"
        assert (abs(off) > 0.14) == (layout == "beside")
        assert placed.is_free(placed.start)
        assert placed.is_free(placed.target)


def test_both_sides_are_drawn_equally_often():
    starts = [place(seed, "beside") for seed in range(300)]
    ways = np.stack([p.target - p.start for p in starts])
    to = np.stack([p.centres[0] - p.start for p in starts])
    left = ways[:, 0] * to[:, 1] > ways[:, 1] * to[:, 0]
    assert 0.4 < left.mean() < 0.6


def test_a_field_has_gaps_between_all_discs_and_room_for_both_ends():
    for seed in SEEDS:
        placed = place(seed, "field")
        assert placed.radii.shape == (6,)
        apart = np.linalg.norm(placed.centres[:, None] - placed.centres, axis=-1)
        gaps = apart - placed.radii[:, None] - placed.radii
        assert gaps[~np.eye(6, dtype=bool)].min() > GAP
        assert placed.is_free(placed.start)
        assert placed.is_free(placed.target)


@pytest.mark.parametrize("layout", ["beside", "between", "field"])
@pytest.mark.parametrize("rule", ["across", "random"])
def test_goals_are_far_from_the_start_and_clear_of_discs(layout, rule):
    world = make_world("discs", 40, layout=layout)
    start = world.reset(SEEDS)
    goal = world.sample_goals(rule, SEEDS)
    assert (world.distance(start.labels, goal) >= 0.5).all()
    assert (goal.labels["velocity"] == 0).all()
    for row, factors in enumerate(world.layout()):
        for n in range(1, 1 + len(factors) // 3):
            centre = factors[f"disc_{n}_x"], factors[f"disc_{n}_y"]
            away = np.linalg.norm(goal.labels["position"][row] - centre)
            assert away - factors[f"disc_{n}_radius"] > CLEARANCE - 1e-6


def test_a_speed_limit_is_one_more_limit():
    free, bound = (make_world("discs", 2, speed_limit=v) for v in (None, 0.7))
    for world in (free, bound):
        world.reset([0, 1])
    assert [entry["name"] for entry in free.limits()[0]] == ["disc 1"]
    assert [entry["name"] for entry in bound.limits()[0]] == ["disc 1", "speed"]
    for _ in range(5):
        step = bound.step(np.array([[2.0, 0.0], [0.0, 0.4]]))
    assert step.margins["speed"] == pytest.approx([0.7 - 1.0, 0.7 - 0.2])


def test_the_picture_shows_where_the_point_is_and_discs_only_if_asked():
    hidden, shown = (make_world("discs", 8, visible=v) for v in (False, True))
    plain = hidden.reset(range(8))
    drawn = shown.reset(range(8))
    image = plain.observations["pixels"].astype(float)
    red = image[..., 0] - image[..., 2]
    axis = (np.arange(64) + 0.5) / 64 * 2 * VIEW - VIEW
    red = np.where(red > 30, red - 10, 0.0)
    x = (red * axis).sum((1, 2)) / red.sum((1, 2))
    y = (red * -axis[:, None]).sum((1, 2)) / red.sum((1, 2))
    np.testing.assert_allclose(
        np.stack([x, y], -1), plain.labels["position"], atol=DOT / 6
    )
    differs = (plain.observations["pixels"] != drawn.observations["pixels"]).any(-1)
    area = differs.sum((1, 2)) * (2 * VIEW / 64) ** 2
    radius = np.array([row["disc_1_radius"] for row in shown.layout()])
    np.testing.assert_allclose(area, np.pi * radius**2, rtol=0.25)


def test_two_cameras_and_the_speed_replace_the_one_view():
    one, two = (make_world("discs", num_envs=2, cameras=c) for c in (False, True))
    whole, parts = (world.reset([3, 4]).observations for world in (one, two))
    assert set(parts) == {"front", "wrist", "proprio"}
    np.testing.assert_array_equal(parts["front"], whole["pixels"])
    np.testing.assert_array_equal(parts["proprio"], whole["state"][:, 2:])
    assert parts["wrist"].shape == (2, 48, 64, 3)
    assert "cameras" not in one.spec.options, "old recordings would differ"
    assert make_world("discs", **two.spec.options).spec.streams == two.spec.streams


def close_up(places: list[list[float]], radius: float) -> np.ndarray:
    """What the close camera shows at places beside a disc in the middle."""
    count = len(places)
    look = draw_look(FACTORS, {}, range(count))
    zeros, radii = np.zeros((count, 1)), np.full((count, 1), radius)
    return draw_close(np.array(places), zeros, zeros, radii, look)


def test_the_close_camera_tells_a_place_near_the_edge_only():
    middle, elsewhere, edge = close_up([[0, 0], [0.4, -0.3], [0.95, 0]], radius=0.0)
    np.testing.assert_array_equal(middle, elsewhere)
    assert (edge != middle).any()


def test_the_close_camera_shows_to_scale_what_is_drawn_of_discs():
    """Its images are 0.8 m wide; the disc begins 0.2 m to the right of the middle."""
    (picture,) = close_up([[-0.5, 0.0]], radius=0.3)
    floor, mark = picture[24, 40], picture[24, 56]
    assert (floor != mark).any()
    columns = np.flatnonzero((picture[24] == mark).all(-1))
    assert columns.min() == pytest.approx(48, abs=1)
