"""People's clicks and fixations on the standard face, for the metrics that need points."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import pandas as pd

from xai_compare.registry import STAGES
from xai_compare.runs.stage import Summary
from xai_compare.runs.store import MapStore, digest

if TYPE_CHECKING:
    from xai_compare.analysis.stages.people import People

RESULTS = 2
"""Raised whenever a change of the code changes points."""


@STAGES.register("points")
class Points(Summary):
    """Brings people's points onto the standard face."""

    name: ClassVar[str] = "points"
    title: ClassVar[str] = "points on the standard face"
    needs: ClassVar[tuple[str, ...]] = ("people",)

    @classmethod
    def wanted(cls, study: Any) -> bool:
        """Whether the study has people."""
        return bool(study.human)

    def fingerprint(self) -> str:
        """Of what people's maps depend on."""
        return digest([RESULTS, [(store.source.slug, self.job.expected[store.source.slug]) for store in self._stores]])

    def files(self) -> Sequence[str]:
        """A table for each group of people."""
        from xai_compare.analysis.points import points_file

        return [points_file(store) for store in self._stores]

    def produce(self, advance: Callable[[int], None]) -> None:
        """Write the tables."""
        from xai_compare.analysis.points import COLUMNS, on_face, write_points

        people: People = self.job.stages["people"]  # type: ignore[assignment]
        for store in self._stores:
            crowd, points = people.points(store.source.label)
            parts = [
                on_face(rows, self.job.pictures.frame(str(image)), crowd.spec.weights, crowd.sigma)
                for image, rows in points.groupby("image", sort=False)
            ]
            table = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=list(COLUMNS))
            write_points(store, table)

    @property
    def _stores(self) -> list[MapStore]:
        return [store for store in self.job.stores if store.source.kind == "human"]
