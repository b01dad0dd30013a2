"""What faithfulness comes to: each explainer's scores beside the random map's, and their mean curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from scipy import stats

from xai_compare.comparison.registry import FEW
from xai_compare.comparison.resampling.interval import LEAST
from xai_compare.comparison.statistics.differences import holm

if TYPE_CHECKING:
    from xai_compare.analysis.faithfulness.stage import Faithfulness, Unit

SCORES = {
    "deletion": "low",
    "insertion": "high",
    "infidelity": "low",
    "parameter_randomization": "high",
    "known_auc": "high",
    "known_energy": "high",
}
"""Every score, and whether low or high is faithful."""
COLUMNS = (
    "model",
    "explainer",
    "score",
    "n",
    "mean",
    "control_mean",
    "difference",
    "ci_low",
    "ci_high",
    "better",
    "note",
    "p",
    "p_adjusted",
    "control",
)
"""``p`` is that of a paired t test against the control; ``p_adjusted`` corrects it over the table (Holm)."""
RANDOM, AGAIN = "random map", "the same explainer again"
CONTROLS = {"edges": "edges of the picture", "face prior": "face prior", "other picture": "map of another picture"}
CURVES = ("model", "explainer", "curve", "share", "mean", "random_mean", "n")
_NAMED = 5


def faithfulness_tables(stage: Faithfulness) -> dict[str, pd.DataFrame]:
    """``faithfulness``, ``faithfulness_controls`` and ``faithfulness_curves``, from whatever has been judged.

    Returns:
        Frames of `COLUMNS` (further controls are corrected by themselves) and `CURVES`.
    """
    scores, controls, curves = [], [], []
    for (model, explainer), units in _together(stage).items():
        if explainer is not None:
            names = model, str(stage.job.study.explainers[explainer].label)
            pairs = [(stage.judged(unit), stage.judged(stage.control(unit)), unit) for unit in units]
            judged = [one if both else None for one, both, _ in pairs]
            measured = _joined(judged, units)
            random = _joined([both for _, both, _ in pairs], units)
            again = {"parameter_randomization": _held_against(judged, "again", "parameter_randomization", units)}
            rows = [(row, RANDOM) for row in _scores(measured, random)] + [
                (row, AGAIN) for row in _scores(measured, again)
            ]
            order = {score: place for place, score in enumerate(SCORES)}
            scores += [(*names, *row, which) for row, which in sorted(rows, key=lambda one: order[one[0][0]])]
            curves += [(*names, *row) for row in _curves(measured, random)]
            for name, called in CONTROLS.items():
                whose = judged if name == "other picture" else [both if one else None for one, both, _ in pairs]
                theirs = {
                    score: _held_against(whose, name, score, units)
                    for score in SCORES
                    if score != "parameter_randomization"
                }
                controls += [(*names, *row, called) for row in _scores(measured, theirs)]
    return {
        "faithfulness": _corrected(scores, COLUMNS),
        "faithfulness_controls": _corrected(controls, COLUMNS),
        "faithfulness_curves": pd.DataFrame(curves, columns=list(CURVES)),
    }


def _together(stage: Faithfulness) -> dict[tuple[str, int | None], list[Unit]]:
    """The units of each network, its trainings together, and explainer."""
    result: dict[tuple[str, int | None], list[Unit]] = {}
    for unit in stage.units:
        result.setdefault((stage.job.study.models[unit.number].name, unit.explainer), []).append(unit)
    return result


def _joined(records: Sequence[Mapping[str, Any] | None], units: Sequence[Unit]) -> dict[str, Any]:
    """The parts of one source as one; a part that could not be judged is all NaN."""
    there = [record for record in records if record is not None]
    names = list(there[0]["scores"]) if there else []
    steps = len(there[0]["curves"]["deletion"][0]) if there else 0
    parts: dict[str, list[np.ndarray]] = {name: [] for name in (*names, "deletion curve", "insertion curve")}
    reasons: list[str] = []
    for record, unit in zip(records, units, strict=True):
        size = len(unit.rows)
        reasons += record["reasons"] if record else ["it could not be judged"] * size
        for name in names:
            parts[name].append(np.array(record["scores"][name], float) if record else np.full(size, np.nan))
        for name in ("deletion", "insertion"):
            curve = np.array(record["curves"][name], float) if record else np.full((size, steps), np.nan)
            parts[f"{name} curve"].append(curve)
    images = [image for unit in units for image in unit.images]
    return {"images": images, "reasons": reasons, **{k: np.concatenate(v) for k, v in parts.items() if v}}


def _held_against(
    records: Sequence[Mapping[str, Any] | None], control: str, score: str, units: Sequence[Unit]
) -> np.ndarray:
    """A score of the maps of a control, picture by picture; NaN where there is none."""
    parts = []
    for record, unit in zip(records, units, strict=True):
        values = (record or {}).get("controls", {}).get(control, {}).get(score)
        parts.append(np.full(len(unit.rows), np.nan) if values is None else np.array(values, float))
    return np.concatenate(parts)


def _scores(measured: Mapping[str, Any], random: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    """A row of each score that both have, up to its p value."""
    rows = []
    for score, better in SCORES.items():
        if score not in measured or score not in random or np.isnan(random[score]).all():
            continue
        asked = np.ones(len(measured["images"]), bool)
        if score.startswith("known_"):
            asked = np.isfinite(random[score])  # Elsewhere no region is known.
        elif score == "parameter_randomization":
            asked = np.isfinite(random[score])  # The others are not explained once more.
        both = np.isfinite(measured[score]) & np.isfinite(random[score])
        if not asked.any():
            continue
        images = [image for image, one in zip(measured["images"], both, strict=True) if one]
        own, chance = measured[score][both], random[score][both]
        differences = _by_image(own - chance, images)
        low, high, p = _tested(differences)
        means = [float(values.mean()) if len(values) else float("nan") for values in (own, chance, own - chance)]
        note = _note(score, measured, asked, both)
        if 0 < len(differences) < FEW:
            note = "; ".join(filter(None, [note, f"{len(differences)} pictures are few, {FEW} are wanted"]))
        rows.append((score, len(images), *means, low, high, better, note, p))
    return rows


def _by_image(values: np.ndarray, images: Sequence[str]) -> np.ndarray:
    """Each picture's mean over trainings, which are no independent looks at it."""
    return pd.Series(values).groupby(list(images), sort=False).mean().to_numpy(float)


def _tested(differences: np.ndarray) -> tuple[float, float, float]:
    """The 95 % interval of the mean difference by Student's t, pictures being drawn, and its p value."""
    if len(differences) < LEAST or not np.ptp(differences) > 0:
        return float("nan"), float("nan"), float("nan")
    result = stats.ttest_1samp(differences, 0)
    ends = result.confidence_interval(0.95)
    return float(ends.low), float(ends.high), float(result.pvalue)


def _corrected(rows: Sequence[tuple[Any, ...]], columns: Sequence[str]) -> pd.DataFrame:
    """The table of rows that lack only the p values corrected over it."""
    table = pd.DataFrame(rows, columns=[name for name in columns if name != "p_adjusted"])
    known = table["p"].notna()
    table["p_adjusted"] = np.nan
    if known.any():
        table.loc[known, "p_adjusted"] = holm(table.loc[known, "p"].to_numpy(float))
    return table[list(columns)]


def _note(score: str, measured: Mapping[str, Any], asked: np.ndarray, both: np.ndarray) -> str:
    """How many pictures are left out, and why."""
    parts = []
    if not asked.all():
        what = "explained once more: " if score == "parameter_randomization" else "the region is known in "
        parts.append(f"{what}{int(asked.sum())} of {len(asked)} pictures")
    missing = np.flatnonzero(asked & ~both)
    if len(missing):
        named = [
            f"{measured['images'][i]} ({measured['reasons'][i] or 'the score is undefined'})" for i in missing[:_NAMED]
        ]
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        parts.append(f"left out: {len(missing)}: {', '.join(named)}{more}")
    return "; ".join(parts)


def _curves(measured: Mapping[str, Any], random: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    rows = []
    for name in ("deletion", "insertion"):
        own, chance = measured.get(f"{name} curve"), random.get(f"{name} curve")
        if own is None or chance is None:
            continue
        both = np.isfinite(own).all(1) & np.isfinite(chance).all(1)
        if both.any():
            shares = np.linspace(0, 1, own.shape[1])
            means = zip(shares, own[both].mean(0), chance[both].mean(0), strict=True)
            rows += [(name, float(x), float(a), float(b), int(both.sum())) for x, a, b in means]
    return rows
