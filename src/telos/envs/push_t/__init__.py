"""A disc that pushes a T-shaped block, simulated by pymunk, drawn by ourselves."""

from telos.envs.push_t.world import PushT as PushT
