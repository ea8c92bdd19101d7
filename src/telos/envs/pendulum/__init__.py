"""Pendulum: a bounded torque, a limit on the speed, an angle to hold."""

from telos.envs.pendulum.world import Pendulum as Pendulum
