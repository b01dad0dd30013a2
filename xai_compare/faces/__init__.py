"""Faces: detection and landmarks, the path of a picture to its crop, the canonical face, and the warp onto it."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
