"""The report: figures, tables in the papers' layout, and one page that opens offline."""

from xai_compare.report.building import build, build_comparison
from xai_compare.report.explanation import save_explanations
from xai_compare.report.maps import overlay

__all__ = ["build", "build_comparison", "overlay", "save_explanations"]
