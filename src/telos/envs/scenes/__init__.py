"""Intuitive physics to watch: possible clips to learn from, impossible ones to be
surprised by. See docs/physics.md."""

from telos.envs.scenes.concepts import CONCEPTS as CONCEPTS
from telos.envs.scenes.conditions import RUNGS as RUNGS
from telos.envs.scenes.conditions import Conditions as Conditions
from telos.envs.scenes.conditions import Rung as Rung
from telos.envs.scenes.quadruplets import MEMBERS as MEMBERS
from telos.envs.scenes.quadruplets import Quadruplets as Quadruplets
from telos.envs.scenes.quadruplets import quadruplets as quadruplets
