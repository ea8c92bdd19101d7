"""Write reference.json: what the original environment does under given actions.

In an environment of its own, since gym-pusht wants an older pymunk than telos:

    pip install gym-pusht==0.1.8
    python tests/envs/push_t/record_reference.py
"""

import json
from importlib.metadata import version
from pathlib import Path

import gym_pusht  # noqa: F401  registers the environment
import gymnasium
import numpy as np

STEPS = 30
EPISODES = {"jumps": (0, 1, 2), "press": (0, 1, 2, 3), "ram": (0, 1, 4)}
"""Kind -> seeds. ``jumps`` heads for one place after the other, ``press`` pushes the T
slowly, ``ram`` runs into it again and again."""


def place(env, rng):
    """Put the agent and the T anywhere apart, at rest and without a memory."""
    env.agent.position, env.block.position = (-3000, -3000), (-2000, -2000)
    for _ in range(5):
        env.space.step(env.dt)
    while True:
        agent, block = rng.uniform(50, 450, 2), rng.uniform(170, 340, 2)
        env.agent.position, env.agent.velocity = agent.tolist(), (0, 0)
        # The angle first: it turns the T around its centre, not around its origin.
        env.block.angle = rng.uniform(-np.pi, np.pi)
        env.block.position = block.tolist()
        if all(s.point_query(tuple(agent)).distance > 20 for s in env.block.shapes):
            env.space.reindex_shapes_for_body(env.block)
            return


def target(env, kind, rng, time, before):
    """(2,) where the agent should go."""
    agent = np.array(env.agent.position)
    centre = np.array(env.block.local_to_world((0, 45)))
    if kind == "jumps":
        return rng.uniform(0, 512, 2) if time % 4 == 0 else before
    if kind == "ram":
        return np.clip(centre + rng.normal(0, 60, 2), 0, 512)
    way = (centre - agent) / np.linalg.norm(centre - agent)
    return np.clip(agent + 25 * way + rng.normal(0, 5, 2), 0, 512)


def state(env):
    """(7,) position and velocity of the agent, pose of the T."""
    agent, block = env.agent, env.block
    return [*agent.position, *agent.velocity, *block.position, block.angle]


def record(env, kind, seed):
    """One episode."""
    rng = np.random.default_rng(seed)
    env.reset(seed=seed)
    place(env, rng)
    states, actions = [state(env)], []
    for time in range(STEPS):
        before = np.array(actions[-1]) if actions else None
        action = target(env, kind, rng, time, before)
        env.step(action)
        actions.append(action.tolist())
        states.append(state(env))
    return {"kind": kind, "seed": seed, "actions": actions, "states": states}


def main():
    env = gymnasium.make("gym_pusht/PushT-v0", obs_type="state").unwrapped
    packages = ("gym-pusht", "pymunk", "numpy", "gymnasium")
    found = {
        "source": "gym_pusht/PushT-v0, recorded by record_reference.py",
        "versions": {name: version(name) for name in packages},
        "episodes": [
            record(env, kind, seed)
            for kind, seeds in EPISODES.items()
            for seed in seeds
        ],
    }
    path = Path(__file__).with_name("reference.json")
    path.write_text(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
