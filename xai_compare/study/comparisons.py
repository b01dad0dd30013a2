"""The key `compare`."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field

from xai_compare.validation import Strict

Scaling = Literal["min_max", "positive", "positive_part", "none"]


class Thresholds(Strict):
    """How maps become masks."""

    iou: Literal["otsu"] = "otsu"
    dice: float = Field(50, ge=0, lt=255)


class Statistics(Strict):
    """What is asked of the scores, beside the scores."""

    metric: str = Field("dice", description="the score whose means over explainers are compared")
    splits: int = Field(100, ge=1, le=100_000, description="random halvings of the people, for the human ceiling")


def _defaults(value: Any) -> Any:
    """``true`` asks for the defaults, ``false`` for nothing."""
    return ({} if value else None) if isinstance(value, bool) else value


class Compare(Strict):
    """How maps are compared."""

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
    bootstrap: int = Field(2000, ge=0, le=100_000, description="replicates over images; 0: no intervals")
    statistics: Annotated[Statistics | None, BeforeValidator(_defaults)] = Field(
        None, description="the human ceiling, and whether explainers differ, see below; `true` for the defaults"
    )
