"""I-VT: what is slow is a fixation."""

from __future__ import annotations

import numpy as np
from pymovements.events import ivt as pymovements_ivt
from pymovements.transforms.numpy import pos2vel
from scipy.signal import savgol_filter

from xai_compare.human.gaze.detectors import Intervals, detector


def velocities(degrees: np.ndarray, rate: float, window_ms: float = 20.0) -> np.ndarray:
    """Velocity of gaze in degrees per second, float64 (n, 2), by pymovements.

    A Savitzky-Golay filter of degree 2 over ``window_ms``, or the difference of the two neighbours where that window
    holds fewer than five samples. NaN within half a window of a lost sample.
    """
    window = _window(rate, window_ms)
    if window < 5 or len(degrees) < window:
        return np.asarray(pos2vel(degrees, rate, method="neighbors")) if len(degrees) > 2 else np.zeros_like(degrees)
    return np.asarray(
        pos2vel(degrees, rate, method="savitzky_golay", window_length=window, polyorder=2, mode="nearest")
    )


@detector("ivt")
def ivt(
    degrees: np.ndarray,
    time: np.ndarray,
    rate: float,
    *,
    velocity: float = 30.0,
    acceleration: float | None = None,
    window_ms: float = 20.0,
) -> Intervals:
    """Runs of samples slower than ``velocity`` (and less accelerated than ``acceleration``).

    Args:
        degrees, time, rate: as every detector.
        velocity: degrees per second.
        acceleration: degrees per second squared; 8000 is what SR Research uses beside 30 degrees per second.
        window_ms: over which velocity and acceleration are taken.

    Source: Salvucci & Goldberg 2000; pymovements' implementation. 30 degrees per second: Olsen 2012.
    """
    speed = velocities(degrees, rate, window_ms)
    if acceleration is not None:
        window = max(_window(rate, window_ms), 3)
        # pymovements' pos2acc multiplies by the rate once where the second derivative needs its square (0.28).
        change = savgol_filter(degrees, window, 2, deriv=2, delta=1 / rate, axis=0, mode="nearest")
        speed = np.where(np.linalg.norm(change, axis=1, keepdims=True) < acceleration, speed, np.inf)
    intervals = pymovements_ivt(speed, minimum_duration=0, velocity_threshold=velocity).frame
    return [(int(a), int(b) + 1) for a, b in zip(intervals["onset"], intervals["offset"], strict=True)]


def _window(rate: float, window_ms: float) -> int:
    return int(window_ms * rate / 1000) // 2 * 2 + 1
