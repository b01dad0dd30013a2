"""I-DT: what stays together is a fixation."""

from __future__ import annotations

import warnings

import numpy as np
from pymovements.events import idt as pymovements_idt

from xai_compare.human.gaze.detectors import Intervals, detector


@detector("idt")
def idt(
    degrees: np.ndarray, time: np.ndarray, rate: float, *, dispersion: float = 1.0, window_ms: float = 100.0
) -> Intervals:
    """Windows, as long as can be, whose extent across plus extent down is at most ``dispersion`` degrees.

    As in pymovements, the sample that breaks the limit is counted as the fixation's last, and the next fixation begins
    after it.

    Args:
        degrees, time, rate: as every detector.
        dispersion: in degrees.
        window_ms: the shortest window, with which the search begins.

    Source: Salvucci & Goldberg 2000; pymovements' implementation.
    """
    shortest = max(2, round(window_ms * rate / 1000))
    if len(degrees) <= shortest:
        return []
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)  # Windows of lost samples only have no extent.
        intervals = pymovements_idt(degrees, minimum_duration=shortest, dispersion_threshold=dispersion).frame
    return [(int(a), int(b) + 1) for a, b in zip(intervals["onset"], intervals["offset"], strict=True)]
