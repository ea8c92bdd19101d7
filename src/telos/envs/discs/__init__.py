"""Discs: a point mass, places that it must not enter, and exact margins."""

from telos.envs.discs.world import Discs as Discs
