"""The arm: physics of the original, places, goals, measures."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from telos.envs import make_world
from telos.envs.reacher import physics


def original():
    """The registered environment, where MuJoCo is installed."""
    pytest.importorskip("mujoco")
    import gymnasium

    env = gymnasium.make("Reacher-v5").unwrapped
    env.reset(seed=0)
    return env


@pytest.mark.parametrize("seed", range(4))
def test_physics_are_those_of_the_registered_environment(seed):
    env, rng = original(), np.random.default_rng(seed)
    start = np.concatenate([rng.uniform(-2, 2, 2), rng.uniform(-5, 5, 2)])
    zero = np.zeros(2)
    env.set_state(np.append(start[:2], zero), np.append(start[2:], zero))
    state, steps = torch.from_numpy(start)[None], 0
    for _ in range(100):
        action = rng.uniform(-1, 1, 2)
        env.do_simulation(action, env.frame_skip)
        if abs(env.data.qpos[1]) > 2.9:
            break  # the soft end of the elbow's range is not modelled
        state = physics.step(state, torch.from_numpy(action)[None])
        found = np.append(env.data.qpos[:2], env.data.qvel[:2])
        np.testing.assert_allclose(state[0].numpy(), found, atol=1e-9)
        steps += 1
    env.close()
    assert steps >= 10


def test_the_fingertip_is_where_mujoco_says():
    import mujoco

    env = original()
    angles = np.random.default_rng(0).uniform(-2, 2, (5, 2))
    for row in angles:
        env.set_state(np.append(row, np.zeros(2)), np.zeros(4))
        mujoco.mj_forward(env.model, env.data)
        expected = env.get_body_com("fingertip")[:2]
        np.testing.assert_allclose(physics.tip(row), expected, atol=1e-12)
    env.close()


def test_energy_is_what_the_torques_put_in():
    """Without damping the work of the torques is the kinetic energy, M from M a = t."""
    rng = np.random.default_rng(1)
    state = torch.from_numpy(rng.uniform(-1, 1, (1, 4)))
    slope = physics._slope(state, torch.zeros(1, 2, dtype=torch.float64))
    power = -(state[:, 2:] ** 2).sum() * physics.DAMPING
    step = 1e-6
    ahead = state + step * slope
    change = (_kinetic(ahead) - _kinetic(state)) / step
    assert float(change) == pytest.approx(float(power), rel=1e-4)


def _kinetic(state):
    """Joules, from places of the masses by finite differences of the angles."""
    angles, speeds = state[0, :2].numpy(), state[0, 2:].numpy()
    small = 1e-6

    def velocity(place):
        there, here = place(angles + small * speeds), place(angles - small * speeds)
        return (there - here) / (2 * small)

    (m1, i1), (m2, i2) = physics._UPPER, physics._LOWER
    ball, tip = physics._BALL, physics.tip
    turn = speeds.sum()
    energy = physics.ARMATURE * (speeds**2).sum() + i1 * speeds[0] ** 2
    energy += m1 * (velocity(lambda a: physics.elbow(a) / 2) ** 2).sum()
    energy += i2 * turn**2 + m2 * (velocity(_half) ** 2).sum()
    energy += 0.4 * ball * physics.RADIUS**2 * turn**2
    return 0.5 * (energy + ball * (velocity(tip) ** 2).sum())


def _half(angles):
    """Middle of the lower link."""
    elbow, tip = physics.elbow(angles), physics.tip(angles)
    return elbow + (tip - elbow) * (physics.LINKS[1] / 2) / physics.TIP


def test_the_elbow_stops_at_the_end_of_its_range():
    state = torch.tensor([[0.0, 2.5, 0.0, 0.0]], dtype=torch.float64)
    push = torch.tensor([[0.0, 1.0]], dtype=torch.float64)
    for _ in range(20):
        state = physics.step(state, push)
    assert state[0, 1] == physics.ELBOW
    assert state[0, 3] == 0.0
    state = physics.step(state, -push)
    assert state[0, 1] < physics.ELBOW


def test_the_fingertip_can_be_localised_in_the_picture():
    world = make_world("reacher", 16)
    step = world.reset(range(16))
    pixels = step.observations["pixels"].astype(float)
    red = np.clip(pixels[..., 0] - pixels[..., 1] - 60, 0, None)
    axis = ((np.arange(64) + 0.5) / 64 - 0.5) * 2 * physics.VIEW
    total = red.sum((1, 2))
    x, y = (red.sum(1) * axis).sum(1) / total, -(red.sum(2) * axis).sum(1) / total
    found = np.stack([x, y], -1)
    np.testing.assert_allclose(found, step.labels["position"], atol=0.002)


def test_measures_look_at_what_they_say():
    tip, joints = (make_world("reacher", 1, measure=m) for m in ("fingertip", "joints"))
    for world in (tip, joints):
        world.reset([0])
    goal = tip.sample_goals("anywhere", [0])
    mirrored = _other_pose(goal.labels)
    assert tip.distance(mirrored, goal)[0] == pytest.approx(0.0, abs=1e-6)
    assert joints.distance(mirrored, goal)[0] > 0.2
    turned = {**goal.labels, "angles": goal.labels["angles"] + [[2 * np.pi, 0.0]]}
    assert joints.distance(turned, goal)[0] == pytest.approx(0.0, abs=1e-5)
    moving = {**goal.labels, "speeds": np.array([[0.0, 10.0]])}
    assert joints.distance(moving, goal)[0] == pytest.approx(0.2)
    assert tip.distance(moving, goal)[0] == 0.0


def _other_pose(labels):
    """The labels of the arm that bends the other way to the same fingertip."""
    shoulder, bend = labels["angles"][0].astype(float)
    other = np.array([0.0, -bend])
    wanted, now = physics.tip(np.array([shoulder, bend])), physics.tip(other)
    other[0] = np.arctan2(*wanted[::-1]) - np.arctan2(*now[::-1])
    place = physics.tip(other)[None]
    return {"angles": other[None], "speeds": np.zeros((1, 2)), "position": place}


def test_a_target_is_drawn_and_aimed_at():
    plain, marked = (make_world("reacher", 4, target=t) for t in (False, True))
    first, second = plain.reset(range(4)), marked.reset(range(4))
    differ = first.observations["pixels"] != second.observations["pixels"]
    assert differ.any((1, 2, 3)).all()
    goals = [w.sample_goals("target", range(4)).labels for w in (plain, marked)]
    np.testing.assert_array_equal(goals[0]["position"], goals[1]["position"])
    for row, place in zip(marked.layout(), goals[1]["position"], strict=True):
        assert [row["target_x"], row["target_y"]] == pytest.approx(place, abs=1e-6)
    assert plain.layout()[0] == {}
