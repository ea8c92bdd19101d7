"""The T against grids of points, and distances against cases worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from telos.envs.push_t.measure import distance_between
from telos.envs.push_t.physics import AGENT, BLOCK, STATE
from telos.envs.push_t.shape import (
    AREA,
    BOXES,
    CENTRE,
    INERTIA,
    OUTLINE,
    coverage,
    gap,
    in_arena,
    in_frame,
)

SCALE = np.array([30.0])


def inside(points, pose):
    """Whether points (N, 2) lie in the T, written down anew."""
    angle = pose[2]
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    x, y = turn @ (points - pose[:2]).T / 30.0
    bar = (np.abs(x) <= 2) & (y >= 0) & (y <= 1)
    return bar | ((np.abs(x) <= 0.5) & (y >= 1) & (y <= 4))


def grid(step=1.0):
    axis = np.arange(step / 2, 512, step)
    return np.stack(np.meshgrid(axis, axis), -1).reshape(-1, 2)


def poses(seed, count):
    rng = np.random.default_rng(seed)
    place = rng.uniform(230, 290, (count, 2))
    return np.concatenate([place, rng.uniform(-np.pi, np.pi, (count, 1))], -1)


def test_numbers_of_the_t_follow_from_its_rectangles():
    sizes = BOXES[:, 1] - BOXES[:, 0]
    assert sizes.prod(-1).sum() == AREA
    middles = BOXES.mean(1)
    np.testing.assert_allclose(middles.mean(0), CENTRE)
    bar = (sizes[0] ** 2).sum() / 12 + (middles[0] ** 2).sum()
    assert pytest.approx(2 * bar) == INERTIA
    x, y = OUTLINE.T
    after = np.roll(OUTLINE, -1, 0)
    assert abs((x * after[:, 1] - after[:, 0] * y).sum()) / 2 == AREA


def test_the_frame_and_the_arena_are_each_others_inverse():
    pose, points = poses(0, 3), np.random.default_rng(1).normal(0, 3, (3, 5, 2))
    scale = np.array([20.0, 30.0, 40.0])
    there = in_arena(points, pose, scale)
    np.testing.assert_allclose(in_frame(there, pose, scale), points, atol=1e-12)


def test_a_gap_is_negative_inside_and_the_distance_to_the_outline_outside():
    points = grid(24.0)
    for pose in poses(2, 3):
        gaps = gap(points[None], pose[None], SCALE)[0]
        np.testing.assert_array_equal(gaps <= 0, inside(points, pose))
        shares = np.linspace(0, 1, 200)[:, None, None]
        corners = in_arena(OUTLINE, pose[None], SCALE)[0]
        sides = (1 - shares) * corners + shares * np.roll(corners, -1, 0)
        way = np.linalg.norm(points[:, None] - sides.reshape(-1, 2), axis=-1).min(-1)
        out = gaps > 0
        np.testing.assert_allclose(gaps[out], way[out], atol=0.4)


def test_coverage_is_the_share_of_a_fine_grid():
    points = grid(1.0)
    first, second = poses(3, 6), poses(4, 6)
    exact = coverage(first, second, np.full(6, 30.0))
    for one, other, share in zip(first, second, exact, strict=True):
        there = inside(points, other)
        both = there & inside(points, one)
        assert share == pytest.approx(both.sum() / there.sum(), abs=0.01)


def test_coverage_of_itself_is_everything_and_of_another_place_nothing():
    pose = poses(5, 4)
    np.testing.assert_allclose(coverage(pose, pose, np.full(4, 30.0)), 1.0)
    turned = pose + np.array([0, 0, 2 * np.pi])
    np.testing.assert_allclose(coverage(pose, turned, np.full(4, 30.0)), 1.0)
    away = pose + np.array([250.0, 0, 0])
    np.testing.assert_allclose(coverage(pose, away, np.full(4, 30.0)), 0.0, atol=1e-12)


def state(agent=(0.0, 0.0), block=(0.0, 0.0, 0.0)):
    made = np.zeros(STATE)
    made[AGENT], made[BLOCK] = agent, block
    return made


@pytest.mark.parametrize(
    ("there", "whole", "block"),
    [
        (state(agent=(12, 0), block=(0, 16, 0)), 20.0, 16.0),
        (state(block=(3, 4, np.pi / 9)), 20.0, 20.0),
        (state(block=(3, 4, 2 * np.pi - np.pi / 9)), 20.0, 20.0),
        (state(block=(30, 40, np.pi / 9)), 50.0, 50.0),
    ],
)
def test_distances_are_the_larger_of_pixels_and_degrees(there, whole, block):
    scale = np.array(30.0)
    assert distance_between("state", state(), there, scale) == pytest.approx(whole)
    assert distance_between("block", state(), there, scale) == pytest.approx(block)


def test_a_twentieth_of_the_goal_uncovered_is_a_distance_of_a_twentieth():
    # Moved along its stem by 2 px: a strip below the bar, less the stem that covers the
    # middle of it, and a strip below the stem, 120 px wide together.
    there = state(block=(0, 2.0, 0))
    lost = 2.0 * 120 / (AREA * 900)
    found = distance_between("coverage", state(), there, np.array(30.0))
    assert found == pytest.approx(lost)
