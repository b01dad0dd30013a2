"""People: where they clicked and where they looked, as tables of points and as maps."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
