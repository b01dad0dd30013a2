"""The exact area under the ROC curve."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt


def auc(positives: npt.NDArray[np.generic], negatives: npt.NDArray[np.generic]) -> float:
    """Probability that a positive (p,) exceeds a negative (n,), ties one half: the exact area under the ROC curve.

    NaN if either is empty or holds NaN.
    """
    if not positives.size or not negatives.size or np.isnan(positives).any() or np.isnan(negatives).any():
        return float("nan")
    ordered = np.sort(negatives)
    # Sorted needles walk the haystack in order, which is what the processor's cache wants.
    needles = np.sort(positives)
    below = np.searchsorted(ordered, needles, "left").sum() + np.searchsorted(ordered, needles, "right").sum()
    return float(below / (2 * positives.size * negatives.size))
