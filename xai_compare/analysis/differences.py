"""Differences between a run's networks and explainers, against masks, people and known regions."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from itertools import combinations
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pandas as pd
import xarray as xr

from xai_compare.analysis.heatmaps import Heatmaps
from xai_compare.analysis.inputs.stored_maps import ALL, StoredMaps
from xai_compare.analysis.scores import Scores
from xai_compare.analysis.scores.tables import study_masks, study_metrics
from xai_compare.comparison import METRICS, References
from xai_compare.comparison.statistics.differences import (
    DifferenceKey,
    difference_table,
    image_differences,
    pool_differences,
)
from xai_compare.comparison.statistics.differences import (
    Differences as Scored,
)
from xai_compare.registry import STAGES
from xai_compare.runs.stage import TableStage
from xai_compare.runs.store import MapStore
from xai_compare.study import Study

if TYPE_CHECKING:
    from xai_compare.runs.estimate import Costs, Line

PAIR_SECONDS = 7e-3
"""About what the difference of two sources takes on one core; part of an estimate only."""
MOST = 300
"""Resamples that are enough for a standard error."""
_WANTED = ("iou", "dice", "pearson")


@STAGES.register("differences")
class Differences(TableStage):
    """Which of two sources scores higher, on the images that both explain."""

    name: ClassVar[str] = "differences"
    title: ClassVar[str] = "differences between sources"
    needs: ClassVar[tuple[str, ...]] = ("heatmaps", "scores")
    uses_maps: ClassVar[bool] = True
    writes: ClassVar[tuple[str, ...]] = ("differences",)

    @classmethod
    def wanted(cls, study: Study) -> bool:
        """Whether there are two networks or explainers, and intervals are asked for."""
        return bool(study.compare.bootstrap) and len(study.models) * len(study.explainers) > 1

    @classmethod
    def cost(cls, costs: Costs) -> list[Line]:
        """Every two sources of networks, expression by expression."""
        explained = sum(not one.refusal for network in costs.networks for one in network.explainers)
        pairs = explained * (explained - 1) / 2
        return [costs.whole("differences between sources", (costs.groups - 1) * pairs * PAIR_SECONDS)]

    def depends_on(self) -> Sequence[Any]:
        """All that scores depend on."""
        return [self.job.get(Scores).fingerprint()]

    def steps(self) -> int:
        """One for each expression."""
        return int(self.job.get(Heatmaps).load().sizes["expression"]) - 1

    def compute(self, advance: Callable[[int], None]) -> dict[str, pd.DataFrame]:
        """See `differences`."""
        known = self.job.get(Scores).known_images()
        heatmaps = self.job.get(Heatmaps).load()
        return {"differences": differences(self.job.study, self.job.stores, heatmaps, known, advance)}


def differences(
    study: Study,
    stores: Sequence[MapStore],
    heatmaps: xr.Dataset,
    known: pd.DataFrame,
    advance: Callable[[int], None],
) -> pd.DataFrame:
    """Compare every two networks or explainers: IoU with the masks, Dice and Pearson's r with people, known regions.

    ``known`` is the table ``known_images``; ``advance`` is called after each expression.

    Returns:
        A frame of `xai_compare.comparison.statistics.differences.DIFFERENCE_COLUMNS`.
    """
    asked = study_metrics(study)
    metrics = [METRICS.get(name) for name in _WANTED if name in asked]
    masks = study_masks(study)
    maps = StoredMaps(stores, study.compare.scaling)
    sources = list(dict.fromkeys(store.source.label for store in stores if store.source.kind == "model"))
    people = [store.source.label for store in stores if store.source.kind == "human"]
    options = {"dice": {"threshold": study.compare.thresholds.dice}}
    against = [*people, "ekman"]
    scored: Scored = {}
    wanted: list[DifferenceKey] = []
    for expression in [name for name in heatmaps.expression.values.tolist() if name != ALL]:
        with tempfile.TemporaryDirectory(dir=stores[0].run, prefix=".bins-") as place:
            pool = maps.pool(expression, Path(place))
            if pool is not None:
                references = References({name: mask for name, mask in masks.items() if name == expression}, "ekman")
                of_expression = pool_differences(
                    pool, expression, metrics, references, options, sources=sources, against=against,
                    n=min(study.compare.bootstrap, MOST), seed=study.seed,
                )  # fmt: skip
                scored |= of_expression
                for metric, b in dict.fromkeys((key.metric, key.b) for key in of_expression):
                    there = [name for name in sources if name in pool.rows]
                    wanted += [DifferenceKey(metric, *pair, b, expression) for pair in combinations(there, 2)]
        advance(1)
    scored |= image_differences(_of_pictures(known))
    return difference_table(scored, wanted)


def _of_pictures(scores: pd.DataFrame) -> dict[tuple[str, str, str, str], dict[str, float]]:
    """Each picture's score by metric, a, b and expression."""
    scored: dict[tuple[str, str, str, str], dict[str, float]] = {}
    known = scores[np.isfinite(scores["value"].to_numpy(float)) & (scores["expression"] != "")]
    for key, rows in known.groupby(["metric", "a", "b", "expression"], sort=False):
        scored[tuple(map(str, key))] = dict(zip(rows["image"], rows["value"], strict=True))  # type: ignore[index]
    return scored
