"""The report: files in, one self-contained page out. Needs no torch.

`page` lays out run folders, `inspection` what was found in an episode file, `surprise`
what a model was surprised by in a video, `diagnosis` a verdict on embeddings,
`objectives` a comparison of objectives.
"""

from telos.report.diagnosis import build_diagnosis as build_diagnosis
from telos.report.diagnosis import write_diagnosis as write_diagnosis
from telos.report.inspection import Shot as Shot
from telos.report.inspection import build_inspection as build_inspection
from telos.report.inspection import write_inspection as write_inspection
from telos.report.objectives import build_objectives as build_objectives
from telos.report.objectives import write_objectives as write_objectives
from telos.report.page import build_report as build_report
from telos.report.page import write_report as write_report
from telos.report.surprise import build_surprise as build_surprise
from telos.report.surprise import write_surprise as write_surprise
