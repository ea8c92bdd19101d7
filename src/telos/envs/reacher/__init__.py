"""Reacher: an arm of two links in a plane, with the physics of gymnasium's."""

from telos.envs.reacher.world import Reacher as Reacher
