"""Cube: an arm that moves a cube, simulated by OGBench."""

from telos.envs.cube.world import Cube as Cube
