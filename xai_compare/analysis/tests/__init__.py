"""Tests that papers need: do sources differ, are they equal, where, and what would show it?"""

from xai_compare.analysis.tests.stage import Tests, TestsOptions

__all__ = ["Tests", "TestsOptions"]
