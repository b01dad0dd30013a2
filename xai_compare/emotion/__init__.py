"""Expression is not emotion: clips of faces and eyes, EMERT, and the gap between self-report and seen expression.

Outputs are called "self-report" and "seen expression"; neither is a person's emotion (see `CAUTION`). The gaze here is
the filmed person's, on a stimulus video: an input of the network, not a place on a face.
"""

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
