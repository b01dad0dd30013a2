"""What faithfulness comes to: each explainer's scores beside the random map's, and their mean curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from xai_compare.comparison.resampling import draw_counts, interval

if TYPE_CHECKING:
    from xai_compare.runs.stages.faithfulness import Faithfulness, Unit

SCORES = {
    "deletion": "low",
    "insertion": "high",
    "infidelity": "low",
    "forgetting": "high",
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
    "random_mean",
    "difference",
    "ci_low",
    "ci_high",
    "better",
    "note",
)
CURVES = ("model", "explainer", "curve", "share", "mean", "random_mean", "n")
_NAMED = 5


def faithfulness_tables(stage: Faithfulness) -> dict[str, pd.DataFrame]:
    """``faithfulness`` and ``faithfulness_curves``, from whatever has been judged; columns `COLUMNS` and `CURVES`."""
    scores, curves = [], []
    for (model, explainer), units in _together(stage).items():
        if explainer is not None:
            names = model, str(stage.job.study.explainers[explainer].label)
            pairs = [(stage.judged(unit), stage.judged(stage.control(unit)), unit) for unit in units]
            mine = _joined([one if both else None for one, both, _ in pairs], units)
            random = _joined([both for _, both, _ in pairs], units)
            scores += [(*names, *row) for row in _scores(stage, mine, random)]
            curves += [(*names, *row) for row in _curves(mine, random)]
    return {
        "faithfulness": pd.DataFrame(scores, columns=list(COLUMNS)),
        "faithfulness_curves": pd.DataFrame(curves, columns=list(CURVES)),
    }


def _together(stage: Faithfulness) -> dict[tuple[str, int | None], list[Unit]]:
    """The units of each network, its trainings together, and explainer."""
    found: dict[tuple[str, int | None], list[Unit]] = {}
    for unit in stage.units:
        found.setdefault((stage.job.study.models[unit.number].name, unit.explainer), []).append(unit)
    return found


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


def _scores(stage: Faithfulness, mine: Mapping[str, Any], random: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    rows = []
    for score, better in SCORES.items():
        if score not in mine or score not in random:
            continue
        asked = np.ones(len(mine["images"]), bool)
        if score.startswith("known_"):
            asked = np.isfinite(random[score])  # Elsewhere no region is known.
        both = np.isfinite(mine[score]) & np.isfinite(random[score])
        if not asked.any():
            continue
        images = [image for image, one in zip(mine["images"], both, strict=True) if one]
        own, chance = mine[score][both], random[score][both]
        low, high = _interval(own - chance, images, stage)
        means = [float(values.mean()) if len(values) else float("nan") for values in (own, chance, own - chance)]
        rows.append((score, len(images), *means, low, high, better, _note(mine, asked, both)))
    return rows


def _interval(differences: np.ndarray, images: Sequence[str], stage: Faithfulness) -> tuple[float, float]:
    """The 95 % bootstrap interval of a mean difference, pictures drawn with replacement, as all intervals here."""
    replicates = stage.job.study.compare.bootstrap
    if not replicates or len(differences) < 2:
        return float("nan"), float("nan")
    counts = draw_counts(images, replicates, stage.job.study.seed)
    found = interval(float(differences.mean()), counts @ differences / len(differences), images=len(set(images)))
    return found.low, found.high


def _note(mine: Mapping[str, Any], asked: np.ndarray, both: np.ndarray) -> str:
    """How many pictures are left out, and why."""
    parts = []
    if not asked.all():
        parts.append(f"the region is known in {int(asked.sum())} of {len(asked)} pictures")
    missing = np.flatnonzero(asked & ~both)
    if len(missing):
        named = [f"{mine['images'][i]} ({mine['reasons'][i] or 'the score is undefined'})" for i in missing[:_NAMED]]
        more = f" and {len(missing) - _NAMED} more" if len(missing) > _NAMED else ""
        parts.append(f"left out: {len(missing)}: {', '.join(named)}{more}")
    return "; ".join(parts)


def _curves(mine: Mapping[str, Any], random: Mapping[str, Any]) -> list[tuple[Any, ...]]:
    rows = []
    for name in ("deletion", "insertion"):
        own, chance = mine.get(f"{name} curve"), random.get(f"{name} curve")
        if own is None or chance is None:
            continue
        both = np.isfinite(own).all(1) & np.isfinite(chance).all(1)
        if both.any():
            shares = np.linspace(0, 1, own.shape[1])
            means = zip(shares, own[both].mean(0), chance[both].mean(0), strict=True)
            rows += [(name, float(x), float(a), float(b), int(both.sum())) for x, a, b in means]
    return rows
