"""Do explainers, networks and expressions differ, when the same pictures are looked at again and again?

Scores of one picture under several explainers and networks are not independent: some pictures are easy for all. An
analysis of variance over them must compare each picture with itself (repeated measures), or let pictures and people
differ at random (a mixed model). The plain analysis, with Tukey's test, is `xai_compare.comparison.statistics.anova`.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from itertools import combinations
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from xai_compare.comparison.arrays import Floats, ratio
from xai_compare.errors import InputError

ANOVA_COLUMNS = (
    "effect",
    "f",
    "df",
    "df_error",
    "p",
    "p_corrected",
    "epsilon",
    "partial_eta_squared",
    "generalized_eta_squared",
    "units",
)
_FEW = 3
_NOTHING = 1e-5
MIXED_COLUMNS = ("effect", "kind", "value", "chi2", "df", "p", "note")


def complete_cells(table: pd.DataFrame, unit: str, within: Sequence[str], value: str = "value") -> pd.DataFrame:
    """The units' scores side by side, (units, cells): those units that have every combination of the factors' levels.

    Several scores of one cell are averaged.
    """
    known = table[np.isfinite(table[value].to_numpy(float))]
    return known.pivot_table(index=unit, columns=list(within), values=value, sort=False).sort_index(axis=1).dropna()


def repeated_anova(
    table: pd.DataFrame, unit: str, within: Sequence[str], between: str | None = None, value: str = "value"
) -> pd.DataFrame:
    """Analysis of variance of repeated measures, with at most one factor between units (a split plot).

    Each effect is tested on the units' own contrasts, so that a unit is compared with itself. Units with a missing cell
    are left out. With a factor between units, sums of squares are of type III: each effect is that of the unweighted
    means of its groups.

    Args:
        table: a row for each score.
        unit: the column of what is measured again and again: the picture.
        within: one or more columns, the factors that every unit meets at every level: explainer, network.
        between: a column on which each unit has one level: the expression.
        value: the column of scores.

    Returns:
        A frame of `ANOVA_COLUMNS`, a row for each effect and interaction. ``p_corrected`` is Greenhouse and Geisser's,
        with ``epsilon`` (1: spherical, as with two levels). ``generalized_eta_squared`` (Olejnik & Algina 2003) can be
        compared between designs, the partial one cannot.

    Raises:
        InputError: if fewer than two units are whole, a factor has one level, or a unit has two levels of ``between``.
    """
    wide = complete_cells(table, unit, within, value)
    levels = _levels(wide)
    sizes = [len(level) for level in levels]
    if not sizes or min(sizes) < 2 or len(wide.columns) != int(np.prod(sizes)):
        raise InputError("an analysis of repeated measures needs factors of at least two levels, in every combination")
    groups, names = _groups(table, unit, between, wide)
    if len(wide) - len(names) < 1:
        raise InputError(f"{len(wide)} of {table[unit].nunique()} units have every combination: too few for a test")
    if between is not None and len(names) < 2:
        raise InputError(f"all units that have every combination are of one level of {between!r}")
    scores, dummies = wide.to_numpy(np.float64), np.eye(len(names))[groups]
    # The generalized eta squared relates an effect to all variance between and within units, not to its own error.
    noise = float(((scores - dummies @ ((dummies.T @ scores) / dummies.sum(0)[:, None])) ** 2).sum())
    rows = []
    for name, effect, error, df, df_error, epsilon in _effects(scores, sizes, list(within), dummies, between):
        f = float(ratio(effect / df, error / df_error))
        p, corrected = (float(stats.f.sf(f, df * times, df_error * times)) for times in (1.0, epsilon))
        shares = float(ratio(effect, effect + error)), float(ratio(effect, effect + noise))
        rows.append((name, f, df, df_error, p, corrected, epsilon, *shares, len(wide)))
    return pd.DataFrame(rows, columns=list(ANOVA_COLUMNS))


class _Effect(NamedTuple):
    """Sums of squares of an effect and its error, their degrees of freedom, and epsilon."""

    name: str
    effect: float
    error: float
    df: int
    df_error: int
    epsilon: float


def _effects(
    scores: Floats, sizes: list[int], within: list[str], dummies: Floats, between: str | None
) -> Iterator[_Effect]:
    if between is not None:
        yield _effect(between, scores.mean(1, keepdims=True) * np.sqrt(scores.shape[1]), dummies, of_groups=True)
    # Every effect has contrasts of its own: a product, over the factors, of the differences between levels where the
    # factor is part of the effect, and of the mean over levels where it is not. Each unit's scores on them are one row.
    for order in range(1, len(within) + 1):
        for factors in combinations(range(len(within)), order):
            contrasts = np.ones((1, 1))
            for factor, size in enumerate(sizes):
                mean = np.full((size, 1), 1 / np.sqrt(size))
                contrasts = np.kron(contrasts, _contrasts(size) if factor in factors else mean)
            name, columns = ":".join(within[factor] for factor in factors), scores @ contrasts
            yield _effect(name, columns, dummies, of_groups=False)
            if between is not None:
                yield _effect(f"{between}:{name}", columns, dummies, of_groups=True)


def _contrasts(levels: int) -> Floats:
    """Orthonormal contrasts of a factor, (levels, levels - 1)."""
    return np.linalg.qr(np.column_stack([np.ones(levels), np.eye(levels)[:, :-1]]))[0][:, 1:]


def _effect(name: str, columns: Floats, dummies: Floats, of_groups: bool) -> _Effect:
    """Test contrasts of the units: the mean of the groups' means, or the groups' differences, against the scatter."""
    sizes = dummies.sum(0)
    # A unit's own level is gone from contrasts, so that what is left is how differently units respond: the error.
    means = (dummies.T @ columns) / sizes[:, None]
    residuals = columns - dummies @ means
    df_units, width = len(columns) - len(sizes), columns.shape[1]
    if of_groups:
        effect, df = float((sizes[:, None] * (means - columns.mean(0)) ** 2).sum()), width * (len(sizes) - 1)
    else:
        effect, df = float((means.mean(0) ** 2).sum() * len(sizes) ** 2 / (1 / sizes).sum()), width
    # Contrasts that differ in variance or go together make F too large; epsilon says by how much its degrees of freedom
    # must shrink (Greenhouse & Geisser 1959).
    covariance = residuals.T @ residuals / df_units
    spread = width * float((covariance**2).sum())
    epsilon = float(np.trace(covariance)) ** 2 / spread if spread > 0 else float("nan")
    return _Effect(name, effect, float((residuals**2).sum()), df, df_units * width, epsilon)


def mixed_model(
    table: pd.DataFrame, fixed: Sequence[str], random: Sequence[str], value: str = "value", interactions: bool = True
) -> pd.DataFrame:
    """A linear mixed model: fixed factors with all their interactions, and crossed random intercepts.

    Fitted by restricted maximum likelihood (statsmodels). Unlike `repeated_anova` it takes missing cells, and people as
    well as pictures as random.

    Args:
        table: a row for each score.
        fixed: columns of fixed factors: explainer, network, expression. Those of one level are left out.
        random: columns whose levels differ at random: image, participant.
        value: the column of scores.
        interactions: whether the fixed factors interact.

    Returns:
        A frame of `MIXED_COLUMNS`. Rows of kind ``"fixed"`` have Wald's chi squared with its p, which is too small
        where pictures or people are few: it takes the variances for known; of kind ``"variance"``
        the share of variance, after the fixed effects, of each random factor and of the rest; of kind ``"r_squared"``
        the shares that the fixed effects (marginal) and all effects (conditional) explain (Nakagawa & Schielzeth 2013).
        If the fit does not converge, ``note`` says so.

    Raises:
        InputError: if no fixed factor varies, a random one has fewer than three levels, or a cell of interacting
            factors is empty.
    """
    from statsmodels.formula.api import mixedlm

    known = table[np.isfinite(table[value].to_numpy(float))]
    known = pd.DataFrame({"_value": known[value].astype(float), **{name: known[name].astype(str) for name in known}})
    kept = [name for name in fixed if known[name].nunique() > 1]
    small = [name for name in random if known[name].nunique() < _FEW]
    if not kept or small or not len(random):
        what = f"{small[0]!r} has fewer than {_FEW} levels" if small else "no fixed factor has two levels"
        raise InputError(f"a mixed model cannot be fitted: {what}")
    cells = known.groupby(kept).size()
    if interactions and len(cells) < np.prod([known[name].nunique() for name in kept]):
        raise InputError("a mixed model with interactions needs every combination of the fixed factors")
    formula = "_value ~ " + (" * " if interactions else " + ").join(f"C(Q({name!r}), Sum)" for name in kept)
    intercepts = {name: f"0 + C(Q({name!r}))" for name in random}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # What they say is looked up in the fit.
        model = mixedlm(formula, known, groups=np.ones(len(known)), re_formula="0", vc_formula=intercepts)
        fitted = model.fit(reml=True)
        tests = fitted.wald_test_terms(scalar=True).table
    note = "" if fitted.converged else "the fit did not converge"
    rows: list[tuple[Any, ...]] = []
    for term, row in tests.iterrows():
        if term != "Intercept":
            name = ":".join(kept[i] for i in range(len(kept)) if f"Q({kept[i]!r})" in str(term))
            chi2, df, p = float(row["statistic"]), int(row["df_constraint"]), float(row["pvalue"])
            rows.append((name, "fixed", np.nan, chi2, df, p))
    variances = dict(zip(fitted.model.exog_vc.names, map(float, fitted.vcomp), strict=True))
    variances["rest"] = float(fitted.scale)
    if not note and min(variances.values()) < _NOTHING * sum(variances.values()):
        note = "a variance is at its bound of 0"
    total, moved = sum(variances.values()), float(np.var(fitted.model.exog @ fitted.fe_params))
    shares = [(name, "variance", variance / total) for name, variance in variances.items()]
    explained = {"marginal": moved, "conditional": moved + total - variances["rest"]}
    shares += [(name, "r_squared", variance / (moved + total)) for name, variance in explained.items()]
    rows += [(*share, np.nan, np.nan, np.nan) for share in shares]
    return pd.DataFrame([(*row, note) for row in rows], columns=list(MIXED_COLUMNS))


def _levels(wide: pd.DataFrame) -> list[pd.Index]:
    columns = wide.columns
    return [columns.unique(level) for level in range(columns.nlevels)]


def _groups(table: pd.DataFrame, unit: str, between: str | None, wide: pd.DataFrame) -> tuple[np.ndarray, list[str]]:
    """The group of each unit that is whole, and the groups' names."""
    if between is None:
        return np.zeros(len(wide), np.int64), [""]
    pairs = table[[unit, between]].drop_duplicates()
    if pairs[unit].duplicated().any():
        raise InputError(f"a {unit} has several levels of {between!r}", hint="name it among the factors within units")
    level_of_unit = pairs.set_index(unit)[between].reindex(wide.index)
    codes, names = pd.factorize(level_of_unit)
    return codes, [str(name) for name in names]
