"""The key `compare`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field, model_validator

from xai_compare.validation import Strict

Scaling = Literal["min_max", "positive", "positive_part", "none"]


class Thresholds(Strict):
    """How maps become masks."""

    iou: Literal["otsu"] = "otsu"
    dice: float = Field(50, ge=0, lt=255)


class Compare(Strict):
    """How maps are compared."""

    RENAMED: ClassVar[Mapping[str, str]] = {"statistics": "tests"}

    scaling: Scaling = Field("min_max", description="how each map is scaled before maps are averaged")
    thresholds: Thresholds = Thresholds()
    metrics: list[str] | None = Field(
        None,
        min_length=1,
        description="which metrics, by name, see [methods.md](methods.md#metrics); by default `iou`, `precision`, "
        "`recall`, `f1`, `dice`, those of `correlation`, `known_auc` and `known_energy`",
    )
    correlation: list[Literal["uncentred", "pearson"]] = Field(["uncentred", "pearson"])
    baseline: Literal["uniform", "mean"] = Field(
        "uniform",
        description="what `information_gain` is measured above: a uniform map, or these people's mean map of all "
        "expressions",
    )
    match: Literal["pictures", "labels"] = Field(
        "pictures",
        description="whether networks are compared with people on the `pictures` that both have, grouped as the "
        "network has them, or on all that each has under the same `labels`",
    )
    bootstrap: int = Field(2000, ge=0, le=100_000, description="replicates over images; 0: no intervals")

    @model_validator(mode="before")
    @classmethod
    def _without_statistics(cls, value: Any) -> Any:
        # Runs of earlier versions hold the key, empty, in their study.yaml; they must still open.
        if isinstance(value, Mapping) and "statistics" in value and not value["statistics"]:
            return {key: item for key, item in value.items() if key != "statistics"}
        return value
