"""REMoDNaV: thresholds that adapt to the noise of the recording."""

from __future__ import annotations

import logging
import warnings

import numpy as np

from xai_compare.extras import require
from xai_compare.human.gaze.detectors import Intervals, detector


@detector("remodnav")
def remodnav(
    degrees: np.ndarray,
    time: np.ndarray,
    rate: float,
    *,
    min_fixation_ms: float = 40.0,
    pursuit_velocity: float = 2.0,
) -> Intervals:
    """Fixations by REMoDNaV, the successor of Nyström & Holmqvist's adaptive method; smooth pursuit is none.

    Args:
        degrees, time, rate: as every detector; the rate should be at least 200 Hz.
        min_fixation_ms: shortest fixation.
        pursuit_velocity: degrees per second from which a slow drift counts as pursuit.

    Raises:
        InputError: if the package ``remodnav`` is not installed.

    Source: Dar, Wagner & Hanke 2021; their implementation. Nyström & Holmqvist 2010.
    """
    require("remodnav")
    from remodnav import EyegazeClassifier

    logging.getLogger("remodnav").setLevel(logging.WARNING)  # It tells of every window it looks at.
    classifier = EyegazeClassifier(
        px2deg=1.0,
        sampling_rate=rate,
        min_fixation_duration=min_fixation_ms / 1000,
        pursuit_velthresh=pursuit_velocity,
        min_intersaccade_duration=0.04,
    )
    begin, end = _whole(degrees, rate)
    if begin == end:
        return []
    data = np.zeros(end - begin, [("x", float), ("y", float)])
    data["x"], data["y"] = degrees[begin:end].T
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        events = classifier(classifier.preproc(data), classify_isp=True, sort_events=True)
    # It gives seconds: rounded to samples, neighbours can overlap by one.
    fixations: Intervals = []
    for event in events:
        if event["label"] == "FIXA":
            start, stop = (begin + round(event[f"{edge}_time"] * rate) for edge in ("start", "end"))
            fixations.append((max(start, fixations[-1][1] if fixations else 0), min(stop, end)))
    return [(start, stop) for start, stop in fixations if stop > start]


def _whole(degrees: np.ndarray, rate: float) -> tuple[int, int]:
    """From the first to the last 50 ms without a loss: REMoDNaV's filter cannot begin or end with one."""
    lost = ~np.isfinite(degrees).all(1)
    edges = np.flatnonzero(np.diff(np.concatenate([[True], lost, [True]]).astype(np.int8)))
    runs = [(a, b) for a, b in zip(edges[::2], edges[1::2], strict=True) if b - a >= 0.05 * rate]
    return (int(runs[0][0]), int(runs[-1][1])) if runs else (0, 0)
