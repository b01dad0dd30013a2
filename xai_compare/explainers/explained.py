"""Pictures explained at a network's input size, and the maps on the standard face."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from xai_compare import faces
from xai_compare.explainers.base import Explainer, Explanation
from xai_compare.explainers.registry import create
from xai_compare.models import Model


class Explained(NamedTuple):
    """Pictures explained.

    Attributes:
        explanation: maps at the network's input size, and what is known about them.
        maps: float32 ``(n, 275, 224)``, on the standard face.
        seconds: what the explainer took.
    """

    explanation: Explanation
    maps: np.ndarray
    seconds: float


def explain_faces(
    explainer: Explainer, model: Model, pictures: np.ndarray, landmarks: np.ndarray, targets: Sequence[Any]
) -> Explained:
    """Explain pictures at the network's input size, and bring the maps onto the standard face.

    Args:
        explainer: what explains.
        model: the network.
        pictures: uint8 ``(n, h, w, 3)`` at the network's input size.
        landmarks: float ``(n, 68, 2)`` in their pixels.
        targets: what is explained in each, see `xai_compare.explainers.Explainer.explain`.
    """
    began = time.perf_counter()
    result = explainer.explain(model, pictures, list(targets), landmarks)
    seconds = time.perf_counter() - began
    return Explained(result, faces.standardize(result.maps, landmarks), seconds)


def create_seeded(name: str, options: Mapping[str, Any], seed: int) -> Explainer:
    """An explainer that draws from ``seed``, unless it draws nothing or its own options name a seed.

    >>> create_seeded("lime", {"n_samples": 200}, seed=7).options.seed
    7
    """
    made = create(name, **options)
    if "seed" in type(made.options).model_fields and "seed" not in options:
        made = create(name, **options, seed=seed)
    return made
