"""Figures and the page, made when all else is done."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ClassVar

from xai_compare.files import digest
from xai_compare.registry import STAGES
from xai_compare.runs.results import Run
from xai_compare.runs.stage import ALL, FileStage
from xai_compare.runs.store import content
from xai_compare.version import VERSION

if TYPE_CHECKING:
    from xai_compare.runs.estimate import Costs, Line

RESULTS = 3
"""Raised whenever a change of the code changes the page or its figures."""
FIGURE_SECONDS = 0.4
"""About what a figure takes on one core; part of an estimate, never of a result."""


@STAGES.register("report")
class Report(FileStage):
    """Draws the figures and writes the page."""

    name: ClassVar[str] = "report"
    always: ClassVar[bool] = True
    page: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = (ALL,)

    @classmethod
    def cost(cls, costs: Costs) -> list[Line]:
        """Figures: three for each explainer, two for each network, and some of all."""
        explainers = max((len(network.explainers) for network in costs.networks), default=1)
        figures = 3 * explainers + 2 * len(costs.networks) + 6
        return [costs.whole("figures and page", 1 + figures * FIGURE_SECONDS)]

    def fingerprint(self) -> str:
        """Of all the tables and heatmaps."""
        # What the report itself writes there is CSV alone.
        tables = {one.name: content(one) for one in sorted((self.job.directory / "tables").glob("*.parquet"))}
        others = {name: done.fingerprint for name, done in self.job.done.stages.items() if name not in self.job.pages}
        return digest([RESULTS, VERSION, tables, others, self.job.study.fingerprint()])

    def files(self) -> Sequence[str]:
        """The page, the folder of figures, and the tables of sections, which alone are CSV only."""
        listed = self.job.inventory.hashes
        tables = [name for name in sorted(listed) if name.startswith("tables/") and name.endswith(".csv")]
        return ["report.html", "figures", *(name for name in tables if f"{name[:-4]}.parquet" not in listed)]

    def produce(self, advance: Callable[[int], None]) -> None:
        """Write figures and page."""
        from xai_compare import report

        self.job.write_provenance()
        for name in self.files()[2:]:
            (self.job.directory / name).unlink(missing_ok=True)
        self.job.inventory.settle()
        report.build(Run.open(self.job.directory), explore=True)
