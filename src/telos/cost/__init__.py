"""Cost: what is wanted (objectives), what is forbidden (guardrails), in what units."""

from telos.cost.calibration import Calibration as Calibration
from telos.cost.calibration import calibrate as calibrate
from telos.cost.calibration import conformal_buffer as conformal_buffer
from telos.cost.compose import ObjectiveAlgebra as ObjectiveAlgebra
from telos.cost.compose import Scaled as Scaled
from telos.cost.compose import Sum as Sum
from telos.cost.effort import Effort as Effort
from telos.cost.fitting import fit_readout as fit_readout
from telos.cost.goal_readout import GoalReadout as GoalReadout
from telos.cost.guardrails import Bound as Bound
from telos.cost.guardrails import KeepOutBox as KeepOutBox
from telos.cost.guardrails import KeepOutDisc as KeepOutDisc
from telos.cost.guardrails import load_zones as load_zones
from telos.cost.latent_goal import LatentGoal as LatentGoal
from telos.cost.readout import ReadOut as ReadOut
from telos.cost.readout import identity_readout as identity_readout
from telos.cost.readout import read_out_from as read_out_from
from telos.cost.smoothness import Smoothness as Smoothness
from telos.cost.terrain import LearnedTerrain as LearnedTerrain
from telos.cost.timing import Running as Running
from telos.cost.timing import Terminal as Terminal
