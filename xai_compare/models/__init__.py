"""Networks, wherever they come from, behind one interface; torch is imported when something here is first used."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
