"""Every defensible way of scaling, cutting and asking, at once."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from xai_compare.registry import STAGES
from xai_compare.runs.stage import Summary
from xai_compare.runs.store import digest

if TYPE_CHECKING:
    from xai_compare.analysis.stages.scores import Scores

RESULTS = 1
"""Raised whenever a change of the code changes the tables."""


class Asked(BaseModel):
    """Which choices are varied; explainers are those of the study."""

    model_config = ConfigDict(extra="forbid", validate_default=True)

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
class Multiverse(Summary):
    """Writes the tables ``multiverse`` and ``multiverse_factors``."""

    name: ClassVar[str] = "multiverse"
    title: ClassVar[str] = "multiverse of choices"
    needs: ClassVar[tuple[str, ...]] = ("points", "scores")
    Options: ClassVar[type[BaseModel] | None] = Asked
    uses_maps: ClassVar[bool] = True

    def fingerprint(self) -> str:
        """Of all that scores depend on, and of the choices."""
        scores: Scores = self.job.stages["scores"]  # type: ignore[assignment]
        return digest([RESULTS, scores.fingerprint(), self.options.model_dump(mode="json")])

    def files(self) -> Sequence[str]:
        """The tables."""
        names = ("multiverse", "multiverse_factors")
        return [f"tables/{name}.{suffix}" for name in names for suffix in ("csv", "parquet")]

    def steps(self) -> int:
        """One for each scaling."""
        return len(self.options.scalings)

    def produce(self, advance: Callable[[int], None]) -> None:
        """Write the tables."""
        from xai_compare.analysis.multiverse import multiverse_tables

        asked: Any = self.options
        self.job.write_tables(multiverse_tables(self.job.study, self.job.stores, asked, advance))
