"""The agent, and what a run folder gives to build one."""

from telos.agent.agent import Agent as Agent
from telos.agent.agent import ObjectiveFactory as ObjectiveFactory
from telos.agent.agent import WorldModel as WorldModel
from telos.agent.planners import PLANNERS as PLANNERS
from telos.agent.planners import Deliberation as Deliberation
from telos.agent.planners import make_planner as make_planner
from telos.agent.trained import AgentParts as AgentParts
from telos.agent.trained import at_the_end_and_along as at_the_end_and_along
from telos.agent.trained import load_agent as load_agent
