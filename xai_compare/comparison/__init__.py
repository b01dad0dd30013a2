"""How alike two maps, or a map and a mask, or a map and people's fixations are: pure functions of arrays.

Maps are (..., h, w) and every metric is batched over the leading axes; `METRICS` holds what is known about each.
Undefined is NaN, and `reason` says why.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
