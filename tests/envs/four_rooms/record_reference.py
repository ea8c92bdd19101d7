"""Record what MiniGrid does: `pip install minigrid`, run, and commit reference.json."""

import json
import sys
from pathlib import Path

import minigrid
import numpy as np
from minigrid.envs.fourrooms import FourRoomsEnv

EPISODES, STEPS = 6, 120


def main():
    rng, episodes = np.random.default_rng(0), []
    for seed in range(EPISODES):
        env = FourRoomsEnv(max_steps=10**6)
        env.reset(seed=seed)
        rows = range(env.height)
        cells = [[env.grid.get(x, y) for x in range(env.width)] for y in rows]
        walls = [[int(c is not None and c.type == "wall") for c in r] for r in cells]
        actions = rng.choice(3, STEPS, p=[0.15, 0.15, 0.7]).tolist()
        poses = [[*map(int, env.agent_pos), int(env.agent_dir)]]
        for action in actions:
            env.step(action)
            poses.append([*map(int, env.agent_pos), int(env.agent_dir)])
        episodes.append({"walls": walls, "actions": actions, "poses": poses})
    out = {"minigrid": minigrid.__version__, "episodes": episodes}
    path = Path(__file__).with_name("reference.json")
    path.write_text(json.dumps(out, separators=(",", ":")) + "\n")


if __name__ == "__main__":
    sys.exit(main())
