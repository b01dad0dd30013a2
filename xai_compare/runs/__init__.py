"""Runs: stages planned and carried out, outcomes stored, runs opened again."""

from typing import TYPE_CHECKING

import lazy_loader

if TYPE_CHECKING:
    from xai_compare.runs.job import run
    from xai_compare.runs.results import Run

__all__ = ["Run", "run"]

__getattr__, __dir__, _ = lazy_loader.attach(__name__, submod_attrs={"job": ["run"], "results": ["Run"]})
