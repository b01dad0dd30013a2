"""Does every statistic agree with an independent implementation? The largest difference of each, on random data.

scipy, scikit-learn and statsmodels are there anyway; pingouin comes with the tests. mne and rsatoolbox are no
dependencies: where they are not installed their rows say so (``pip install mne rsatoolbox`` to see them). mne 1.13 is
meant: 1.10 raises the step between thresholds, and not the threshold, to the power.

    python benchmarks/statistics_agree.py
"""

from __future__ import annotations

import argparse
import importlib
import warnings
from collections.abc import Callable, Iterator
from itertools import combinations, product
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats
from scipy.ndimage import gaussian_filter

from xai_compare.agreement import confusion, confusion_correlation
from xai_compare.comparison import anova, dice, iou, otsu_masks, pearson, region_auc, tukey
from xai_compare.comparison.resampling.units import crossed_variance
from xai_compare.comparison.statistics.clusters import difference_map, enhance
from xai_compare.comparison.statistics.decisions import error_consistency
from xai_compare.comparison.statistics.differences import holm
from xai_compare.comparison.statistics.equivalence import paired_equivalence
from xai_compare.comparison.statistics.factorial import mixed_model, repeated_anova
from xai_compare.comparison.statistics.representational import ceiling, representational_similarity

REPEATS = 20
Pair = tuple[Any, Any]


def maps(rng: np.random.Generator, n: int, shape: tuple[int, int] = (24, 20)) -> np.ndarray:
    """Smooth random maps, (n, h, w)."""
    found = np.stack([gaussian_filter(rng.standard_normal(shape), 2) for _ in range(n)])
    return found / found.std()


def scores(rng: np.random.Generator, images: int = 15) -> pd.DataFrame:
    """Scores of images by explainer and network, with an expression for each image."""
    easy = rng.normal(0, 0.3, images)
    cells = product(range(images), ("cam", "lime", "ep"), ("one", "two"))
    rows = [(f"i{i:02d}", f"e{i % 3}", e, n, easy[i] + 0.1 * (e == "lime") + rng.normal(0, 0.2)) for i, e, n in cells]
    return pd.DataFrame(rows, columns=["image", "expression", "explainer", "network", "value"])


def of_maps(rng: np.random.Generator) -> Iterator[tuple[str, str, Pair]]:
    """Scores of maps and masks."""
    from sklearn.metrics import f1_score, jaccard_score, roc_auc_score

    a, b = maps(rng, 2)
    one, other = otsu_masks(a), otsu_masks(b)
    yield "Pearson's r", "scipy", (pearson(a, b), stats.pearsonr(a.ravel(), b.ravel()).statistic)
    yield "IoU", "scikit-learn", (iou(one, other), jaccard_score(one.ravel(), other.ravel()))
    yield "Dice", "scikit-learn", (dice(one, other), f1_score(one.ravel(), other.ravel()))
    yield "AUC of a region", "scikit-learn", (region_auc(a, other), roc_auc_score(other.ravel(), a.ravel()))


def of_groups(rng: np.random.Generator) -> Iterator[tuple[str, str, Pair]]:
    """Analyses of variance and their corrections."""
    import pingouin
    from statsmodels.stats.anova import AnovaRM
    from statsmodels.stats.multicomp import pairwise_tukeyhsd
    from statsmodels.stats.multitest import multipletests

    table = scores(rng)
    groups = [rows["value"] for _, rows in table.groupby("explainer", sort=False)]
    yield (
        "one-way ANOVA: p",
        "scipy",
        (anova(table["value"], table["explainer"].tolist()).p, stats.f_oneway(*groups).pvalue),
    )
    mine = tukey(table["value"], table["explainer"].tolist())["p"]
    theirs = pairwise_tukeyhsd(table["value"], table["explainer"])
    names = list(combinations(theirs.groupsunique, 2))
    order = {frozenset(pair): p for pair, p in zip(names, theirs.pvalues, strict=True)}
    there = [order[frozenset(pair)] for pair in combinations(dict.fromkeys(table["explainer"]), 2)]
    yield "Tukey: p", "statsmodels", (mine, there)
    found = repeated_anova(table, "image", ["explainer", "network"])
    other = AnovaRM(table, "value", "image", within=["explainer", "network"]).fit().anova_table
    yield "repeated measures: F", "statsmodels", (found["f"], other["F Value"])
    yield "repeated measures: p", "statsmodels", (found["p"], other["Pr > F"])
    detailed = pingouin.rm_anova(table, "value", ["explainer", "network"], "image", effsize="ng2", detailed=True)
    yield "repeated measures: epsilon", "pingouin", (found["epsilon"], detailed["eps"])
    yield "repeated measures: generalized eta squared", "pingouin", (found["generalized_eta_squared"], detailed["ng2"])
    one = table[table["network"] == "one"]
    split = repeated_anova(one, "image", ["explainer"], "expression")
    mixed = pingouin.mixed_anova(one, "value", "explainer", "image", "expression")
    yield "split plot: F", "pingouin", (split["f"], mixed["F"])
    balanced = mixed_model(one, ["explainer"], ["image"]).iloc[0]
    ranked = repeated_anova(one, "image", ["explainer"]).iloc[0]
    if mixed_model(one, ["explainer"], ["image"])["note"].iloc[0] == "":
        relative = balanced["chi2"] / 2 / ranked["f"], 1.0
        yield "mixed model of balanced scores: F (relative)", "repeated measures", relative
    p = rng.random(30) ** 3
    yield "Holm", "statsmodels", (holm(p), multipletests(p, method="holm")[1])
    yield (
        "false discovery rate",
        "statsmodels",
        (stats.false_discovery_control(p), multipletests(p, method="fdr_bh")[1]),
    )


def of_pairs(rng: np.random.Generator) -> Iterator[tuple[str, str, Pair]]:
    """Equivalence, decisions, geometry."""
    from sklearn.metrics import cohen_kappa_score, confusion_matrix
    from statsmodels.stats.weightstats import ttost_paired

    a = rng.normal(0.5, 0.1, 20)
    b = a + rng.normal(0, 0.08, 20)
    yield "equivalence: p", "statsmodels", (paired_equivalence(a, b, 0.05).p, ttost_paired(a, b, -0.05, 0.05)[0])
    one, other = rng.random(80) < 0.7, rng.random(80) < 0.6
    yield (
        "error consistency",
        "scikit-learn",
        (error_consistency(one, other, n=10).kappa, cohen_kappa_score(one, other)),
    )
    names = ["a", "b", "c", "d"]
    labels, said, also = (rng.choice(names, 120).tolist() for _ in range(3))
    first, second = (confusion(labels, answers, names) for answers in (said, also))
    yield "confusion matrix", "scikit-learn", (first, confusion_matrix(labels, said, labels=names, normalize="true"))
    away = ~np.eye(4, dtype=bool)
    off = confusion_correlation(first, second, diagonal=False)
    yield "r of confusions without diagonal", "numpy", (off, np.corrcoef(first[away], second[away])[0, 1])
    sides = [dict(zip(names, maps(rng, 4), strict=True)) for _ in range(2)]
    cells = np.triu_indices(4, 1)
    tables = [1 - np.corrcoef(np.stack([side[n].ravel() for n in names])) for side in sides]
    rho = stats.spearmanr(tables[0][cells], tables[1][cells]).statistic
    yield "geometry: rho", "scipy", (representational_similarity(*sides).rho, rho)


def of_clusters(rng: np.random.Generator) -> Iterator[tuple[str, str, Pair]]:
    """Paired t of maps, and threshold-free cluster enhancement."""
    a, b = maps(rng, 12), maps(rng, 12)
    yield "t over the face", "scipy", (difference_map(a, b, n=20).t, stats.ttest_rel(a, b).statistic)
    mne = importlib.import_module("mne.stats")
    clusters = importlib.import_module("mne.stats.cluster_level")
    t = stats.ttest_rel(a, b).statistic
    asked = {"start": 0.1, "step": 0.1, "e_power": 0.5, "h_power": 2}
    _, found = clusters._find_clusters(t.ravel(), asked, 0, adjacency=mne.combine_adjacency(*t.shape))
    yield (
        "cluster enhancement (relative)",
        "mne",
        (np.abs(enhance(t, 0.1)).ravel() / np.abs(found).max(), np.abs(found) / np.abs(found).max()),
    )


def of_units(rng: np.random.Generator) -> Iterator[tuple[str, str, Pair]]:
    """The crossed bootstrap's correction, and the noise ceiling."""
    toolbox = importlib.import_module("rsatoolbox.util.inference_util")
    first, second = rng.uniform(0.1, 1, 2)
    both, sizes = max(first, second) + rng.uniform(0, 1.5), (int(rng.integers(3, 40)), int(rng.integers(3, 40)))
    theirs = toolbox._dual_bootstrap(np.array([both, first, second]), *sizes)
    yield "crossed variance", "rsatoolbox", (crossed_variance(first, second, both, sizes), theirs)
    rdm = importlib.import_module("rsatoolbox.rdm")
    noise = importlib.import_module("rsatoolbox.inference.noise_ceiling")
    people = np.stack([1 - np.corrcoef(own) for own in rng.standard_normal((6, 5, 40))])
    people += 0.5 * (1 - np.corrcoef(rng.standard_normal((5, 40))))
    cells = np.triu_indices(5, 1)
    low, high = noise.boot_noise_ceiling(rdm.RDMs(people[:, cells[0], cells[1]]), method="spearman")
    yield "noise ceiling", "rsatoolbox", (ceiling(people), (low, high))


def main() -> None:
    """Print the largest difference of every statistic."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=REPEATS)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    found: dict[tuple[str, str], float] = {}
    missing: dict[str, str] = {}
    parts: tuple[Callable[[np.random.Generator], Iterator[tuple[str, str, Pair]]], ...]
    parts = (of_maps, of_groups, of_pairs, of_clusters, of_units)
    warnings.simplefilter("ignore")  # Other packages warn of their own futures.
    for repeat, part in product(range(asked.repeats), parts):
        try:
            for name, against, (mine, theirs) in part(np.random.default_rng([asked.seed, repeat])):
                apart = float(np.max(np.abs(np.asarray(mine, float) - np.asarray(theirs, float))))
                found[name, against] = max(found.get((name, against), 0.0), apart)
        except ImportError as error:
            missing[part.__name__] = f"not compared: {error}"
    rows = [(name, against, f"{apart:.1e}") for (name, against), apart in found.items()]
    print(pd.DataFrame(rows, columns=["statistic", "against", "largest difference"]).to_string(index=False))
    for name, why in missing.items():
        print(f"{name}: {why}")


if __name__ == "__main__":
    main()
