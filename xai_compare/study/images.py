"""The key `images`."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, model_serializer, model_validator

from xai_compare.images.crop import MARGIN
from xai_compare.images.reading import MAX_PIXELS
from xai_compare.validation import Strict


class Images(Strict):
    """Which pictures, and which of them are explained."""

    manifest: Path | None = Field(None, description="CSV with the columns image, expression, ...")
    folder: Path | None = Field(
        None, description="a folder of pictures, with one sub-folder per expression or with none"
    )
    files: str | None = Field(None, description="a pattern of file names, such as `faces/*.jpg`")
    root: Path | None = Field(None, description="what image paths are relative to; the manifest's folder by default")
    allow_outside: bool = Field(False, description="whether image paths may leave the root")
    per_expression: int | None = Field(None, ge=1, description="how many pictures per expression and model; all: null")
    at_most: int | None = Field(
        None, ge=1, description="how many pictures are used at all, drawn by the seed, evenly over labels; all: null"
    )
    choose_by: Literal["predicted", "label"] = Field(
        "predicted", description="pictures are grouped by the class the network predicts (positives) or by their label"
    )
    pairs: bool = Field(False, description="group by the pair of expression and false_label (two-alternative studies)")
    margin: float = Field(MARGIN, gt=0, le=10, description="side of the crop over the extent of the landmarks")
    predictor: Path | None = Field(None, description="another 68-point predictor for dlib")
    max_pixels: int = Field(MAX_PIXELS, ge=1, description="larger pictures are skipped")

    @model_serializer(mode="wrap")
    def _dump(self, dump: Callable[[Any], dict[str, Any]]) -> dict[str, Any]:
        """Leave out what studies could not say before, where it is not said: their fingerprints stay as they were."""
        return {key: value for key, value in dump(self).items() if value is not None or key not in ("files", "at_most")}

    @model_validator(mode="after")
    def _one_source(self) -> Images:
        if sum(place is not None for place in (self.manifest, self.folder, self.files)) != 1:
            raise ValueError("name either a manifest or a folder, or files by a pattern")
        if self.pairs and self.choose_by != "label":
            raise ValueError("pairs needs choose_by: label, for a pair is a label and its false label")
        return self
