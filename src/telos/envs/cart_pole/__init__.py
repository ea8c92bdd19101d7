"""Cart-pole: move a cart without dropping the pole that stands on it."""

from telos.envs.cart_pole.world import CartPole as CartPole
