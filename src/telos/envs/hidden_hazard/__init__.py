"""Hidden hazard: a point mass, and a disc whose place is revealed late."""

from telos.envs.hidden_hazard.world import HiddenHazard as HiddenHazard
