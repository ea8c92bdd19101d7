"""Intuitive physics by violation of expectation: what surprises, and is it physics?

`watching` is the protocol that models and controls share, `windows` is for long clips;
`contrast`, `scores`, `contexts` and `exactness` measure on matched quadruplets,
`controls` are surprises without physics, `monitor` watches live, `videos`, `peaks` and
`film` look at anyone's video, and `layouts` reads published benchmarks.
"""

from telos.evaluation.surprise.contexts import MemoryChoice as MemoryChoice
from telos.evaluation.surprise.contexts import choose_memory as choose_memory
from telos.evaluation.surprise.contrast import contrast as contrast
from telos.evaluation.surprise.exactness import Exactness as Exactness
from telos.evaluation.surprise.exactness import exactness as exactness
from telos.evaluation.surprise.exactness import require_disjoint as require_disjoint
from telos.evaluation.surprise.monitor import Reading as Reading
from telos.evaluation.surprise.monitor import SurpriseMonitor as SurpriseMonitor
from telos.evaluation.surprise.monitor import alarm_share as alarm_share
from telos.evaluation.surprise.monitor import threshold_of as threshold_of
from telos.evaluation.surprise.peaks import Peak as Peak
from telos.evaluation.surprise.peaks import find_peaks as find_peaks
from telos.evaluation.surprise.peaks import own_threshold as own_threshold
from telos.evaluation.surprise.reduction import reduce_trace as reduce_trace
from telos.evaluation.surprise.scores import SurpriseScores as SurpriseScores
from telos.evaluation.surprise.scores import auroc as auroc
from telos.evaluation.surprise.scores import hedges_g as hedges_g
from telos.evaluation.surprise.scores import score_quadruplets as score_quadruplets
from telos.evaluation.surprise.videos import Footage as Footage
from telos.evaluation.surprise.videos import read_video as read_video
from telos.evaluation.surprise.watching import Watching as Watching
from telos.evaluation.surprise.watching import trace_sets as trace_sets
from telos.evaluation.surprise.windows import Windows as Windows
