"""Two rooms: an agent, a wall and a door, seen from above."""

from telos.envs.two_rooms.world import TwoRooms as TwoRooms
