"""Networks against people, picture by picture, with people's own ceiling."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from xai_compare.analysis.inputs.observer_maps import GRID, ObserverMaps
from xai_compare.analysis.inputs.stored_maps import StoredMaps
from xai_compare.analysis.scores import Scores
from xai_compare.comparison.dispatch import Options
from xai_compare.comparison.observers import (
    CEILING,
    ELSEWHERE,
    IMAGE_METRICS,
    LEFT_OUT,
    PER_IMAGE_COLUMNS,
    PRIOR,
    image_scores,
    left_out_scores,
    reliability,
    upper_ceiling,
)
from xai_compare.faces.prior import face_prior
from xai_compare.registry import STAGES
from xai_compare.runs.stage import TableStage
from xai_compare.runs.store import MapStore
from xai_compare.study import Study


@STAGES.register("per_image")
class PerImage(TableStage):
    """Scores of single pictures."""

    name: ClassVar[str] = "per_image"
    title: ClassVar[str] = "scores of single pictures"
    needs: ClassVar[tuple[str, ...]] = ("points", "scores")
    uses_maps: ClassVar[bool] = True
    writes: ClassVar[tuple[str, ...]] = ("per_image",)
    results: ClassVar[int] = 2

    @classmethod
    def wanted(cls, study: Study) -> bool:
        """Whether the study has people."""
        return bool(study.human)

    def depends_on(self) -> Sequence[Any]:
        """All that scores depend on, people's points among it."""
        return [self.job.get(Scores).fingerprint()]

    def compute(self, advance: Callable[[int], None]) -> dict[str, pd.DataFrame]:
        """See `per_image`."""
        study, stores = self.job.study, self.job.stores
        options = {"dice": {"threshold": study.compare.thresholds.dice}}
        return {"per_image": per_image(StoredMaps(stores, study.compare.scaling), stores, options)}


def per_image(maps: StoredMaps, stores: Sequence[MapStore], options: Options) -> pd.DataFrame:
    """Every network, explainer and group of people against every group of people, picture by picture.

    Returns:
        A frame of `PER_IMAGE_COLUMNS`. Of each group ``b`` there is a row for one person left out, for the face prior
        and for the people's mean map of all other pictures, and of Pearson's r one for the upper ceiling;
        ``reliability`` is that of the mean map, negative ones included.
    """
    rows: list[tuple[object, ...]] = []
    prior = GRID.reduce(face_prior())
    for store in stores:
        if store.source.kind != "human":
            continue
        people = ObserverMaps.of(store)
        observers = dict(people.observers())
        b = store.source.label
        for image, viewers in observers.items():
            expression = people.groups.get(image, "")
            one_more = f"{b}: {LEFT_OUT}"
            picture_scores = left_out_scores(viewers, options)
            rows += [(s.metric, one_more, b, image, expression, s.value, s.note) for s in picture_scores]
            for name, knows_nothing in ((PRIOR, prior), (f"{b}: {ELSEWHERE}", viewers.baseline)):
                picture_scores = image_scores(knows_nothing, viewers, None, None, options)
                rows += [(s.metric, name, b, image, expression, s.value, s.note) for s in picture_scores]
            rows.append(
                ("reliability", b, b, image, expression, reliability(viewers.maps), f"{len(viewers.maps)} people")
            )
            upper = upper_ceiling(viewers.maps)
            rows.append(("pearson", CEILING, b, image, expression, upper.value, upper.note))
        for slug, other in maps.stores.items():
            if other.source.kind == "known" or other.source.label == b:
                continue
            seen = set()
            for one, heatmap in maps.stream(slug):
                seen.add(one.image)
                if one.image in observers:
                    picture_scores = image_scores(GRID.reduce(heatmap), observers[one.image], None, None, options)
                    rows += [
                        (s.metric, other.source.label, b, one.image, one.group, s.value, s.note) for s in picture_scores
                    ]
            # Networks explain whichever images they are asked about; people who missed one are told of.
            missed = [image for image in observers if image not in seen and other.source.kind == "human"]
            why = f"{other.source.label} has no map of it"
            for image in missed:
                expression = people.groups.get(image, "")
                rows += [(metric, other.source.label, b, image, expression, np.nan, why) for metric in IMAGE_METRICS]
    return pd.DataFrame(rows, columns=list(PER_IMAGE_COLUMNS))
