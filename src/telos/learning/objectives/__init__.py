"""Objectives: what is minimised while watching, and what surprises."""

from telos.learning.objectives.build import build_objective as build_objective
from telos.learning.objectives.config import OBJECTIVES as OBJECTIVES
from telos.learning.objectives.config import ObjectiveConfig as ObjectiveConfig
from telos.learning.objectives.config import TeacherConfig as TeacherConfig
from telos.learning.objectives.config import objective_config as objective_config
from telos.learning.objectives.objective import Objective as Objective
from telos.learning.objectives.views import Views as Views
