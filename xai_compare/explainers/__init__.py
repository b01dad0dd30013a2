"""Where in a picture a network's output comes from: one small interface, and a register of explainers.

>>> from xai_compare import explainers
>>> "lime" in explainers.names()
True
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
