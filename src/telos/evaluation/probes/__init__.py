"""What a representation holds: labels read out of frozen features of unseen episodes.

A probe is trained on some episodes, chosen on others and measured on a third set. Split
by frames instead, a probe would recognise the episode and report what it remembers.

Three controls say what a number is worth: guessing, which knows nothing; the same probe
on an encoder that has learned nothing, because much can be read out of random features;
and, in sequences, a probe that is told the time and nothing else.

`numbers` reads quantities (R2), `classes` reads classes (accuracy), `clips` reads
every label of clips, frame by frame and clip by clip; `parts` splits, `fitting` and
`networks` hold the kinds of probe.
"""

from telos.evaluation.probes.classes import ClassProbe as ClassProbe
from telos.evaluation.probes.classes import probe_classes as probe_classes
from telos.evaluation.probes.classes import read_classes as read_classes
from telos.evaluation.probes.clips import ClipFeatures as ClipFeatures
from telos.evaluation.probes.clips import LabelReading as LabelReading
from telos.evaluation.probes.clips import read_labels as read_labels
from telos.evaluation.probes.clips import time_features as time_features
from telos.evaluation.probes.fitting import RIDGES as RIDGES
from telos.evaluation.probes.fitting import Kind as Kind
from telos.evaluation.probes.numbers import LabelProbes as LabelProbes
from telos.evaluation.probes.numbers import ProbeResult as ProbeResult
from telos.evaluation.probes.numbers import probe as probe
from telos.evaluation.probes.numbers import probe_label as probe_label
from telos.evaluation.probes.parts import SHARES as SHARES
