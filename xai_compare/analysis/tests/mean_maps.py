"""How well people agree, and whether explainers differ in the scores of mean maps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from xai_compare import human
from xai_compare.analysis.people import ObserverGroup
from xai_compare.analysis.predict.selection import label_groups
from xai_compare.analysis.tests.stage import TestsOptions
from xai_compare.comparison import anova, tukey
from xai_compare.comparison.dispatch import ALL
from xai_compare.errors import InputError
from xai_compare.expressions import ordered
from xai_compare.runs.face_cache import FaceCache
from xai_compare.runs.store import MapStore
from xai_compare.study import Study

CEILING_COLUMNS = ("source", "expression", "image", "n_participants", "half", "reliability", "note")
ANOVA_COLUMNS = ("metric", "b", "explainers", "n", "f", "df_between", "df_within", "p", "eta_squared", "note")
TUKEY_COLUMNS = ("metric", "b", "explainer_1", "explainer_2", "difference", "t", "p", "ci_low", "ci_high")


def mean_map_tests(
    study: Study,
    scores: pd.DataFrame,
    stores: Sequence[MapStore],
    people: Sequence[ObserverGroup],
    pictures: FaceCache,
    options: TestsOptions,
) -> dict[str, pd.DataFrame]:
    """The tables ``ceiling``, ``anova`` and ``tukey``, of a run's table ``scores`` and its people."""
    explainers = {store.source.label: store.source.explainer for store in stores if store.source.kind == "model"}
    against = [f"human/{group.spec.name}" for group in people] + ["ekman"]
    variance, differences = explainers_differ(scores, explainers, against, options.metric)
    groups = label_groups(study, pictures.rows)
    agreed = [ceiling_table(group, pictures, groups, options.splits, study.seed) for group in people]
    ceiling = pd.concat(agreed, ignore_index=True) if agreed else pd.DataFrame(columns=list(CEILING_COLUMNS))
    return {"ceiling": ceiling, "anova": variance, "tukey": differences}


def ceiling_table(
    people: ObserverGroup, pictures: FaceCache, grouped: Mapping[str, str], splits: int = 100, seed: int = 0
) -> pd.DataFrame:
    """Split-half reliability of people's maps, picture by picture, and its means.

    Returns:
        `CEILING_COLUMNS`; see `xai_compare.human.split_half`. A row whose image is ``"mean"`` holds the means over the
        pictures of its expression (``"all"``: of every one) that have a reliability; ``n_participants`` is empty there.
    """
    images = [image for image in people.images if not pictures.reason(image)]
    shapes = {image: pictures.shape(image) for image in images}
    spec = people.spec
    halves = human.split_half(people.points, shapes, people.sigma, spec.weights, spec.only_correct, splits, seed)
    table = halves.assign(source=f"human/{spec.name}", expression=halves["image"].map(grouped))
    rows = [table]
    for expression in [*ordered(set(table["expression"]) - {""}), ALL]:
        subset = table if expression == ALL else table[table["expression"] == expression]
        known = subset[np.isfinite(subset["reliability"])]
        note = f"mean of {len(known)} of {len(subset)} pictures"
        means = {name: known[name].mean() if len(known) else np.nan for name in ("half", "reliability")}
        row = {"source": f"human/{spec.name}", "expression": expression, "image": "mean", "note": note, **means}
        rows.append(pd.DataFrame([row]))
    joined = pd.concat([part.dropna(axis=1, how="all") for part in rows], ignore_index=True)
    return joined.reindex(columns=list(CEILING_COLUMNS)).astype({"n_participants": "Int64"})


def explainers_differ(
    scores: pd.DataFrame, explainers: Mapping[str, str], against: Iterable[str], metric: str = "dice"
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Analysis of variance of a score over explainers, and Tukey's test of every two (Park and Wallraven 2022, 5.3).

    The values are the scores of the networks' mean maps, one for each network and expression.

    Args:
        scores: a table of `xai_compare.comparison.COLUMNS`.
        explainers: the explainer of each network's source, by the source's name; means over networks are not in it.
        against: what the networks are compared with: names in column ``b``, an analysis for each.
        metric: which score.

    Returns:
        Tables of `ANOVA_COLUMNS` and `TUKEY_COLUMNS`; where the analysis cannot be made, its row says why in ``note``.
    """
    rows = scores[(scores["metric"] == metric) & (scores["fold"] == ALL) & (scores["expression"] != ALL)]
    rows = rows[rows["a"].isin(list(explainers)) & rows["b"].isin(list(against))]
    variance, differences = [], []
    for b, subset in rows.groupby("b", sort=False):
        values, groups = subset["value"].to_numpy(float), subset["a"].map(explainers).tolist()
        defined = int(np.isfinite(values).sum())
        try:
            result = anova(values, groups)
        except InputError as error:
            variance.append((metric, b, len(set(groups)), defined, *[np.nan] * 5, error.what))
            continue
        variance.append((metric, b, len(set(groups)), defined, *result, ""))
        pairs = tukey(values, groups)
        differences += [(metric, b, *pair) for pair in pairs.itertuples(index=False, name=None)]
    return _frame(variance, ANOVA_COLUMNS), _frame(differences, TUKEY_COLUMNS)


def _frame(rows: Sequence[tuple[object, ...]], columns: Sequence[str]) -> pd.DataFrame:
    return pd.DataFrame(rows, columns=list(columns))
