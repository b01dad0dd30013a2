"""Scores of a network's mean maps with images, trainings or both drawn: the table ``trainings``."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pandas as pd

from xai_compare.analysis.inputs.observer_maps import GRID
from xai_compare.analysis.inputs.stored_maps import StoredMaps
from xai_compare.analysis.scores import Scores
from xai_compare.analysis.scores.tables import study_masks, study_metrics
from xai_compare.comparison import dice, otsu_scores, pearson
from xai_compare.comparison.dispatch import ALL
from xai_compare.comparison.registry import METRICS
from xai_compare.comparison.resampling.units import UNIT_COLUMNS, Factor, unit_intervals
from xai_compare.expressions import ordered
from xai_compare.registry import STAGES
from xai_compare.runs.stage import TableStage
from xai_compare.runs.store import MapStore
from xai_compare.study import Study

TRAININGS_COLUMNS = ("metric", "a", "b", "expression", *UNIT_COLUMNS)
MOST = 300
"""Resamples that are enough for a standard error."""
_MANY = 10_000
"""Maps beyond which they are too many to be drawn at once."""
NESTED = "no picture is explained by two trainings: images and trainings are not crossed"
_Score = Callable[[np.ndarray], np.ndarray]


@STAGES.register("trainings")
class Trainings(TableStage):
    """Scores of networks that were trained several times, with trainings drawn as well as images."""

    name: ClassVar[str] = "trainings"
    title: ClassVar[str] = "intervals over trainings"
    needs: ClassVar[tuple[str, ...]] = ("points", "scores")
    uses_maps: ClassVar[bool] = True
    writes: ClassVar[tuple[str, ...]] = ("trainings",)

    @classmethod
    def wanted(cls, study: Study) -> bool:
        """Whether a network was trained several times, and intervals are asked for."""
        names = [spec.name for spec in study.models]
        return bool(study.compare.bootstrap) and len(set(names)) < len(names)

    def depends_on(self) -> Sequence[Any]:
        """All that scores depend on."""
        return [self.job.get(Scores).fingerprint()]

    def compute(self, advance: Callable[[int], None]) -> dict[str, pd.DataFrame]:
        """See `trainings_table`."""
        return {"trainings": trainings_table(self.job.study, self.job.stores)}


class _Stack(NamedTuple):
    """A network's maps of an expression (trainings, images, pixels), and which of them there are."""

    maps: np.ndarray
    there: np.ndarray

    def means(self, images: np.ndarray, trainings: np.ndarray) -> np.ndarray:
        """Mean maps (k, h, w) by how often each image (k, images) and training (k, trainings) counts."""
        weights = (trainings[:, :, None] * images[:, None] * self.there).reshape(len(images), -1).astype(np.float32)
        with np.errstate(invalid="ignore", divide="ignore"):
            result = weights @ self.maps.reshape(self.there.size, -1) / weights.sum(1, keepdims=True)
        return result.reshape(-1, *GRID.coarse)


def trainings_table(study: Study, stores: Sequence[MapStore]) -> pd.DataFrame:
    """Intervals over images, over trainings, and over both crossed (Schuett et al. 2023), of every score.

    Networks with one training have no rows. People and masks are held fixed.

    Returns:
        A frame of `TRAININGS_COLUMNS`: IoU with the masks, Dice and Pearson's r with people, as the study asks for
        them, of mean maps on blocks of 4 x 4 pixels.
    """
    maps, asked = StoredMaps(stores, study.compare.scaling), study_metrics(study)
    masks = {name: GRID.reduce(mask) > 0.5 for name, mask in study_masks(study).items()}
    networks: dict[str, list[str]] = {}
    people: dict[str, list[str]] = {}
    for slug, store in maps.stores.items():
        if store.source.kind in ("model", "human"):
            of = networks if store.source.kind == "model" else people
            of.setdefault(store.source.label, []).append(slug)
    groups = {slug: {one.group for one in maps.entries[slug] if one.group} for slug in maps.stores}
    parts = []
    for a, slugs in networks.items():
        if len(slugs) < 2:
            continue
        for expression in [*ordered(set().union(*(groups[slug] for slug in slugs))), ALL]:
            stack = _stacked(maps, slugs, expression)
            theirs = {b: _mean(maps, slugs_of_people[0], expression) for b, slugs_of_people in people.items()}
            for metric, b, score in _scores(asked, masks.get(expression), theirs, study.compare.thresholds.dice):
                about = {"metric": metric, "a": a, "b": b, "expression": expression}
                result = _intervals(
                    stack, score, METRICS.get(metric).shift, min(study.compare.bootstrap, MOST), study.seed
                )
                parts.append(result.assign(**about))
    whole = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    return whole.reindex(columns=list(TRAININGS_COLUMNS))


def _scores(
    asked: Sequence[str], mask: np.ndarray | None, people: Mapping[str, np.ndarray | None], threshold: float
) -> Iterator[tuple[str, str, _Score]]:
    """Metric, what maps are held against, and the score of maps (k, h, w)."""
    if mask is not None and "iou" in asked:
        yield "iou", "ekman", lambda means: np.asarray(otsu_scores(means, mask)["iou"])
    for b, theirs in people.items():
        if theirs is not None:
            if "dice" in asked:
                yield "dice", b, lambda means, b=theirs: np.asarray(dice(means, b, threshold))  # type: ignore[misc]
            if "pearson" in asked:
                yield "pearson", b, lambda means, b=theirs: np.asarray(pearson(means, b))  # type: ignore[misc]


def _intervals(stack: _Stack, score: _Score, shift: float, n: int, seed: int) -> pd.DataFrame:
    factors = Factor("images", stack.there.shape[1]), Factor("trainings", stack.there.shape[0])
    if stack.there.size > _MANY:
        row = (f"{stack.there.shape[1]} images and {stack.there.shape[0]} trainings are too many to be drawn",)
        value = float(score(stack.means(*(np.ones((1, one.size)) for one in factors)))[0])
        return pd.DataFrame([("trainings", value, np.nan, np.nan, np.nan, factors[1].size, *row)],
                            columns=list(UNIT_COLUMNS))  # fmt: skip
    result = unit_intervals(
        lambda images, trainings: score(stack.means(images, trainings)),
        factors,
        n,
        seed,
        together=True,
        shift_counts=shift,
    )
    if (stack.there.sum(0) < 2).all():
        crossed = result["unit"] == "images x trainings"
        result.loc[crossed, ["error", "ci_low", "ci_high"]] = np.nan
        result.loc[crossed, "note"] = NESTED
    return result


def _stacked(maps: StoredMaps, slugs: Sequence[str], expression: str) -> _Stack:
    images_by_slug = {
        slug: [one.image for one in maps.entries[slug] if expression in (ALL, one.group)] for slug in slugs
    }
    images_by_slug = {slug: images for slug, images in images_by_slug.items() if images}
    place = {image: i for i, image in enumerate(sorted(set().union(*images_by_slug.values())))}
    result = np.zeros((len(images_by_slug), len(place), int(np.prod(GRID.coarse))), np.float32)
    there = np.zeros(result.shape[:2])
    for t, slug in enumerate(images_by_slug):
        for one, heatmap in maps.stream(slug, expression):
            result[t, place[one.image]] = GRID.reduce(heatmap).ravel()
            there[t, place[one.image]] = 1
    return _Stack(result, there)


def _mean(maps: StoredMaps, slug: str, expression: str) -> np.ndarray | None:
    """People's mean map; None if they saw no picture of the expression."""
    own = [GRID.reduce(heatmap) for _, heatmap in maps.stream(slug, expression)]
    return np.mean(own, axis=0) if own else None
