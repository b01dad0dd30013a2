"""The scores of a run under every combination of choices."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd
from pydantic import BaseModel, Field

from xai_compare.analysis.inputs.observer_maps import GRID, ObserverMaps
from xai_compare.analysis.inputs.stored_maps import StoredMaps
from xai_compare.analysis.scores import Scores
from xai_compare.analysis.scores.tables import study_masks
from xai_compare.comparison import dice, iou
from xai_compare.comparison.statistics.multiverse import FACTOR_COLUMNS, cut_masks, multiverse_factors, orders_beside
from xai_compare.registry import STAGES
from xai_compare.runs.stage import TableStage
from xai_compare.runs.store import MapStore
from xai_compare.study import Study
from xai_compare.validation import Strict

COLUMNS = (
    "metric",
    "b",
    "explainer",
    "scaling",
    "cut",
    "sigma",
    "model",
    "value",
    "expressions",
    "tau",
    "note",
)
TABLE_OF_FACTORS = ("metric", "b", "compared", *FACTOR_COLUMNS)
_FACTORS = ("explainer", "scaling", "cut", "sigma")
_Means = dict[tuple[str, str], dict[str, np.ndarray]]


class MultiverseOptions(Strict):
    """Which choices are varied; explainers are those of the study."""

    scalings: list[Literal["min_max", "positive", "positive_part", "none"]] = Field(
        ["min_max", "positive", "positive_part"], min_length=1, description="how maps are scaled before the mean"
    )
    cuts: list[Literal["otsu", "level", "equal_area"]] = Field(
        ["otsu", "level", "equal_area"],
        min_length=1,
        description="how mean maps are cut: by Otsu's threshold, at the level `compare.thresholds.dice`, or so that as "
        "much is left as the mask covers",
    )
    sigmas: list[float] = Field(
        [0.5, 1.0, 2.0],
        min_length=1,
        description="width of people's Gaussians, as multiples of the study's; held against people only",
    )


@STAGES.register("multiverse")
class Multiverse(TableStage):
    """Every defensible way of scaling, cutting and asking, at once."""

    name: ClassVar[str] = "multiverse"
    title: ClassVar[str] = "multiverse of choices"
    needs: ClassVar[tuple[str, ...]] = ("points", "scores")
    Options: ClassVar[type[BaseModel] | None] = MultiverseOptions
    uses_maps: ClassVar[bool] = True
    writes: ClassVar[tuple[str, ...]] = ("multiverse", "multiverse_factors")

    def depends_on(self) -> Sequence[Any]:
        """All that scores depend on, and the choices."""
        return [self.job.get(Scores).fingerprint(), self.options.model_dump(mode="json")]

    def steps(self) -> int:
        """One for each scaling."""
        return len(self.options.scalings)

    def compute(self, advance: Callable[[int], None]) -> dict[str, pd.DataFrame]:
        """See `multiverse_tables`."""
        return multiverse_tables(self.job.study, self.job.stores, self.options, advance)


def multiverse_tables(
    study: Study, stores: Sequence[MapStore], options: MultiverseOptions, advance: Callable[[int], None]
) -> dict[str, pd.DataFrame]:
    """The tables ``multiverse`` and ``multiverse_factors``.

    Every network's mean maps, on blocks of 4 x 4 pixels: IoU with the masks, Dice with people, means over the
    expressions that every network has under every explainer.

    Returns:
        Frames of `COLUMNS`, a row for each network in each universe, and `TABLE_OF_FACTORS`. ``tau`` is that of the
        order of networks in the universe with the order under the study's own choices and the same explainer; with one
        network, explainers are compared instead.
    """
    masks = {name: (GRID.reduce(mask) > 0.5) for name, mask in study_masks(study).items()}
    people = {s.source.label: _mean_maps_of_people(s, options.sigmas) for s in stores if s.source.kind == "human"}
    level = study.compare.thresholds.dice
    rows: list[tuple[Any, ...]] = []
    for scaling in options.scalings:
        means = _means(stores, scaling)
        for (explainer, model), maps in means.items():
            for cut in options.cuts:
                result = _against_masks(maps, masks, cut, level)
                rows.append(("iou", "ekman", explainer, scaling, cut, np.nan, model, *result))
                for b, sigmas in people.items():
                    for sigma, theirs in sigmas.items():
                        result = _against_people(maps, theirs, cut, level)
                        rows.append(("dice", b, explainer, scaling, cut, sigma, model, *result))
        advance(1)
    table = pd.DataFrame(rows, columns=[name for name in COLUMNS if name != "tau"])
    table = table[(table["metric"] != "iou") | bool(masks)]
    parts = [_with_orders(rows, study) for _, rows in table.groupby(["metric", "b"], sort=False)]
    whole = [pd.concat(some, ignore_index=True) for some in zip(*parts, strict=True)] if parts else []
    named = [list(COLUMNS), list(TABLE_OF_FACTORS)]
    universes, factors = (
        (part[names] for part, names in zip(whole, named, strict=True))
        if whole
        else (pd.DataFrame(columns=names) for names in named)
    )
    return {"multiverse": universes, "multiverse_factors": factors}


def _with_orders(rows: pd.DataFrame, study: Study) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Rows of one reference with tau, and the factors' table."""
    contestant = "model" if rows["model"].nunique() > 1 else "explainer"
    factors = [name for name in _FACTORS if name != contestant and rows[name].notna().any()]
    own: dict[str, Any] = {
        "scaling": study.compare.scaling,
        "cut": "otsu" if rows["metric"].iloc[0] == "iou" else "level",
    }
    if "sigma" in factors:
        own["sigma"] = 1.0
    beside = orders_beside(rows, factors, own, contestant).drop(columns="first")
    factor_table = multiverse_factors(rows, factors, contestant)
    about = {name: rows[name].iloc[0] for name in ("metric", "b")}
    return rows.merge(beside, on=factors, how="left"), factor_table.assign(
        **about, compared="networks" if contestant == "model" else "explainers"
    )


def _means(stores: Sequence[MapStore], scaling: str) -> _Means:
    """Mean maps on the coarser grid by explainer and network, then expression; trainings of a network together."""
    maps = StoredMaps(stores, scaling)
    sums: dict[tuple[str, str], dict[str, list[Any]]] = {}
    for slug, store in maps.stores.items():
        if store.source.kind == "model":
            sums_of_network = sums.setdefault((store.source.explainer, store.source.name), {})
            for one, heatmap in maps.stream(slug):
                there = sums_of_network.setdefault(one.group, [np.zeros(GRID.shape), 0])
                there[0] += heatmap
                there[1] += 1
    return {
        key: {group: GRID.reduce(total / count) for group, (total, count) in groups.items() if group}
        for key, groups in sums.items()
    }


def _mean_maps_of_people(store: MapStore, sigmas: Sequence[float]) -> dict[float, dict[str, np.ndarray]]:
    """People's mean maps by width of their Gaussians and expression."""
    people = ObserverMaps.of(store)
    result: dict[float, dict[str, np.ndarray]] = {}
    for sigma in sigmas:
        wider = replace(people, points=people.points.assign(sigma=people.points["sigma"] * sigma))
        groups: dict[str, list[np.ndarray]] = {}
        for image in wider.images:
            groups.setdefault(wider.groups.get(image, ""), []).append(wider.maps(image)[1].mean(0))
        result[sigma] = {group: np.mean(maps, axis=0) for group, maps in groups.items() if group}
    return result


def _against_masks(
    maps: Mapping[str, np.ndarray], masks: Mapping[str, np.ndarray], cut: Any, level: float
) -> tuple[float, int, str]:
    """Mean IoU over expressions, how many they are, and what is missing."""
    values = [
        float(iou(cut_masks(one, cut, level, masks[name].sum()), masks[name]))
        for name, one in maps.items()
        if name in masks
    ]
    return _mean(values)


def _against_people(
    maps: Mapping[str, np.ndarray], people: Mapping[str, np.ndarray], cut: Any, level: float
) -> tuple[float, int, str]:
    """Mean Dice over expressions; at an equal area, both maps keep as much as Otsu's threshold leaves of people's."""
    values = []
    for name, one in maps.items():
        if name in people:
            area = cut_masks(people[name], "otsu").sum()
            first, second = (cut_masks(side, cut, level, area) for side in (one, people[name]))
            values.append(float(dice(first, second)) if first.any() and second.any() else np.nan)
    return _mean(values)


def _mean(values: Sequence[float]) -> tuple[float, int, str]:
    known = [value for value in values if np.isfinite(value)]
    missing = len(values) - len(known)
    note = f"undefined for {missing} of {len(values)} expressions: a map is constant" if missing else ""
    if not values:
        note = "no expression has both"
    return (float(np.mean(known)) if known else np.nan), len(known), note
