"""The gap between what people report and what others see on their faces, and what the eyes have to do with either."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from xai_compare.agreement import cohen_kappa, confusion_counts
from xai_compare.comparison.resampling.bootstrap import REPLICATES
from xai_compare.comparison.resampling.resamples import resample_counts
from xai_compare.emotion.clips import Clips
from xai_compare.emotion.protocols import CLASSES, COARSE
from xai_compare.errors import InputError

FILTER_NOTE = (
    "Where machine labels were kept because they equal the self-report, and only the others went to experts "
    "(Liu et al. 2024, section III-B2), the labels of the seen expression lean towards the self-report, and every "
    "measure of the gap understates it."
)

_COEFFICIENTS: dict[str, Callable[..., Any]] = {
    "pearson": stats.pearsonr,
    "spearman": stats.spearmanr,
    "kendall": stats.kendalltau,
}


def confusion(clips: Clips, level: str = "er", other: str = "fer", classes: Sequence[str] = CLASSES) -> pd.DataFrame:
    """Row-normalised confusion: of the clips with each self-report (row), the share with each seen expression.

    Returns:
        A frame with an index and columns of classes, and ``n``, the clips in each row; NaN in rows without any.

    >>> labels = {"er": ["fear", "anger", "fear"], "fer": ["fear", "fear", "anger"]}
    >>> table = pd.DataFrame({"person": ["a", "a", "b"], **labels})
    >>> confusion(Clips(table, read=lambda index: None)).loc["fear", ["fear", "anger", "n"]].tolist()
    [0.5, 0.5, 2.0]
    """
    counts = confusion_counts(_column(clips, level), _column(clips, other), classes)
    n = counts.sum(1)
    with np.errstate(invalid="ignore"):
        table = pd.DataFrame(counts / n[:, None], index=list(classes), columns=list(classes))
    table.index.name = "self-report"
    table["n"] = n.astype(int)
    return table


def agreement(clips: Clips, n: int = REPLICATES, seed: int = 0) -> pd.DataFrame:
    """How far self-report and seen expression agree, with 95 % intervals over people.

    Rows: ``agreement`` (share of clips with equal classes) and ``kappa`` of 7 and of 3 classes; the mean of the
    self-reported less the seen valence and arousal, its mean absolute value, and Pearson's correlation of the two.
    Columns: ``measure, of, value, ci_low, ci_high, n``.

    >>> labels = {"er": ["fear", "anger", "fear"], "fer": ["fear", "fear", "fear"]}
    >>> table = pd.DataFrame({"person": ["a", "a", "b"], **labels})
    >>> agreement(Clips(table, read=lambda index: None), n=100)[["measure", "value", "n"]].round(3).to_numpy().tolist()
    [['agreement', 0.667, 3], ['kappa', 0.0, 3]]
    """
    names, place = np.unique(clips.people, return_inverse=True)
    # People are drawn and not clips: clips of one person resemble one another, and intervals over clips are too narrow.
    counts = resample_counts(len(names), n, seed)
    rows: list[tuple[str, str, float, np.ndarray, int]] = []
    for classes, suffix, title in ((CLASSES, "", "7 classes"), (COARSE, "_coarse", "3 classes")):
        if not {f"er{suffix}", f"fer{suffix}"} <= set(clips.table):
            continue
        reported, seen = clips.table[f"er{suffix}"], clips.table[f"fer{suffix}"]
        known = (reported.notna() & seen.notna()).to_numpy()
        persons = [(place == k) & known for k in range(len(names))]
        parts = np.stack([confusion_counts(reported[mask], seen[mask], classes) for mask in persons])
        drawn = np.tensordot(counts, parts, 1)
        total = parts.sum(0)
        share = np.trace(drawn, axis1=1, axis2=2) / drawn.sum((1, 2))
        rows.append(("agreement", title, float(np.trace(total) / total.sum()), share, int(total.sum())))
        rows.append(("kappa", title, float(cohen_kappa(total)[0]), cohen_kappa(drawn)[0], int(total.sum())))
    for what in ("valence", "arousal"):
        if {f"er_{what}", f"fer_{what}"} <= set(clips.table):
            rows += _differences(clips.table, what, place, counts)
    return pd.DataFrame(
        [(m, of, value, *_ends(drawn), k) for m, of, value, drawn, k in rows],
        columns=["measure", "of", "value", "ci_low", "ci_high", "n"],
    )


def eye_correlations(
    clips: Clips, features: np.ndarray, names: Sequence[str] = (), n: int = 500, seed: int = 0
) -> pd.DataFrame:
    """Correlations of each eye feature with each class of self-report and of seen expression (Figure 10 of the paper).

    Args:
        clips: whose labels.
        features: float ``(clips, features)``, such as each feature's mean over the clip; NaN clips are left out.
        names: of the features.
        n, seed: of the bootstrap over people, for Pearson's coefficient; 0 for none.

    Returns:
        ``feature, of, class, pearson, spearman, kendall`` with ``p_`` of each, ``q_`` their Benjamini-Hochberg values
        over all rows of a coefficient, ``ci_low, ci_high`` of Pearson's over people, and ``n``. The p values take
        clips as independent, which clips of one person are not: the interval does not.
    """
    names = list(names) or [f"feature {k}" for k in range(features.shape[1])]
    if len(names) != features.shape[1] or len(features) != len(clips):
        raise InputError(f"features are {features.shape} for {len(clips)} clips and {len(names)} names")
    place = np.unique(clips.people, return_inverse=True)[1]
    counts = resample_counts(int(place.max()) + 1, n, seed)[:, place] if n else np.zeros((0, len(clips)))
    rows = []
    for whose in ("er", "fer"):
        labels = _column(clips, whose)
        for expression in CLASSES:
            shown = (labels == expression).to_numpy(float)
            for k, name in enumerate(names):
                known = np.isfinite(features[:, k]) & labels.notna().to_numpy()
                values = _correlated(features[known, k], shown[known], counts[:, known])
                rows.append((name, whose, expression, *values))
    coefficients = [column for name in _COEFFICIENTS for column in (name, f"p_{name}")]
    table = pd.DataFrame(rows, columns=["feature", "of", "class", *coefficients, "ci_low", "ci_high", "n"])
    for name in _COEFFICIENTS:
        table[f"q_{name}"] = _false_discovery_rates(table[f"p_{name}"].to_numpy())
    return table


def _correlated(x: np.ndarray, y: np.ndarray, counts: np.ndarray) -> tuple[float, ...]:
    if len(x) < 3 or np.ptp(x) == 0 or np.ptp(y) == 0:
        return (*[np.nan] * 8, len(x))
    results = [coefficient(x, y) for coefficient in _COEFFICIENTS.values()]
    ends = _ends(_weighted_pearson(x, y, counts))
    return (*(float(v) for result in results for v in (result.statistic, result.pvalue)), *ends, len(x))


def _weighted_pearson(x: np.ndarray, y: np.ndarray, counts: np.ndarray) -> np.ndarray:
    n = counts.sum(1)
    mx, my = counts @ x / n, counts @ y / n
    cov = counts @ (x * y) / n - mx * my
    with np.errstate(invalid="ignore", divide="ignore"):
        return cov / np.sqrt((counts @ x**2 / n - mx**2) * (counts @ y**2 / n - my**2))


def _ends(drawn: np.ndarray) -> tuple[float, float]:
    if not np.isfinite(drawn).any():
        return float("nan"), float("nan")
    low, high = np.nanquantile(drawn, [0.025, 0.975])
    return float(low), float(high)


def _false_discovery_rates(p: np.ndarray) -> np.ndarray:
    rates, known = np.full_like(p, np.nan), np.isfinite(p)
    if known.any():
        rates[known] = stats.false_discovery_control(p[known])
    return rates


def _differences(
    table: pd.DataFrame, what: str, place: np.ndarray, counts: np.ndarray
) -> list[tuple[str, str, float, np.ndarray, int]]:
    a, b = table[f"er_{what}"].to_numpy(float), table[f"fer_{what}"].to_numpy(float)
    known = np.isfinite(a) & np.isfinite(b)
    a, b, weights = a[known], b[known], counts[:, place[known]]
    n = weights.sum(1)
    gap, r = a - b, _weighted_pearson(a, b, weights)
    return [
        ("self-report less seen", what, float(gap.mean()), weights @ gap / n, len(a)),
        ("absolute difference", what, float(np.abs(gap).mean()), weights @ np.abs(gap) / n, len(a)),
        ("pearson", what, float(_weighted_pearson(a, b, np.ones((1, len(a))))[0]), r, len(a)),
    ]


def _column(clips: Clips, name: str) -> pd.Series:
    if name not in clips.table:
        raise InputError(f"there is no column {name!r}", where=clips.where, hint="the gap needs both labels")
    return clips.table[name]
