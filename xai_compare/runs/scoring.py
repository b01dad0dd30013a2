"""From heatmaps to tables: every score a row, with its interval over images."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
import xarray as xr

from xai_compare import comparison, ekman
from xai_compare.comparison import COLUMNS, mask_scores, merges_table, pair_scores
from xai_compare.runs.averaging import ALL, scaled
from xai_compare.runs.intervals import intervals
from xai_compare.runs.store import MapStore
from xai_compare.study import Study

Key = tuple[str, str, str]


def study_masks(study: Study) -> dict[str, np.ndarray]:
    """The masks the study names: bool ``(275, 224)`` by expression; empty where it names none."""
    if study.masks is None:
        return {}
    if study.masks == "ekman":
        return dict(ekman.masks())
    return dict(ekman.read_masks(study.masks))


def tables(
    study: Study, stores: Sequence[MapStore], heatmaps: xr.Dataset, advance: Callable[[int], None]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The scores and the merges of a study's heatmaps; columns as in `xai_compare.comparison.COLUMNS`."""
    maps, counts = _keyed(heatmaps)
    masks = study_masks(study)
    found = intervals(
        stores,
        masks,
        heatmaps.expression.values.tolist(),
        scaling=study.compare.scaling,
        replicates=study.compare.bootstrap,
        seed=study.seed,
        dice_threshold=study.compare.thresholds.dice,
        advance=advance,
    )
    parts = []
    if any(key[1] in masks for key in maps):
        parts.append(mask_scores(maps, masks, b="ekman", counts=counts, intervals=found))
    if len({key[0] for key in maps}) > 1:
        metrics = ["dice", *study.compare.correlation]
        parts.append(pair_scores(maps, metrics, study.compare.thresholds.dice, counts=counts, intervals=found))
    parts.append(known_scores(stores, study))
    parts = [part for part in parts if len(part)]
    scores = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(COLUMNS))
    of_networks = {key: one for key, one in maps.items() if not key[0].startswith("all models/")}
    return scores, merges_table(of_networks)


def _keyed(heatmaps: xr.Dataset) -> tuple[dict[Key, np.ndarray], dict[Key, int]]:
    maps, counts = {}, {}
    numbers = heatmaps["count"].to_numpy()
    for s, source in enumerate(heatmaps.source.values.tolist()):
        for f, fold in enumerate(heatmaps.fold.values.tolist()):
            for e, expression in enumerate(heatmaps.expression.values.tolist()):
                if numbers[s, f, e]:
                    maps[source, expression, fold] = heatmaps.heatmap[s, f, e].to_numpy()
                    counts[source, expression, fold] = int(numbers[s, f, e])
    return maps, counts


def known_scores(stores: Sequence[MapStore], study: Study) -> pd.DataFrame:
    """How well each map finds the region known to differ in its picture, averaged over pictures.

    ``known_auc``: how often a pixel inside the region has a higher value than one outside (chance 0.5).
    ``known_energy``: share of the (scaled) map's mass inside the region (chance: the region's share of the face).
    """
    truth = _regions(next((store for store in stores if store.source.kind == "known"), None))
    if not truth:
        return pd.DataFrame(columns=list(COLUMNS))
    values: dict[tuple[str, str, str], list[float]] = {}
    for store in stores:
        if store.source.kind != "model":
            continue
        for table, maps in scaled(store, study.compare.scaling):
            for image, group, one in zip(table["image"], table["group"], maps, strict=True):
                if image in truth and np.isfinite(one).all():
                    region = truth[image]
                    for expression in (group, ALL):
                        key = (store.source.label, expression)
                        values.setdefault(("known_auc", *key), []).append(float(comparison.region_auc(one, region)))
                        values.setdefault(("known_energy", *key), []).append(
                            float(comparison.region_energy(one, region))
                        )
    area = float(np.mean([region.mean() for region in truth.values()]))
    chance = {"known_auc": 0.5, "known_energy": area}
    draws = np.random.default_rng([study.seed, 1])
    rows = [
        _mean_row(metric, label, expression, np.array(numbers), chance[metric], study.compare.bootstrap, draws)
        for (metric, label, expression), numbers in values.items()
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _regions(store: MapStore | None) -> dict[str, np.ndarray]:
    found = {}
    for table, maps in store.stream() if store else ():
        for image, one in zip(table["image"], maps, strict=True):
            if (one > 0.5).any():
                found[str(image)] = one > 0.5
    return found


def _mean_row(
    metric: str,
    label: str,
    expression: str,
    numbers: np.ndarray,
    chance: float,
    replicates: int,
    draws: np.random.Generator,
) -> tuple[object, ...]:
    numbers = numbers[np.isfinite(numbers)]
    low = high = float("nan")
    if replicates and len(numbers) > 1:
        means = draws.choice(numbers, (replicates, len(numbers))).mean(1)
        low, high = (float(value) for value in np.percentile(means, [2.5, 97.5]))
    value = float(numbers.mean()) if len(numbers) else float("nan")
    note = f"mean of the images' scores; chance {chance:.4f}"
    return (metric, label, "known/region", expression, ALL, value, len(numbers), low, high, note)


def write_tables(folder: Path, **frames: pd.DataFrame) -> None:
    """Write each table as CSV and Parquet."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, frame in frames.items():
        for suffix in (".csv", ".parquet"):
            part = folder / f".{name}{suffix}.part"
            if suffix == ".csv":
                frame.to_csv(part, index=False)
            else:
                frame.to_parquet(part, index=False)
            part.replace(folder / f"{name}{suffix}")


def headline(scores: pd.DataFrame) -> pd.DataFrame:
    """Mean over expressions of each source's main scores, one row a source."""
    chosen = scores[(scores["fold"] == ALL) & (scores["expression"] != ALL)]
    against = {"iou": "IoU with Ekman", "dice": "Dice with people", "known_auc": "AUC of the known region"}
    columns = {}
    for metric, title in against.items():
        rows = chosen[chosen["metric"] == metric]
        if metric == "dice":
            rows = rows[rows["b"].str.startswith("human/") & ~rows["a"].str.startswith(("human/", "known/"))]
        if len(rows):
            columns[title] = rows.groupby("a", sort=False)["value"].mean()
    return pd.DataFrame(columns)
