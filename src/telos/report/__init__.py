"""The report: files in, one self-contained page out. Needs no torch.

`page` lays out run folders, `inspection` what was found in an episode file.
"""

from telos.report.inspection import Shot as Shot
from telos.report.inspection import build_inspection as build_inspection
from telos.report.inspection import write_inspection as write_inspection
from telos.report.page import build_report as build_report
from telos.report.page import write_report as write_report
