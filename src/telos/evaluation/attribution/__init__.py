"""Error attribution: which link of an agent is the weakest?"""

from telos.evaluation.attribution.ladder import Attribution as Attribution
from telos.evaluation.attribution.ladder import attribute as attribute
