"""Ekman masks: from expressions over action units to the regions of the face (EMFACS; Gaya-Morey et al. 2024)."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
