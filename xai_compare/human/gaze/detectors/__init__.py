"""Finding fixations in the samples of a trial: one function per method, known by name.

A new detector is one function in a file of this folder, or of another package with an entry point of the group
``xai_compare.detectors``::

    @detector("mine")
    def mine(degrees, time, rate, *, threshold: float = 1.0):
        return [(start, stop), ...]

Its arguments: ``degrees``, float64 (n, 2), the direction of gaze, NaN where the eye was not found; ``time``, float64
(n,), ms; ``rate``, samples per second. It returns the fixations as pairs of indices, the first sample and the one after
the last, in order and without overlap. Fixations that are too short are removed afterwards, and counted.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import numpy as np

from xai_compare.errors import InputError, nearest
from xai_compare.registry import Registry

Intervals = list[tuple[int, int]]
Detector = Callable[..., Intervals]

DETECTORS: Registry[Detector] = Registry(
    "event detector",
    "xai_compare.detectors",
    ("xai_compare.human.gaze.detectors.*",),
    check=lambda thing: "" if callable(thing) else "is not a function",
)

detector = DETECTORS.register


def detect(name: str, degrees: np.ndarray, time: np.ndarray, rate: float, **options: Any) -> Intervals:
    """Find the fixations of a trial by the detector called ``name``; see the module for arguments and result.

    Raises:
        InputError: if there is no such detector, or it has no such option.
    """
    find_fixations = DETECTORS.get(name)
    parameters = inspect.signature(find_fixations).parameters
    known = [key for key, option in parameters.items() if option.kind is option.KEYWORD_ONLY]
    for key in options:
        if key not in known:
            raise InputError(f"the detector {name!r} has no option {key!r}", hint=nearest(key, known))
    return find_fixations(degrees, time, rate, **options)
