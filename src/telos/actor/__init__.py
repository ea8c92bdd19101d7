"""Actor: planners that deliberate, and the shield that everything passes."""

from telos.actor.archive import Archive as Archive
from telos.actor.icem import ICEM as ICEM
from telos.actor.icem import ICEMConfig as ICEMConfig
from telos.actor.noise import coloured_noise as coloured_noise
from telos.actor.random_shooting import RandomShooting as RandomShooting
from telos.actor.random_shooting import RandomShootingConfig as RandomShootingConfig
from telos.actor.receding import RecedingHorizon as RecedingHorizon
from telos.actor.route import RouteConfig as RouteConfig
from telos.actor.route import Routes as Routes
from telos.actor.route import RouteSearch as RouteSearch
from telos.actor.shield import Shield as Shield
from telos.actor.waypoints import Waypoints as Waypoints
