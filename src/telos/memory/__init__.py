"""Short-term memory: what happened in this episode, for the world model to look up."""

from telos.memory.beliefs import BothBeliefs as BothBeliefs
from telos.memory.corrections import CorrectableDynamics as CorrectableDynamics
from telos.memory.corrections import CorrectedDynamics as CorrectedDynamics
from telos.memory.corrections import Corrections as Corrections
from telos.memory.corrections import MemoryConfig as MemoryConfig
