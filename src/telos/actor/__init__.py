"""Actor: planners that deliberate, and the shield that everything passes."""

from telos.actor.archive import Archive as Archive
from telos.actor.augmented_lagrangian import AugmentedLagrangian as AugmentedLagrangian
from telos.actor.augmented_lagrangian import (
    AugmentedLagrangianConfig as AugmentedLagrangianConfig,
)
from telos.actor.beam import Beam as Beam
from telos.actor.beam import BeamConfig as BeamConfig
from telos.actor.cem import CEM as CEM
from telos.actor.cem import CEMConfig as CEMConfig
from telos.actor.follow import Follow as Follow
from telos.actor.gradient import Gradient as Gradient
from telos.actor.gradient import GradientConfig as GradientConfig
from telos.actor.grasp import GRASP as GRASP
from telos.actor.grasp import GRASPConfig as GRASPConfig
from telos.actor.habit import Habit as Habit
from telos.actor.hybrid import Hybrid as Hybrid
from telos.actor.hybrid import HybridConfig as HybridConfig
from telos.actor.icem import ICEM as ICEM
from telos.actor.icem import ICEMConfig as ICEMConfig
from telos.actor.mppi import MPPI as MPPI
from telos.actor.mppi import MPPIConfig as MPPIConfig
from telos.actor.noise import coloured_noise as coloured_noise
from telos.actor.planner import SearchPlanner as SearchPlanner
from telos.actor.prices import PricesConfig as PricesConfig
from telos.actor.random_shooting import RandomShooting as RandomShooting
from telos.actor.random_shooting import RandomShootingConfig as RandomShootingConfig
from telos.actor.receding import RecedingHorizon as RecedingHorizon
from telos.actor.route import RouteConfig as RouteConfig
from telos.actor.route import Routes as Routes
from telos.actor.route import RouteSearch as RouteSearch
from telos.actor.search import Search as Search
from telos.actor.settings import SearchConfig as SearchConfig
from telos.actor.shield import Shield as Shield
from telos.actor.waypoints import Waypoints as Waypoints
