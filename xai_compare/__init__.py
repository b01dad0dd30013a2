"""When a network reads a facial expression, does it look where people look?

The rooms of the package follow the pipeline; each is imported when first used. What is used most stands here:

>>> import xai_compare as xc
>>> [name for name in dir(xc) if name.islower() and callable(getattr(xc, name))]
['check_model', 'compare', 'explain', 'explore', 'run', 'status', 'verify']
"""

import lazy_loader

from xai_compare import version

__version__ = version.VERSION

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
