"""Superpixels: the parts of a picture that LIME switches on and off."""

from __future__ import annotations

import warnings

import numpy as np
from skimage.measure import label
from skimage.segmentation import slic

from xai_compare.explainers.threads import GLOBAL_STATE


def superpixels(image: np.ndarray, n_segments: int, compactness: float) -> np.ndarray:
    """SLIC superpixels (Achanta et al. 2012) of a uint8 ``(h, w, 3)`` picture: int64 ``(h, w)`` labels from 0 up.

    Each label is one 4-connected region. The number of regions is near ``n_segments``, seldom equal to it.
    """
    with GLOBAL_STATE, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        labels = slic(image, n_segments=n_segments, compactness=compactness, start_label=0, enforce_connectivity=True)
    # SLIC's own connectivity step can leave a label in two pieces or skip a number.
    labels = label(labels, background=-1, connectivity=1)
    return np.unique(labels, return_inverse=True)[1].reshape(labels.shape)
