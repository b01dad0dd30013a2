"""Simulated observers: clicks on faces, drawn from what expresses, from eyes and mouth, and from chance."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from xai_compare.synthetic.sets import SimulatedFaces

COLUMNS = ("participant", "image", "x", "y", "order", "time", "response", "correct", "simulated")


def clicks(faces: SimulatedFaces, names: Sequence[str], n_observers: int = 12, seed: int = 0) -> pd.DataFrame:
    """Let simulated observers click on every face where they "saw" its expression, and name the expression.

    Of each observer's 4 to 7 clicks about 60 % fall on pixels that the expression changed, 30 % around eyes and mouth
    and 10 % anywhere in the picture; all are blurred by an imprecise hand. About 87 % of the answers are right.

    Args:
        faces: the faces.
        names: the name of each face's picture.
        n_observers: how many observers.
        seed: equal seeds give equal clicks.

    Returns:
        One row a click with the columns ``participant, image, x, y, order, time, response, correct, simulated``;
        x and y in pixels, order from 1, time in ms since the picture appeared, simulated always true.
    """
    rng = np.random.default_rng([seed, 4])
    known = sorted(set(faces.labels))
    rows = []
    for observer in range(n_observers):
        shares = rng.dirichlet((12, 6, 2))
        skill = float(np.clip(rng.normal(0.87, 0.05), 0.6, 0.98))
        for k, name in enumerate(names):
            label = faces.labels[k]
            wrong = [other for other in known if other != label]
            right = rng.random() < skill or not wrong
            response = label if right else str(rng.choice(wrong))
            points = _points(faces, k, int(rng.integers(4, 8)), shares, rng)
            times = np.cumsum(rng.gamma(4, 160, len(points))) + 500
            for order, ((x, y), time) in enumerate(zip(points, times, strict=True), start=1):
                person = f"simulated-observer-{observer + 1:02d}"
                rows.append((person, name, round(x, 1), round(y, 1), order, round(time), response, right, True))
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _points(
    faces: SimulatedFaces, k: int, n: int, shares: np.ndarray, rng: np.random.Generator
) -> list[tuple[float, float]]:
    height, width = faces.images.shape[1:3]
    landmarks = faces.landmarks[k]
    eyes_apart = float(np.linalg.norm(landmarks[45] - landmarks[36]))
    places = [landmarks[36:42].mean(0), landmarks[42:48].mean(0), landmarks[48:60].mean(0)]
    changed = np.argwhere(faces.regions[k])[:, ::-1]
    points = []
    for source in rng.choice(3, n, p=shares):
        if source == 0 and len(changed):
            at, hand = changed[rng.integers(len(changed))], 0.05
        elif source == 2:
            at, hand = rng.uniform(0, (width - 1, height - 1)), 0.0
        else:
            at, hand = places[rng.integers(len(places))], 0.13
        x, y = np.clip(rng.normal(at, hand * eyes_apart), 0, (width - 1, height - 1)).tolist()
        points.append((x, y))
    return points
