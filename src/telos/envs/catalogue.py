"""The worlds by name."""

from __future__ import annotations

import contextlib
import difflib
import importlib
import inspect
from collections.abc import Callable
from dataclasses import dataclass

import gymnasium

from telos.envs.robotics import register_robotics
from telos.envs.world import GoalWorld

GYM_PREFIX = "gym:"
MAZE_PREFIX = "PointMaze_"


@dataclass(frozen=True, kw_only=True)
class WorldEntry:
    """A world that can be made by its id, described without making it."""

    id: str
    aliases: tuple[str, ...]
    summary: str
    factory: str
    """``module:class``, imported when the world is made."""
    success: str
    """The usual success rule in words; a protocol may choose another."""

    def load(self) -> Callable[..., GoalWorld]:
        """The world's class."""
        module, name = self.factory.split(":")
        return getattr(importlib.import_module(module), name)


_TWO_ROOMS = WorldEntry(
    id="two-rooms",
    aliases=("TwoRooms-v0",),
    summary="a wall, a door, 64 x 64 pixels; layouts random per episode or fixed",
    factory="telos.envs.two_rooms:TwoRooms",
    success="within 4.5 px of the goal",
)
_POINT_MAZE = WorldEntry(
    id="point-maze",
    aliases=("PointMaze_UMaze-v3", "PointMaze_Medium-v3", "PointMaze_Large-v3"),
    summary="a point mass in a MuJoCo maze: U-shaped, medium or large; 64 x 64 pixels",
    factory="telos.envs.point_maze:PointMaze",
    success="within 0.5 m of the goal",
)
_DISCS = WorldEntry(
    id="discs",
    aliases=(),
    summary="a point mass and discs to stay out of; one beside, one between, a field",
    factory="telos.envs.discs:Discs",
    success="within 0.1 m of the goal",
)
_PENDULUM = WorldEntry(
    id="pendulum",
    aliases=(),
    summary="swing up and hold by a bounded torque, never faster than a limit",
    factory="telos.envs.pendulum:Pendulum",
    success="within 0.15 rad of the goal, a tenth of a second of speed included",
)
_CART_POLE = WorldEntry(
    id="cart-pole",
    aliases=(),
    summary="move a cart, keep its pole upright, stay on the track",
    factory="telos.envs.cart_pole:CartPole",
    success="both ends of the pole within 0.1 m of where they should be",
)
_REACHER = WorldEntry(
    id="reacher",
    aliases=(),
    summary="an arm of two links, driven by torques: the physics of Reacher-v5",
    factory="telos.envs.reacher:Reacher",
    success="fingertip within 0.02 m of the goal's",
)
_FOUR_ROOMS = WorldEntry(
    id="four-rooms",
    aliases=(),
    summary="MiniGrid's four rooms: three actions, doors elsewhere in every episode",
    factory="telos.envs.four_rooms:FourRooms",
    success="in the cell of the goal",
)
_HIDDEN_HAZARD = WorldEntry(
    id="hidden-hazard",
    aliases=(),
    summary="a point mass, and a disc that may be in the way and is seen too late",
    factory="telos.envs.hidden_hazard:HiddenHazard",
    success="within 0.1 m of the goal",
)
_CUBE = WorldEntry(
    id="cube",
    aliases=(),
    summary="OGBench's arm and single cube, goals of its own task set",
    factory="telos.envs.cube:Cube",
    success="cube within 0.04 m of the goal",
)
_PUSH_T = WorldEntry(
    id="push-t",
    aliases=(),
    summary="a disc that pushes a T-shaped block, with the physics of Push-T",
    factory="telos.envs.push_t:PushT",
    success="agent and T within 20 px together and the T within 20 degrees",
)
_INTUITIVE_PHYSICS = WorldEntry(
    id="intuitive-physics",
    aliases=(),
    summary="bodies, screens, walls and shelves to watch; no actions, 32 x 32 pixels",
    factory="telos.envs.scenes.world:IntuitivePhysics",
    success="none: surprise is measured with quadruplets",
)
_MOVING_DIGITS = WorldEntry(
    id="moving-digits",
    aliases=(),
    summary="handwritten digits that bounce, to watch; no actions, 32 x 32 pixels",
    factory="telos.envs.moving_digits:MovingDigits",
    success="none: probes are measured on labels",
)
_GYMNASIUM = WorldEntry(
    id="gym:<id>",
    aliases=(),
    summary="any registered gymnasium environment with continuous actions",
    factory="telos.envs.gymnasium_world:GymnasiumWorld",
    success="named by the protocol, in the unit of the state",
)
_OWN = (
    _TWO_ROOMS,
    _FOUR_ROOMS,
    _DISCS,
    _HIDDEN_HAZARD,
    _PENDULUM,
    _CART_POLE,
    _REACHER,
    _POINT_MAZE,
    _CUBE,
    _PUSH_T,
    _INTUITIVE_PHYSICS,
    _MOVING_DIGITS,
)


def list_worlds() -> tuple[WorldEntry, ...]:
    """All worlds; the last one stands for every gymnasium environment."""
    return *_OWN, _GYMNASIUM


def make_world(env_id: str, num_envs: int = 1, **options: object) -> GoalWorld:
    """Make a batched world.

    Args:
        env_id: A world of ``list_worlds``, a PointMaze id of gymnasium-robotics,
            ``gym:<id>`` or any id that is registered with gymnasium.
        num_envs: B, the number of environments.
        **options: Of the world's class, as stored in ``WorldSpec.options``.

    Raises:
        ValueError: If the id or an option is unknown; close matches are named.
        ImportError: If the world needs a package that is not installed.
    """
    if env_id.startswith(MAZE_PREFIX):
        return _build(_POINT_MAZE, num_envs, {"maze": env_id, **options})
    for entry in _OWN:
        if env_id in (entry.id, *entry.aliases):
            return _build(entry, num_envs, options)
    name = env_id.removeprefix(GYM_PREFIX)
    if not _is_registered(name):
        raise ValueError(_unknown(env_id))
    return _build(_GYMNASIUM, num_envs, {"env_id": name, **options})


def _build(entry: WorldEntry, num_envs: int, options: dict[str, object]) -> GoalWorld:
    factory = entry.load()
    known = [name for name in inspect.signature(factory).parameters if name != "env_id"]
    for name in options:
        if name not in (*known, "env_id"):
            raise ValueError(
                f"{entry.id!r} has no option {name!r}: expected one of "
                f"{', '.join(known)}."
            )
    return factory(num_envs=num_envs, **options)


def _is_registered(env_id: str) -> bool:
    """Whether gymnasium can make an id; imports the module of ``module:id``."""
    module, _, _ = env_id.rpartition(":")
    if module:
        importlib.import_module(module)
    name = env_id.rpartition(":")[2]
    if name not in gymnasium.registry:
        with contextlib.suppress(ModuleNotFoundError):
            register_robotics()
    return name in gymnasium.registry


def _unknown(env_id: str) -> str:
    own = [n for e in list_worlds()[:-1] for n in (e.id, *e.aliases)]
    names = {name.lower(): name for name in (*gymnasium.registry, *own)}
    asked = env_id.removeprefix(GYM_PREFIX).lower()
    near = difflib.get_close_matches(asked, names, n=3, cutoff=0.5)
    hint = f" Did you mean {', '.join(repr(names[n]) for n in near)}?" if near else ""
    return (
        f"unknown environment {env_id!r}.{hint} Choose "
        f"{', '.join(entry.id for entry in _OWN)} or gym:<any registered gymnasium id>."
        " To use your own, register it with "
        "gymnasium in a module and say 'gym:your_module:YourEnv-v0'."
    )
