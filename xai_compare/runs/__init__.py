"""Runs: planned, executed, stored, opened again."""

from xai_compare.runs.execution import default_study, run
from xai_compare.runs.run import Run

__all__ = ["Run", "default_study", "run"]
