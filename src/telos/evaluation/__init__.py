"""Evaluation: protocols as files, floors, ceilings, intervals, probes."""
