"""How often p values are below 5 % where nothing is to be found: those of tests on scores of single pictures.

Simulated scores: pictures differ much (and are skewed), people too, nothing else does. Each study is tested as a run
tests it. `benchmarks/coverage.py` does the same for p values of mean maps, and prints both.

    python benchmarks/null_studies.py --studies 1000
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Callable

import numpy as np
import pandas as pd
from scipy.ndimage import gaussian_filter

from xai_compare.analysis.faithfulness.tables import _tested
from xai_compare.comparison import (
    anova,
    difference_map,
    mixed_model,
    paired_equivalence,
    repeated_anova,
    representational_similarity,
    tukey,
)
from xai_compare.comparison.statistics.differences import difference_table, image_differences
from xai_compare.human.clicks.answers import correlation

EXPRESSIONS = ("anger", "disgust", "fear", "happiness", "sadness", "surprise")
EXPLAINERS, NETWORKS = ("cam", "grad_cam", "lime"), ("one", "other")
PICTURES = 36
Values = dict[str, list[float]]


def scores(rng: np.random.Generator) -> pd.DataFrame:
    """Scores of pictures by explainer and network: pictures differ, and what is left is correlated and skewed."""
    rows = []
    spread = np.array([1.0, 1.3, 0.7])
    for i in range(PICTURES):
        own = rng.gamma(2, 0.5)
        shared = rng.gamma(2, 0.3, len(NETWORKS))
        for n, network in enumerate(NETWORKS):
            for e, explainer in enumerate(EXPLAINERS):
                value = own + shared[n] + spread[e] * (rng.gamma(3, 0.3) - 0.9)
                rows.append((f"{i}", EXPRESSIONS[i % 6], explainer, network, value))
    return pd.DataFrame(rows, columns=["image", "expression", "explainer", "network", "value"])


def of_pictures(rng: np.random.Generator, study: int) -> Values:
    """Analysis of variance of repeated measures, Tukey's and one-way tests of independent scores, paired t."""
    table, found = scores(rng), defaultdict(list)
    for row in repeated_anova(table, "image", ["explainer", "network"], "expression").to_dict("records"):
        found[f"tests_anova, {row['effect']}"].append(row["p_corrected"])
    groups = np.repeat(EXPLAINERS, PICTURES).tolist()
    independent = rng.gamma(3, 0.3, len(groups))
    found["anova (independent scores)"].append(anova(independent, groups).p)
    found["tukey (independent scores, least of 3)"].append(float(tukey(independent, groups)["p"].min()))
    a, b = (rng.gamma(3, 0.3, PICTURES) for _ in range(2))
    own = rng.gamma(2, 0.5, PICTURES)
    found["faithfulness, faithfulness_controls"].append(_tested((own + a) - (own + b))[2])
    sides = {
        ("known_auc", name, "known", "fear"): {str(i): v for i, v in enumerate(some)}
        for name, some in (("one", own + a), ("other", own + b))
    }
    found["differences, known regions"].append(float(difference_table(image_differences(sides))["p"].iloc[0]))
    # At the margin itself the two are just not equivalent.
    found["tests_equivalence, at the margin"].append(paired_equivalence(own + a + 0.3, own + b, 0.3).p)
    found["correlations over pictures"].append(correlation(a, own)["p"])
    return found


def of_models(rng: np.random.Generator, study: int) -> Values:
    """Mixed models: pictures, and pictures and people, at random."""
    table, found = scores(rng), defaultdict(list)
    table = table[table["network"] == "one"]
    for row in mixed_model(table, ["explainer"], ["image"]).to_dict("records"):
        if row["kind"] == "fixed":
            found[f"tests_mixed, {PICTURES} pictures"].append(row["p"])
    images, people = rng.normal(0, 1, 12), rng.normal(0, 1, 8)
    rows = [
        (f"{i}", f"{k}", e, images[i] + people[k] + rng.normal()) for i in range(12) for k in range(8) for e in "ab"
    ]
    crossed = pd.DataFrame(rows, columns=["image", "participant", "explainer", "value"])
    for row in mixed_model(crossed, ["explainer"], ["image", "participant"]).to_dict("records"):
        if row["kind"] == "fixed":
            found["tests_mixed, 12 pictures and 8 people"].append(row["p"])
    return found


def of_maps(rng: np.random.Generator, study: int) -> Values:
    """Maps: geometry of expressions, and where two sources differ (the least p of the face)."""
    found = defaultdict(list)
    sides = [{name: gaussian_filter(rng.standard_normal((23, 19)), 3) for name in EXPRESSIONS} for _ in range(2)]
    found["tests_geometry"].append(representational_similarity(*sides, seed=study).p)
    a, b = (np.stack([gaussian_filter(rng.standard_normal((23, 19)), 2) for _ in range(20)]) for _ in range(2))
    strength = rng.gamma(2, 0.5, (20, 1, 1))
    least = float(np.nanmin(difference_map(strength * a, strength * b, n=100, seed=study).p))
    found["tests_where, least of the face"].append(least)
    return found


PARTS: dict[Callable[[np.random.Generator, int], Values], float] = {of_pictures: 1, of_maps: 1, of_models: 0.3}
"""What is studied, and in which share of the studies: mixed models take long."""


def null_tests(studies: int, seed: int) -> pd.DataFrame:
    """Share of p values at or below 0.05."""
    p: Values = defaultdict(list)
    for part, share in PARTS.items():
        for study in range(round(share * studies)):
            for name, values in part(np.random.default_rng([seed, 17, study]), study).items():
                p[name] += values
    rows = [(name, len(some), np.mean(np.array(some) <= 0.05)) for name, some in p.items()]
    return pd.DataFrame(rows, columns=["p value", "studies", "share below 0.05"])


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=1)
    asked = parser.parse_args()
    print(null_tests(asked.studies, asked.seed).to_string(index=False, float_format="%.3f"))


if __name__ == "__main__":
    main()
