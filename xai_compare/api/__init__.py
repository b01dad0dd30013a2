"""Whole jobs in one call: what a notebook reaches as ``xc.NAME``, and what each command of the command line runs."""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
