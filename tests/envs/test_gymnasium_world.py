"""The adapter on environments of our own and of gymnasium."""

import gymnasium
import numpy as np
import pytest
from gymnasium import spaces

from telos.envs import GoalWorld, NotOfferedError, make_world


class Walk(gymnasium.Env):
    """x grows by the action; the seed decides the start; above 3 it ends."""

    metadata = {"render_modes": ["rgb_array"]}

    def __init__(self, render_mode=None, bound=1.0, observe="box", honest=True):
        self.render_mode, self._honest, self._observe = render_mode, honest, observe
        self.action_space = spaces.Box(-bound, bound, (1,), np.float32)
        box = spaces.Box(-np.inf, np.inf, (1,), np.float64)
        parts = {"b": box, "a": spaces.Box(-1, 1, (2, 1), np.float32)}
        self.observation_space = {
            "box": box,
            "dict": spaces.Dict(parts),
            "image": spaces.Box(0, 255, (8, 8, 3), np.uint8),
            "tuple": spaces.Tuple([box]),
        }[observe]

    def reset(self, *, seed=None, options=None):
        super().reset(seed=seed)
        rng = self.np_random if self._honest else np.random.default_rng()
        self.x = float(rng.uniform(-1, 1))
        return self._shown(), {}

    def step(self, action):
        assert action.dtype == np.float32
        assert action.shape == (1,)
        self.x += float(action[0])
        return self._shown(), 1.0, self.x > 3, False, {}

    def _shown(self):
        if self._observe == "dict":
            return {"b": np.array([self.x]), "a": np.full((2, 1), 0.5, np.float32)}
        return self.render() if self._observe == "image" else np.array([self.x])

    def render(self):
        frame = np.zeros((16, 24, 3), np.uint8)
        frame[:, : int(12 + 3 * self.x)] = 200
        return frame


gymnasium.register(id="TelosWalk-v0", entry_point=Walk, max_episode_steps=30)


def walk(num_envs=2, **options):
    return make_world("gym:TelosWalk-v0", num_envs, size=8, **options)


def test_streams_actions_and_limits_follow_the_environment():
    world = walk()
    assert isinstance(world, GoalWorld)
    step = world.reset([0, 1])
    assert step.observations["pixels"].shape == (2, 8, 8, 3)
    np.testing.assert_array_equal(step.observations["state"], step.labels["state"])
    assert world.spec.max_steps == 30
    moved = world.step(np.array([[0.5], [7.0]]))
    gained = moved.labels["state"] - step.labels["state"]
    np.testing.assert_allclose(gained, [[0.5], [1.0]], atol=1e-6)


def test_an_ended_environment_keeps_its_last_state_until_the_next_reset():
    world = walk()
    first = world.reset([0, 1])
    for _ in range(5):
        last = world.step(np.array([[1.0], [0.0]]))
    assert last.terminated.tolist() == [True, False]
    frozen = last.labels["state"][0]
    assert 3 < frozen[0] <= 4, "stopped at the first step above 3"
    np.testing.assert_array_equal(last.labels["state"][1], first.labels["state"][1])
    again = world.reset([0, 1])
    assert not again.terminated.any()
    np.testing.assert_array_equal(again.labels["state"], first.labels["state"])


def test_the_time_limit_of_the_environment_is_left_to_the_caller():
    world = walk(1)
    world.reset([0])
    for _ in range(40):
        step = world.step(np.zeros((1, 1)))
    assert not step.terminated.any()


def test_an_episode_depends_on_its_seed_and_not_on_its_batch():
    def states(world, seeds):
        policy = world.behaviour("wander")
        step = world.reset(seeds)
        policy.reset(seeds)
        for _ in range(6):
            step = world.step(policy.act(step.observations, step.labels))
        return step.labels["state"], world.sample_goals("recorded", seeds).labels

    together, goals = states(walk(3), [4, 5, 6])
    alone, goal = states(walk(1), [5])
    np.testing.assert_array_equal(together[1:2], alone)
    np.testing.assert_array_equal(goals["state"][1:2], goal["state"])


def test_a_recorded_goal_is_a_frame_of_the_environment():
    world = walk(2)
    step = world.reset([0, 1])
    goal = world.sample_goals("recorded", [0, 1])
    distance = world.distance(step.labels, goal)
    offset = goal.labels["state"][:, 0] - step.labels["state"][:, 0]
    np.testing.assert_allclose(distance, np.abs(offset), rtol=1e-6)
    np.testing.assert_array_equal(world.path_length(step.labels, goal), distance)
    assert goal.observations["pixels"].shape == (2, 8, 8, 3)


def test_a_reset_that_ignores_its_seed_is_refused_for_goals():
    world = walk(1, env_options={"honest": False})
    world.reset([0])
    with pytest.raises(ValueError, match="np_random"):
        world.sample_goals("recorded", [0])


def test_dict_observations_are_flattened_in_the_order_of_the_space():
    world = walk(1, pixels=False, env_options={"observe": "dict"})
    step = world.reset([0])
    assert set(step.observations) == {"state"}
    state = step.observations["state"]
    assert state.shape == (1, 3)
    assert state.dtype == np.float32
    np.testing.assert_allclose(state[0, :2], 0.5)


def test_pictures_as_observations_become_pixels():
    world = make_world("gym:TwoRooms-v0", 2, size=32)
    step = world.reset([0, 1])
    assert set(step.observations) == {"pixels"}
    assert not step.labels
    assert step.observations["pixels"].shape == (2, 32, 32, 3)
    goal = world.sample_goals("recorded", [0, 1])
    with pytest.raises(NotOfferedError, match="no state vector"):
        world.distance(step.labels, goal)


@pytest.mark.parametrize("name", ["greedy", "expert", "oracle"])
def test_what_cannot_be_known_is_not_offered(name):
    world = walk(1)
    world.reset([0])
    goal = world.sample_goals("recorded", [0])
    with pytest.raises(NotOfferedError):
        getattr(world, name)(goal)


def test_unbounded_actions_need_a_bound():
    with pytest.raises(ValueError, match="action_bound"):
        walk(env_options={"bound": np.inf})
    world = walk(env_options={"bound": np.inf}, action_bound=2.0)
    np.testing.assert_array_equal(world.spec.action_high, [2.0])


@pytest.mark.parametrize(
    ("env_id", "options", "message"),
    [
        ("CartPole-v1", {}, "Discrete"),
        ("gym:TelosWalk-v0", {"env_options": {"observe": "tuple"}}, "flat Dict"),
        ("gym:TelosWalk-v0", {"env_options": {"moon": 1}}, "moon"),
        ("gym:TelosWalk-v0", {"moon": 1}, "no option 'moon'"),
        ("two-rooms", {"split": "moon"}, "'train', 'test'"),
        ("two-room", {}, "'two-rooms'"),
        ("Pendulum-v11", {}, "'Pendulum-v1'"),
    ],
)
def test_what_does_not_fit_is_refused_with_a_remedy(env_id, options, message):
    with pytest.raises(ValueError, match=message):
        make_world(env_id, **options)


def test_aliases_make_the_same_world():
    assert make_world("TwoRooms-v0").spec.id == make_world("two-rooms").spec.id


def test_an_environment_of_gymnasium_steps_and_renders():
    pytest.importorskip("pygame")
    world = make_world("Pendulum-v1", 2)
    world.reset([0, 1])
    step = world.step(np.zeros((2, 1)))
    assert step.observations["pixels"].shape == (2, 64, 64, 3)
    assert step.observations["pixels"].std() > 0
    world.close()


def test_an_environment_of_gymnasium_steps_without_pixels():
    world = make_world("Pendulum-v1", 2, pixels=False)
    first = world.reset([0, 1])
    step = world.step(np.zeros((2, 1)))
    # The state is (cos, sin, speed) of an angle.
    np.testing.assert_allclose(np.hypot(*step.labels["state"][:, :2].T), 1, rtol=1e-5)
    assert not np.array_equal(step.labels["state"], first.labels["state"])


def test_a_missing_drawing_package_is_named(monkeypatch):
    world = walk(1)

    def render():
        raise gymnasium.error.DependencyNotInstalled("pygame is not installed")

    monkeypatch.setattr(world._envs[0].unwrapped, "render", render)
    with pytest.raises(ImportError, match="telos\\[sim\\]"):
        world.reset([0])
