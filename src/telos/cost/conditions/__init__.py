"""Goals as conditions on read-outs, written down as text."""

from telos.cost.conditions.condition import Condition as Condition
from telos.cost.conditions.goal import ConditionGoal as ConditionGoal
from telos.cost.conditions.parser import parse_condition as parse_condition
