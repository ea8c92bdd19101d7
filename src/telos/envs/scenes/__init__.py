"""Intuitive physics to watch: possible clips to learn from, impossible ones to be
surprised by. See docs/physics.md."""

from telos.envs.scenes.concepts import CONCEPTS as CONCEPTS
from telos.envs.scenes.conditions import RUNGS as RUNGS
from telos.envs.scenes.conditions import Conditions as Conditions
from telos.envs.scenes.conditions import Rung as Rung
from telos.envs.scenes.splice import MEMBERS as MEMBERS
from telos.envs.scenes.splice import Quadruplets as Quadruplets
from telos.envs.scenes.splice import quadruplets as quadruplets
from telos.envs.scenes.states import STATE_NAMES as STATE_NAMES
from telos.envs.scenes.tracker import track as track
