"""The report: figures, tables in the papers' layout, and one page that opens offline.

`build` and `build_comparison` make it. Another package adds to it by a section, see `xai_compare.report.section`;
figures of a section look like the others when they are made with `style` and `Sheet`.
"""

from xai_compare.report import style
from xai_compare.report.building import build, build_comparison
from xai_compare.report.colouring import overlay
from xai_compare.report.explanation import save_explanations
from xai_compare.report.listing import Cell, Listing
from xai_compare.report.material import LabelledSource, Material
from xai_compare.report.section import SECTIONS, Headline, Section
from xai_compare.report.sheet import Sheet
from xai_compare.report.style import Picture

__all__ = [
    "SECTIONS",
    "Cell",
    "Headline",
    "LabelledSource",
    "Listing",
    "Material",
    "Picture",
    "Section",
    "Sheet",
    "build",
    "build_comparison",
    "overlay",
    "save_explanations",
    "style",
]
