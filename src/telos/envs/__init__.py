"""Worlds: batched environments with goals, margins and the truth about both.

Importing this package registers ``TwoRooms-v0`` with gymnasium.
"""

import gymnasium as _gymnasium

from telos.envs.catalogue import WorldEntry as WorldEntry
from telos.envs.catalogue import list_worlds as list_worlds
from telos.envs.catalogue import make_world as make_world
from telos.envs.errors import NotOfferedError as NotOfferedError
from telos.envs.random_policy import RandomPolicy as RandomPolicy
from telos.envs.world import Foresight as Foresight
from telos.envs.world import Goal as Goal
from telos.envs.world import GoalWorld as GoalWorld
from telos.envs.world import Step as Step
from telos.envs.world import StreamSpec as StreamSpec
from telos.envs.world import World as World
from telos.envs.world import WorldSpec as WorldSpec

if "TwoRooms-v0" not in _gymnasium.registry:
    _gymnasium.register(
        id="TwoRooms-v0",
        entry_point="telos.envs.two_rooms.env:TwoRoomsEnv",
        max_episode_steps=200,
    )
