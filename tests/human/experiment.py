"""A simulated click-to-reveal experiment with two alternatives and planted effects (Park & Wallraven 2022, section 4).

Simulated: nobody clicked. Each pair of expressions has a difficulty between 0 and 1. The harder, the fewer answers are
right, the more clicks are made and the longer they take. Everyone clicks on the left eye first, then on the right eye,
then on the mouth, and goes on around the left eye.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import numpy as np
import pandas as pd

EXPRESSIONS = ("anger", "contempt", "disgust", "fear", "happiness", "neutral", "sadness", "surprise")
LEFT_EYE, RIGHT_EYE, MOUTH = (70.0, 80.0), (130.0, 80.0), (100.0, 150.0)
SHAPE = (200, 200)
PAIRS = list(itertools.combinations(EXPRESSIONS, 2))


def difficulty(label: str, false: str) -> float:
    """How hard a pair is: from 0 to 1, and not the same both ways."""
    at = sorted((*PAIRS, *((b, a) for a, b in PAIRS))).index((label, false))
    return (at * 37 % 56) / 55


def pictures() -> pd.DataFrame:
    """280 pictures, 35 of each expression, ten of each of the 28 pairs, five each way."""
    rows = []
    for a, b in PAIRS:
        for label, false in ((a, b), (b, a)):
            rows += [(f"{label}_{false}_{k}.png", label, false) for k in range(5)]
    return pd.DataFrame(rows, columns=["image", "label", "false_label"])


def trials(n_observers: int = 22, seed: int = 0, *, careless: bool = True, skipped: bool = True) -> list[dict]:
    """The trials in jsPsych's form, with one more observer who guesses and one who skipped a block."""
    rng = np.random.default_rng(seed)
    shown = pictures()
    people = [f"s{number:02d}" for number in range(n_observers)]
    people += ["careless"] * careless + ["skipped"] * skipped
    found = []
    for person in people:
        order = rng.permutation(len(shown))
        for rank, at in enumerate(order):
            block = rank // 70 + 1
            if person == "skipped" and block == 3:
                continue
            image, label, false = shown.iloc[at]
            hard = difficulty(label, false)
            right = rng.random() < (0.5 if person == "careless" else 0.98 - 0.33 * hard)
            n = 3 + rng.poisson(4 * hard)
            places = [LEFT_EYE, RIGHT_EYE, MOUTH] + [LEFT_EYE] * (n - 3)
            steps = rng.uniform(500, 700, n).cumsum()
            clicks = [
                {"x": float(x + rng.normal(0, 6)), "y": float(y + rng.normal(0, 6)), "t": float(t)}
                for (x, y), t in zip(places, steps, strict=True)
            ]
            choices = [label, false] if rng.random() < 0.5 else [false, label]
            found.append(
                {
                    "trial_type": "click-to-reveal",
                    "trial_index": rank,
                    "participant": person,
                    "block": block,
                    "stimulus": f"img/{image}",
                    "label": label,
                    "false_label": false,
                    "choices": choices,
                    "response": choices.index(label if right else false),
                    "rt": float(steps[-1] + rng.uniform(300, 500)),
                    "clicks": clicks,
                }
            )
    return found


def write_json(path: Path, **options) -> Path:
    """The simulated experiment as jsPsych's JSON."""
    path.write_text(json.dumps([{"trial_type": "instructions", "trial_index": 0, "rt": 1}, *trials(**options)]))
    return path


def write_csv(path: Path, **options) -> Path:
    """The simulated experiment as jsPsych's CSV, with lists as JSON in their cells."""
    rows = [{k: json.dumps(v) if isinstance(v, list) else v for k, v in one.items()} for one in trials(**options)]
    pd.DataFrame(rows).to_csv(path, index=False)
    return path
