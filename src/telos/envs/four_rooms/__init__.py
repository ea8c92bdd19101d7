"""Four rooms: a grid with four doors and three actions, as in MiniGrid."""

from telos.envs.four_rooms.world import FourRooms as FourRooms
