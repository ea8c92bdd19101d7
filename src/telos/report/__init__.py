"""The report: run folders in, one self-contained page out. Needs no torch."""

from telos.report.page import build_report as build_report
from telos.report.page import write_report as write_report
