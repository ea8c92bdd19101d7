"""The agent, and what a run folder gives to build one."""

from telos.agent.agent import Agent as Agent
from telos.agent.foresight import Foresight as Foresight
from telos.agent.foresight import foresee as foresee
from telos.agent.frames import read_frames as read_frames
from telos.agent.goals import Goals as Goals
from telos.agent.goals import condition as condition
from telos.agent.goals import observed as observed
from telos.agent.goals import predicate as predicate
from telos.agent.goals import read_goals as read_goals
from telos.agent.planners import PLANNERS as PLANNERS
from telos.agent.planners import Deliberation as Deliberation
from telos.agent.planners import make_planner as make_planner
from telos.agent.seams import ObjectiveFactory as ObjectiveFactory
from telos.agent.seams import WorldModel as WorldModel
from telos.agent.trained import AgentParts as AgentParts
from telos.agent.trained import at_the_end_and_along as at_the_end_and_along
from telos.agent.trained import load_agent as load_agent
from telos.agent.wishes import Pursuit as Pursuit
from telos.agent.wishes import Wish as Wish
from telos.agent.wishes import Wishes as Wishes
