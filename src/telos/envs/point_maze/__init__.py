"""A point mass in a maze, simulated and drawn by MuJoCo."""

from telos.envs.point_maze.world import PointMaze as PointMaze
