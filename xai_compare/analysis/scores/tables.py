"""From heatmaps to tables: every score a row, with its interval over images."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from itertools import islice

import numpy as np
import pandas as pd
import xarray as xr

from xai_compare import ekman
from xai_compare.analysis.inputs.observer_maps import ObserverMaps
from xai_compare.analysis.inputs.stored_maps import ALL, StoredMaps, intervals
from xai_compare.analysis.scores.matched import Matched, in_both, matched, replaced
from xai_compare.comparison import (
    COLUMNS,
    MASK_METRICS,
    METRICS,
    ImageScore,
    ImageScores,
    MapKey,
    Metric,
    NullModels,
    References,
    image_nulls,
    merges_table,
    null_table,
    score_table,
    with_nulls,
)
from xai_compare.comparison.dispatch import Options
from xai_compare.comparison.nulls.null_table import NULL_COLUMNS
from xai_compare.comparison.observers import ceilings
from xai_compare.comparison.resampling.pool import threads
from xai_compare.comparison.score_frame import in_order, is_few, with_estimates
from xai_compare.errors import InputError
from xai_compare.faces import SHAPE, face_prior
from xai_compare.runs.store import MapStore
from xai_compare.study import Study

_BATCH = 256


def study_masks(study: Study) -> dict[str, np.ndarray]:
    """The masks the study names: bool ``(275, 224)`` by expression; empty where it names none."""
    if study.masks is None:
        return {}
    if study.masks == "ekman":
        return dict(ekman.masks())
    return dict(ekman.read_masks(study.masks))


def study_metrics(study: Study) -> list[str]:
    """The metrics that the study asks for, in the order of the table.

    Raises:
        InputError: if one is unknown, or needs people's points and the study names no people.
    """
    if study.compare.metrics is None:
        more = ["noise_corrected"] if "pearson" in study.compare.correlation else []
        return [*MASK_METRICS, "dice", *study.compare.correlation, *more, "known_auc", "known_energy"]
    for name in study.compare.metrics:
        if "points" in METRICS.get(name).needs and not study.human:
            what = f"the metric {name!r} needs points where people clicked or looked"
            raise InputError(what, where="compare.metrics", hint="name a source under human, or leave it out")
    return list(dict.fromkeys(study.compare.metrics))


def tables(
    study: Study, stores: Sequence[MapStore], heatmaps: xr.Dataset, advance: Callable[[int], None]
) -> dict[str, pd.DataFrame]:
    """The tables ``scores``, ``merges``, ``nulls`` and ``known_images`` of a study's heatmaps.

    ``heatmaps`` are the means of the stores' maps; ``advance`` is called after each of their expressions.
    """
    maps, counts = _keyed(heatmaps)
    metrics = study_metrics(study)
    options = {"dice": {"threshold": study.compare.thresholds.dice}}
    people = [ObserverMaps.of(store) for store in stores if store.source.kind == "human"]
    references = References(study_masks(study), "ekman", *_of_people(study, people, maps))
    stored = StoredMaps(stores, study.compare.scaling)
    ends, corrected = intervals(
        stored,
        heatmaps.expression.values.tolist(),
        metrics,
        references,
        options,
        replicates=study.compare.bootstrap,
        seed=study.seed,
        advance=advance,
    )
    named = [METRICS.get(name) for name in metrics]
    pictures, region_nulls = region_scores(stored, named, maps)
    of_maps = in_order(with_estimates(score_table(maps, metrics, references, options, counts, ends), corrected, counts))
    parts = [of_maps, pictures.table("known/region", study.compare.bootstrap, study.seed)]
    parts = [part for part in parts if len(part)]
    scores = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(COLUMNS))
    pairs = matched(stored) if study.compare.match == "pictures" else []
    own = {store.source.label for store in stores}
    networks = tuple(dict.fromkeys(store.source.label for store in stores if store.source.kind == "model"))
    null_models = NullModels(face_prior(), networks, seed=study.seed)
    nulls = [null_table(maps, metrics, references, options, null_models), region_nulls]
    nulls = [part for part in nulls if len(part)]
    null = pd.concat(nulls, ignore_index=True) if nulls else pd.DataFrame(columns=list(NULL_COLUMNS))
    for pair in pairs:
        scores, null = _on_the_same_pictures(study, pair, metrics, options, scores, null)
    scores = with_ceilings(with_nulls(scores, null), stores, options, study.seed)
    for pair in pairs:
        scores = _fill_ceilings(scores, pair.observers(), pair.replaced, options, study.seed, pair.networks)
    return {
        "scores": scores,
        "merges": merges_table({key: one for key, one in maps.items() if key.a in own}),
        "nulls": null,
        "known_images": pictures.images("known/region"),
    }


def _on_the_same_pictures(
    study: Study,
    pair: Matched,
    metrics: Sequence[str],
    options: Options,
    scores: pd.DataFrame,
    nulls: pd.DataFrame,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Scores and nulls of networks against people, taken anew where their mean maps are of different pictures."""
    maps, counts = pair.means()
    wanted = [name for name in metrics if METRICS.get(name).needs[1] not in ("region", "mask")]
    references = References({}, "ekman", *_of_people(study, [pair.observers()], maps))
    ends, corrected = intervals(
        pair.maps, pair.replaced, wanted, references, options,
        replicates=study.compare.bootstrap, seed=study.seed, advance=lambda steps: None,
    )  # fmt: skip
    alone = [name for name in pair.groups if name not in pair.replaced]
    told = pair.rows(scores) & scores["expression"].isin(alone)
    scores.loc[told, "note"] += scores.loc[told, "expression"].map(pair.note)
    if not maps:
        return scores, nulls
    again = with_estimates(score_table(maps, wanted, references, options, counts, ends), corrected, counts)
    again = again[pair.rows(again) & again["expression"].isin(pair.replaced)]
    again = again.assign(note=again["note"] + again["expression"].map(pair.note))
    null_models = NullModels(face_prior(), pair.networks, seed=study.seed)
    nulls_again = null_table(maps, wanted, references, options, null_models)
    nulls_again = nulls_again[pair.rows(nulls_again) & ~nulls_again["expression"].isin(alone)]
    # What no map of these pictures can tell, such as an order of expressions that both have, is not told of others.
    stale = pair.rows(nulls) & ~nulls["expression"].isin(alone)
    return replaced(scores, again), replaced(nulls[~stale | in_both(nulls, nulls_again)], nulls_again)


def _keyed(heatmaps: xr.Dataset) -> tuple[dict[MapKey, np.ndarray], dict[MapKey, int]]:
    maps, counts = {}, {}
    numbers = heatmaps["count"].to_numpy()
    for s, source in enumerate(heatmaps.source.values.tolist()):
        means = heatmaps.heatmap[s].to_numpy()
        for f, fold in enumerate(heatmaps.fold.values.tolist()):
            for e, expression in enumerate(heatmaps.expression.values.tolist()):
                if numbers[s, f, e]:
                    maps[MapKey(source, expression, fold)] = means[f, e]
                    counts[MapKey(source, expression, fold)] = int(numbers[s, f, e])
    return maps, counts


def _of_people(
    study: Study, people: Sequence[ObserverMaps], maps: Mapping[MapKey, np.ndarray]
) -> tuple[dict[str, dict[str, np.ndarray]], dict[str, np.ndarray]]:
    """People's points on the standard face, by source and expression, and the baselines the study asks for."""
    points, baselines = {}, {}
    for group in people if study.compare.metrics is not None else ():
        of = group.points["image"].map(group.groups)
        points[group.label] = {
            expression: group.points.loc[of == expression, ["x", "y"]].to_numpy(np.float64)
            for expression in dict.fromkeys(group.groups.values())
        }
        mean = maps.get(MapKey(group.label, ALL, ALL))
        if study.compare.baseline == "mean" and mean is not None:
            baselines[group.label] = mean
    return points, baselines


def region_scores(
    maps: StoredMaps, metrics: Sequence[Metric], means: Mapping[MapKey, np.ndarray] | None = None
) -> tuple[ImageScores, pd.DataFrame]:
    """How well each network's map finds the region known to differ in its picture, averaged over pictures.

    Of the metrics, those that need a picture's region.

    Args:
        maps: of every source.
        metrics: any; those that need a picture's region are taken.
        means: the mean maps, for the scores of maps that do not know the picture.

    Returns:
        Scores, see `xai_compare.comparison.ImageScores`, and nulls, see `xai_compare.comparison.image_nulls`.
    """
    wanted = [metric for metric in metrics if metric.needs == ("map", "region")]
    known = next((slug for slug, store in maps.stores.items() if store.source.kind == "known"), None)
    by_picture = ImageScores()
    if known is None or not wanted:
        return by_picture, image_nulls(by_picture, "known/region", {})
    # Eight pixels a byte: the regions of ten thousand pictures stay in memory.
    regions = {one.image: np.packbits(region > 0.5) for one, region in maps.stream(known) if (region > 0.5).any()}
    areas = {image: float(np.bitwise_count(bits).sum(dtype=np.int64)) for image, bits in regions.items()}

    def scored(image: str, heatmap: np.ndarray) -> list[float]:
        region = np.unpackbits(regions[image], count=heatmap.size).view(bool).reshape(heatmap.shape)
        return [float(metric.function(heatmap, region)) for metric in wanted]

    guesses: dict[tuple[str, str, str], dict[str, float]] = {}
    with ThreadPoolExecutor(threads()) as workers:
        for slug, store in maps.stores.items():
            if store.source.kind != "model":
                continue
            selected = ((one, heatmap) for one, heatmap in maps.stream(slug) if one.image in regions)
            while batch := list(islice(selected, _BATCH)):
                scores = workers.map(scored, [one.image for one, _ in batch], [heatmap for _, heatmap in batch])
                for (one, heatmap), values in zip(batch, scores, strict=True):
                    for metric, value in zip(wanted, values, strict=True):
                        picture = ImageScore(one.image, one.group, value, areas[one.image] / heatmap.size)
                        by_picture.add(metric.name, store.source.label, picture)
        if means is not None:
            todo = _ignorant_of(maps, list(regions), means)
            scores = workers.map(scored, [one[2] for one in todo], [one[3] for one in todo])
            for (a, null, image, _), values in zip(todo, scores, strict=True):
                for metric, value in zip(wanted, values, strict=True):
                    guesses.setdefault((metric.name, a, null), {})[image] = value
    return by_picture, image_nulls(by_picture, "known/region", guesses)


def _ignorant_of(
    maps: StoredMaps, images: Sequence[str], means: Mapping[MapKey, np.ndarray]
) -> list[tuple[str, str, str, np.ndarray]]:
    """Maps that do not know a picture: (source or ``""``, null, image, map)."""
    networks = {s.source.label: slug for slug, s in maps.stores.items() if s.source.kind == "model"}
    whole = [means[key] for key in (MapKey(label, ALL, ALL) for label in networks) if key in means]
    blind = {"whole": np.ones(SHAPE, np.float32), "prior": face_prior().astype(np.float32)}
    if whole:
        blind["mean_map"] = np.mean(whole, axis=0)
    todo = [("", null, image, one) for null, one in blind.items() for image in images]
    wanted = set(images)
    for label, slug in networks.items():
        selected = {key.expression: one for key, one in means.items() if key.a == label and key.fold == ALL}
        groups = {one.image: one.group for one in maps.entries[slug] if one.image in wanted}
        for group in dict.fromkeys(groups.values()):
            theirs = [one for expression, one in selected.items() if expression not in (group, ALL)]
            if theirs:
                mean = np.mean(theirs, axis=0)
                todo += [(label, "other_map", image, mean) for image, its in groups.items() if its == group]
    return todo


def with_ceilings(scores: pd.DataFrame, stores: Sequence[MapStore], options: Options, seed: int) -> pd.DataFrame:
    """Fill ``ceiling_low`` and ``ceiling_high`` of the scores of mean maps against people."""
    table = scores.copy()
    people_too = {store.source.label for store in stores if store.source.kind == "human"}
    for store in stores:
        if store.source.kind != "human":
            continue
        # Of two groups of people the second is the one that the first is to predict.
        others = set(table["a"]) | set(table["b"]) - people_too
        every = ObserverMaps.of(store)
        table = _fill_ceilings(table, every, None, options, seed, tuple(others), people_too)
    return table


def _fill_ceilings(
    scores: pd.DataFrame,
    observers: ObserverMaps,
    expressions: Sequence[str] | None,
    options: Options,
    seed: int,
    others: Sequence[str],
    people_too: Collection[str] = (),
) -> pd.DataFrame:
    """Fill the ceilings of these people's scores with some others, of some expressions or of all."""
    table, maps = scores.copy(), observers.of_people()
    for metric in ("pearson", "uncentred", "dice"):
        for expression, people in maps.items():
            if expressions is not None and expression not in expressions:
                continue
            low, high = ceilings(metric, people, options, seed)
            selected = (table["metric"] == metric) & (table["fold"] == ALL) & (table["expression"] == expression)
            first = (table["a"] == observers.label) & table["b"].isin(others) & ~table["b"].isin(people_too)
            selected &= first | (table["b"] == observers.label) & table["a"].isin(others)
            table.loc[selected, ["ceiling_low", "ceiling_high"]] = low, high
    return table


def headline(scores: pd.DataFrame, kinds: Mapping[str, str]) -> pd.DataFrame:
    """Mean over expressions of each source's main scores, one row a source.

    Args:
        scores: as from `tables`.
        kinds: of the sources by name: ``"model"``, ``"human"`` or ``"known"``.
    """
    chosen = scores[(scores["fold"] == ALL) & (scores["expression"] != ALL)]
    # A mean map of one or two pictures is mostly noise: it enters no mean over expressions.
    chosen = chosen.assign(value=chosen["value"].mask(is_few(chosen)))
    against = {"iou": "IoU with Ekman", "dice": "Dice with people", "known_auc": "AUC of the known region"}
    columns = {}
    for metric, title in against.items():
        rows = chosen[chosen["metric"] == metric]
        if metric == "dice":
            rows = rows[(rows["b"].map(kinds) == "human") & (rows["a"].map(kinds) == "model")]
        if len(rows):
            columns[title] = rows.groupby("a", sort=False)["value"].mean()
    return pd.DataFrame(columns)
