"""The report: figures, tables in the papers' layout, and one page that opens offline.

`build` and `build_comparison` make it. Another package adds to it by a section, see `xai_compare.report.section`;
figures of a section look like the others when they are made with `style` and `ImageGrid`.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
