"""The twelve networks that Gaya-Morey et al. (2024, Table 1) compare, each with its input size and head.

Another package adds a network by naming a `Network` in the entry-point group ``xai_compare.zoo``.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
