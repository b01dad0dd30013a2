"""What an experiment with people came to: tables, maps, figures and a page, in one directory."""

from xai_compare.report.human.data import HumanOptions
from xai_compare.report.human.writing import write

__all__ = ["HumanOptions", "write"]
