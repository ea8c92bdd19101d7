"""stable-worldmodel, both ways: its solvers as planners, planners as its solvers.

Nothing here imports stable-worldmodel: what is said of it was read in version 0.1.1.
"""

from telos.adapters.stable_worldmodel.costs import ImaginedCost as ImaginedCost
from telos.adapters.stable_worldmodel.planner import SolverPlanner as SolverPlanner
from telos.adapters.stable_worldmodel.planner import SolverRequest as SolverRequest
from telos.adapters.stable_worldmodel.protocol import PlanConfig as PlanConfig
from telos.adapters.stable_worldmodel.solver import PlannerSolver as PlannerSolver
