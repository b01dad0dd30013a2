"""Tests on the scores of single pictures: the tables ``tests_...`` of a run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Any

import numpy as np
import pandas as pd
from scipy import stats

from xai_compare.agreement import confusion, confusion_correlation
from xai_compare.analysis.inputs.observer_maps import GRID, ObserverMaps
from xai_compare.analysis.inputs.stored_maps import StoredMaps
from xai_compare.analysis.scores.tables import study_masks
from xai_compare.analysis.tests.stage import TestsOptions
from xai_compare.analysis.tests.units import NOISE_COLUMNS, UNIT_TABLE, noise_table, units_table
from xai_compare.comparison import iou, otsu_masks, pearson, tukey
from xai_compare.comparison.statistics.clusters import difference_map
from xai_compare.comparison.statistics.decisions import error_consistency
from xai_compare.comparison.statistics.differences import holm
from xai_compare.comparison.statistics.equivalence import POWER_COLUMNS, paired_equivalence, power_curve
from xai_compare.comparison.statistics.factorial import ANOVA_COLUMNS, MIXED_COLUMNS, mixed_model, repeated_anova
from xai_compare.comparison.statistics.representational import representational_similarity
from xai_compare.errors import InputError
from xai_compare.expressions import ordered
from xai_compare.runs.store import MapStore
from xai_compare.study import Study

_ABOUT = ("metric", "b")
COLUMNS = {
    "anova": (*_ABOUT, *ANOVA_COLUMNS, "p_adjusted", "note"),
    "mixed": (*_ABOUT, *MIXED_COLUMNS, "p_adjusted"),
    "tukey": (*_ABOUT, "explainer_1", "explainer_2", "difference", "t", "p", "ci_low", "ci_high"),
    "equivalence": (
        *_ABOUT,
        "a1",
        "a2",
        "difference",
        "ci_low",
        "ci_high",
        "margin",
        "p",
        "p_adjusted",
        "n",
        "note",
    ),
    "decisions": (
        "a1",
        "a2",
        "confusion_r",
        "confusion_r_mistakes",
        "kappa",
        "ci_low",
        "ci_high",
        "observed",
        "expected",
        "n",
    ),
    "geometry": ("a1", "a2", "rho", "p", "p_adjusted", "expressions", "note"),
    "where": ("a1", "a2", "y", "x", "difference", "t", "p", "n", "note"),
    "power": (*_ABOUT, "a1", "a2", *POWER_COLUMNS, "note"),
    "units": UNIT_TABLE,
    "noise": NOISE_COLUMNS,
}
"""Columns of each table."""
_Maps = dict[str, dict[str, np.ndarray]]
_FACTORS = ("explainer", "network")


def picture_tests(
    study: Study,
    stores: Sequence[MapStore],
    known: pd.DataFrame,
    predictions: pd.DataFrame,
    faithfulness: pd.DataFrame,
    options: TestsOptions,
) -> dict[str, pd.DataFrame]:
    """Every table by its name, see `COLUMNS`.

    ``known`` are the scores of single pictures against their regions, the table ``known_images``; ``faithfulness`` is
    the table of that name, empty if the run has none.
    """
    maps, groups = _maps(stores, study.compare.scaling)
    networks = {s.source.label: (s.source.explainer, s.source.name) for s in stores if s.source.kind == "model"}
    people = {s.source.label: ObserverMaps.of(s) for s in stores if s.source.kind == "human"}
    single = _of_people(maps, networks, people)
    scores = _of_pictures(study, maps, networks, groups, known, single)
    pairs = [pair for pair in options.pairs or _first_pair(networks) if set(pair) <= set(maps)]
    made = {
        "anova": _anova(scores),
        "mixed": _mixed(scores, single),
        "tukey": pd.DataFrame(_tukey(scores), columns=list(COLUMNS["tukey"])),
        "equivalence": _equivalence(scores, options.margin),
        "decisions": pd.DataFrame(_decisions(predictions, study.seed), columns=list(COLUMNS["decisions"])),
        "geometry": _geometry(maps, groups, networks, people, study.seed),
        "where": _where(maps, pairs, options.permutations, study.seed),
        "power": _power(scores, single, pairs, options, study.seed),
        "noise": noise_table(StoredMaps(stores, study.compare.scaling), faithfulness),
        "units": units_table(maps, networks, people, options.studies, study.seed),
    }
    return {f"tests_{name}": table for name, table in made.items()}


def _maps(stores: Sequence[MapStore], scaling: str) -> tuple[_Maps, dict[str, str]]:
    """Each source's map of each picture on the coarser grid, its trainings' mean; and the expression of each picture.

    The expression is the one by which networks group it where they agree, else the people's.
    """
    stored = StoredMaps(stores, scaling)
    result: dict[str, dict[str, list[np.ndarray]]] = {}
    groups: dict[str, set[str]] = {}
    for slug, store in stored.stores.items():
        if store.source.kind == "known":
            continue
        subset = result.setdefault(store.source.label, {})
        for one, heatmap in stored.stream(slug):
            subset.setdefault(one.image, []).append(GRID.reduce(heatmap))
            groups.setdefault(one.image, set()).add(one.group)
    means = {
        label: {image: np.mean(maps, axis=0) for image, maps in subset.items()} for label, subset in result.items()
    }
    return means, {image: next(iter(names)) for image, names in groups.items() if len(names) == 1}


def _of_people(maps: _Maps, networks: dict[str, tuple[str, str]], people: dict[str, ObserverMaps]) -> pd.DataFrame:
    """Pearson's r of each network's map of a picture with the map of each person before it."""
    rows = []
    for b, crowd in people.items():
        for image in crowd.images:
            names, theirs, _ = crowd.maps(image)
            for a, (explainer, network) in networks.items():
                if image in maps[a]:
                    values = pearson(maps[a][image], theirs)
                    rows += [
                        (b, a, explainer, network, image, crowd.groups.get(image, ""), name, float(value))
                        for name, value in zip(names, np.atleast_1d(values), strict=True)
                    ]
    columns = ["b", "a", "explainer", "network", "image", "expression", "participant", "value"]
    return pd.DataFrame(rows, columns=columns)


def _of_pictures(
    study: Study,
    maps: _Maps,
    networks: dict[str, tuple[str, str]],
    groups: dict[str, str],
    known: pd.DataFrame,
    single: pd.DataFrame,
) -> pd.DataFrame:
    """A score of each picture's map: IoU with its mask, the known region, the mean correlation with single people."""
    masks = {name: GRID.reduce(mask) > 0.5 for name, mask in study_masks(study).items()}
    rows = []
    for a, (explainer, network) in networks.items():
        for image, one in maps[a].items():
            if groups.get(image) in masks:
                value = float(iou(otsu_masks(one), masks[groups[image]]))
                rows.append(("iou", "ekman", a, explainer, network, image, groups[image], value))
    columns = ["metric", "b", "a", "explainer", "network", "image", "expression", "value"]
    parts = [pd.DataFrame(rows, columns=columns)]
    of_regions = known[(known["metric"] == "known_auc") & known["a"].isin(list(networks))]
    if len(of_regions):
        two = pd.DataFrame([networks[str(a)] for a in of_regions["a"]], columns=list(_FACTORS), index=of_regions.index)
        parts.append(of_regions.assign(explainer=two["explainer"], network=two["network"])[columns])
    if len(single):
        mean = single.groupby(["b", "a", "explainer", "network", "image", "expression"], sort=False)["value"].mean()
        parts.append(mean.reset_index().assign(metric="pearson")[columns])
    return pd.concat([part for part in parts if len(part)] or parts[:1], ignore_index=True)


def _each(scores: pd.DataFrame) -> Iterable[tuple[tuple[str, str], pd.DataFrame]]:
    return ((key, rows) for key, rows in scores.groupby(list(_ABOUT), sort=False))  # type: ignore[misc]


def _anova(scores: pd.DataFrame) -> pd.DataFrame:
    """Explainer and network within pictures, expression between them; p corrected over the table (FDR)."""
    parts = []
    for about, rows in _each(scores):
        within = [name for name in _FACTORS if rows[name].nunique() > 1]
        between = "expression" if rows["expression"].nunique() > 1 else None
        try:
            result = repeated_anova(rows, "image", within, between).assign(note="")
        except InputError as error:
            result = pd.DataFrame([{"effect": "", "units": rows["image"].nunique(), "note": error.what}])
        parts.append(result.assign(**dict(zip(_ABOUT, about, strict=True))))
    return _adjusted(_joined(parts, "anova"), "p_corrected")


def _mixed(scores: pd.DataFrame, single: pd.DataFrame) -> pd.DataFrame:
    """Pictures at random; against people, single participants too."""
    parts = []
    for about, rows in _each(scores):
        crossed = single[single["b"] == about[1]] if about[0] == "pearson" else None
        table, random = (rows, ["image"]) if crossed is None else (crossed, ["image", "participant"])
        result = _mixed_model(table, random)
        parts.append(result.assign(**dict(zip(_ABOUT, about, strict=True))))
    return _adjusted(_joined(parts, "mixed"), "p")


def _mixed_model(table: pd.DataFrame, random: list[str]) -> pd.DataFrame:
    """With interactions where every combination is there, else without."""
    why = ""
    for interactions in (True, False):
        try:
            return mixed_model(table, ["explainer", "network", "expression"], random, interactions=interactions)
        except (InputError, np.linalg.LinAlgError) as error:
            why = error.what if isinstance(error, InputError) else f"a mixed model cannot be fitted: {error}"
    return pd.DataFrame([{"effect": "", "kind": "", "note": why}])


def _tukey(scores: pd.DataFrame) -> list[tuple[Any, ...]]:
    """Tukey's test of every two explainers, which takes all scores for independent: beside, as papers report it."""
    rows: list[tuple[Any, ...]] = []
    for about, subset in _each(scores):
        try:
            result = tukey(subset["value"].to_numpy(float), subset["explainer"].tolist())
        except InputError:
            continue
        rows += [(*about, *pair) for pair in result.itertuples(index=False, name=None)]
    return rows


def _equivalence(scores: pd.DataFrame, margin: float) -> pd.DataFrame:
    """Two one-sided tests of every two sources on the pictures that both explain; Holm over a metric and reference."""
    parts = []
    for about, subset in _each(scores):
        wide = subset.pivot_table(index="image", columns="a", values="value", sort=False)
        rows = []
        for a1, a2 in combinations(wide.columns, 2):
            both = wide[[a1, a2]].dropna()
            result = paired_equivalence(both[a1].to_numpy(), both[a2].to_numpy(), margin)
            note = "" if np.isfinite(result.p) else f"{len(both)} shared pictures are too few, or do not vary"
            row = (
                *about,
                a1,
                a2,
                result.difference,
                result.ci_low,
                result.ci_high,
                margin,
                result.p,
                np.nan,
                len(both),
            )
            rows.append((*row, note))
        part = pd.DataFrame(rows, columns=list(COLUMNS["equivalence"]))
        known = part["p"].notna().to_numpy()
        part.loc[known, "p_adjusted"] = holm(part.loc[known, "p"].to_numpy(float))
        parts.append(part)
    return _joined(parts, "equivalence")


def _decisions(predictions: pd.DataFrame, seed: int) -> list[tuple[Any, ...]]:
    """Every two networks on the pictures that both have seen and that have a label."""
    known = predictions[predictions["label"].astype(str) != ""]
    by_model = {str(name): rows.set_index("image") for name, rows in known.groupby("model", sort=False)}
    rows = []
    for a1, a2 in combinations(by_model, 2):
        one, other = by_model[a1], by_model[a2]
        shared = [image for image in one.index if image in other.index]
        labels = one.loc[shared, "label"].astype(str).tolist()
        answers = [side.loc[shared, "predicted"].astype(str).tolist() for side in (one, other)]
        names = ordered(set(labels) | set(answers[0]) | set(answers[1]))
        first, second = (confusion(labels, side, names) for side in answers)
        one_right, other_right = (
            [label == answer for label, answer in zip(labels, side, strict=True)] for side in answers
        )
        result = error_consistency(one_right, other_right, seed=seed)
        r = (confusion_correlation(first, second, diagonal=diagonal) for diagonal in (True, False))
        rows.append((a1, a2, *r, result.kappa, result.low, result.high, result.observed, result.expected, result.n))
    return rows


def _geometry(
    maps: _Maps, groups: dict[str, str], networks: Iterable[str], people: Iterable[str], seed: int
) -> pd.DataFrame:
    """Whether sources find the same expressions alike; p corrected over the table (FDR)."""
    means: _Maps = {}
    for name in (*networks, *people):
        by_group: dict[str, list[np.ndarray]] = {}
        for image, one in maps[name].items():
            by_group.setdefault(groups.get(image, ""), []).append(one)
        means[name] = {group: np.mean(some, axis=0) for group, some in by_group.items() if group}
    rows = []
    for a1, a2 in combinations(means, 2):
        result = representational_similarity(means[a1], means[a2], seed)
        rows.append((a1, a2, result.rho, result.p, np.nan, result.expressions, result.note))
    return _adjusted(pd.DataFrame(rows, columns=list(COLUMNS["geometry"])), "p")


def _where(maps: _Maps, pairs: Sequence[tuple[str, str]], n: int, seed: int) -> pd.DataFrame:
    """The map of differences of named pairs, a row for each block of pixels."""
    parts = []
    for a1, a2 in pairs:
        shared = [image for image in maps[a1] if image in maps[a2]]
        if not shared:
            continue
        one, other = (_unit([maps[name][image] for image in shared]) for name in (a1, a2))
        result = difference_map(one, other, n=n, seed=seed)
        y, x = np.indices(result.t.shape)
        columns = {"y": y, "x": x, "difference": result.difference, "t": result.t, "p": result.p}
        part = pd.DataFrame({name: np.asarray(values).ravel() for name, values in columns.items()})
        parts.append(part.assign(a1=a1, a2=a2, n=result.n, note=result.note))
    return _joined(parts, "where")


def _unit(maps: list[np.ndarray]) -> np.ndarray:
    """Maps with mean 0 and standard deviation 1, so that where they look is compared, and not how loudly."""
    stack = np.stack(maps)
    spread = stack.std((1, 2), keepdims=True)
    return (stack - stack.mean((1, 2), keepdims=True)) / np.where(spread > 0, spread, 1)


def _power(
    scores: pd.DataFrame, single: pd.DataFrame, pairs: Sequence[tuple[str, str]], options: TestsOptions, seed: int
) -> pd.DataFrame:
    """How many pictures, and people, would tell named pairs apart."""
    parts = []
    for (metric, b), subset in _each(scores):
        for a1, a2 in pairs:
            both = subset[subset["a"].isin([a1, a2])]
            if both["a"].nunique() < 2:
                continue
            index = ["image"]
            if metric == "pearson":
                both, index = single[(single["b"] == b) & single["a"].isin([a1, a2])], ["image", "participant"]
            wide = both.pivot_table(index=index, columns="a", values="value", sort=False).dropna()
            apart = wide[a1] - wide[a2]
            values = np.asarray(apart.unstack() if metric == "pearson" else apart, np.float64)
            people = [values.shape[1], 3 * values.shape[1]] if values.ndim == 2 and values.shape[1] > 1 else []
            about = {"metric": metric, "b": b, "a1": a1, "a2": a2}
            try:
                result = power_curve(values, options.sizes, people=people, studies=options.studies, seed=seed)
                parts.append(result.assign(**about, note=f"from {len(values)} pictures at hand"))
            except InputError as error:
                parts.append(pd.DataFrame([about | {"units": "", "note": error.what}]))
    return _joined(parts, "power")


def _first_pair(networks: dict[str, tuple[str, str]]) -> list[tuple[str, str]]:
    """The first two explainers of the first network."""
    first = next((network for _, network in networks.values()), "")
    subset = [label for label, (_, network) in networks.items() if network == first]
    return [(subset[0], subset[1])] if len(subset) > 1 else []


def _adjusted(table: pd.DataFrame, p: str) -> pd.DataFrame:
    """The table with ``p_adjusted``, the false discovery rate over it."""
    values = table[p].to_numpy(float)
    known = np.isfinite(values)
    adjusted = np.full(len(table), np.nan)
    if known.any():
        adjusted[known] = stats.false_discovery_control(values[known])
    return table.assign(p_adjusted=adjusted)


def _joined(parts: Sequence[pd.DataFrame], name: str) -> pd.DataFrame:
    parts = [part for part in parts if len(part)]
    whole = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    return whole.reindex(columns=list(COLUMNS[name]))
