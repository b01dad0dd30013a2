"""What is known of every picture, prediction and map, as tables."""

from __future__ import annotations

from typing import Any, ClassVar

import pandas as pd

from xai_compare.analysis.predict import Predict
from xai_compare.registry import STAGES
from xai_compare.runs.stage import BaseStage


@STAGES.register("tables")
class Tables(BaseStage):
    """Writes the tables that are no one stage's: predictions, images, skipped, maps."""

    name: ClassVar[str] = "tables"
    needs: ClassVar[tuple[str, ...]] = ("explain", "heatmaps")
    always: ClassVar[bool] = True

    def run(self) -> None:
        """Write the tables; reading them together is quick."""
        images = self.job.pictures.table()
        frames = {"predictions": self.job.get(Predict).predictions(), "images": images, "maps": self._maps()}
        self.job.write_tables({**frames, "skipped": self._skipped(images)})

    def _skipped(self, images: pd.DataFrame) -> pd.DataFrame:
        rows: list[tuple[str, str]] = list(self.job.manifest.skipped)
        if len(images):
            rows += [
                (str(image), str(why)) for image, why in zip(images["image"], images["reason"], strict=True) if why
            ]
        rows += [(image, f"{one['source']}: {one['reason']}") for one in self.job.failed for image in one["images"]]
        return pd.DataFrame(rows, columns=["image", "reason"], dtype=str)

    def _maps(self) -> pd.DataFrame:
        """What is known of every map: source, image, group, reason where undefined, the explainer's own figures."""
        parts: list[Any] = [
            table.assign(source=store.source.label, fold=store.source.fold, kind=store.source.kind)
            for store in self.job.stores
            for table in store.tables()
        ]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
