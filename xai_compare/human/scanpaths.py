"""How alike two people's scanpaths are, by MultiMatch.

ScanMatch is not offered: there is no maintained Python implementation of it, and what it scores (the order of areas
visited) is told by `xai_compare.human.areas.transitions`.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import combinations

import numpy as np
import pandas as pd

from xai_compare.extras import require

MEASURES = ("shape", "direction", "length", "position", "duration")
_FEWEST = 3


def multimatch(
    fixations: pd.DataFrame, shapes: Mapping[str, tuple[int, int]], most_pairs: int = 100, seed: int = 0
) -> pd.DataFrame:
    """Return how alike the scanpaths of two people on the same picture are, on average over pairs of people.

    Args:
        fixations: participant, image, order, x, y, duration in ms.
        shapes: each picture's (height, width) in pixels.
        most_pairs: so many pairs, drawn at random, are compared on a picture with more.
        seed: of that draw.

    Returns:
        ``image, pairs, shape, direction, length, position, duration, note``: each 0 to 1, 1 for equal scanpaths; NaN,
        and why, where fewer than two people have three fixations.

    Raises:
        InputError: if the package multimatch-gaze is not installed.

    Source: Dewhurst et al. 2012; Wagner, Halchenko & Hanke 2019, whose implementation this is.
    """
    require("multimatch-gaze")
    from multimatch_gaze import docomparison

    rng = np.random.default_rng(seed)
    rows = []
    for image, own in fixations.groupby("image", sort=False, observed=True):
        if image not in shapes:
            continue
        height, width = shapes[str(image)]
        paths = [
            _vector(path) for _, path in own.groupby("participant", sort=False, observed=True) if len(path) >= _FEWEST
        ]
        pairs = list(combinations(range(len(paths)), 2))
        if len(pairs) > most_pairs:
            pairs = [pairs[at] for at in rng.choice(len(pairs), most_pairs, replace=False)]
        values = [docomparison(paths[a], paths[b], screensize=[width, height]) for a, b in pairs]
        means = np.array(values, float).mean(0) if values else np.full(len(MEASURES), np.nan)
        note = "" if pairs else f"fewer than two people with {_FEWEST} fixations"
        measured = dict(zip(MEASURES, means.tolist(), strict=True))
        rows.append({"image": image, "pairs": len(pairs)} | measured | {"note": note})
    return pd.DataFrame(rows, columns=["image", "pairs", *MEASURES, "note"])


def _vector(path: pd.DataFrame) -> np.ndarray:
    ordered = path.sort_values("order") if "order" in path else path
    vector = np.zeros(len(ordered), [("start_x", "f8"), ("start_y", "f8"), ("duration", "f8")])
    vector["start_x"], vector["start_y"] = ordered["x"], ordered["y"]
    vector["duration"] = ordered["duration"] / 1000
    return vector
