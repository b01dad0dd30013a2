"""The page to explore, made when all else is done."""

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

RESULTS = 1
"""Raised whenever a change of the code changes the page."""
SECONDS = 2.0
"""About what it takes on one core; part of an estimate, never of a result."""


@STAGES.register("explore")
class Explore(FileStage):
    """Writes ``explore.html``."""

    name: ClassVar[str] = "explore"
    title: ClassVar[str] = "page to explore"
    always: ClassVar[bool] = True
    page: ClassVar[bool] = True
    needs: ClassVar[tuple[str, ...]] = (ALL,)

    @classmethod
    def cost(cls, costs: Costs) -> list[Line]:
        """One page."""
        return [costs.whole("page to explore", SECONDS)]

    def fingerprint(self) -> str:
        """Of all the tables, maps and points, and of whether photographs may be shown."""
        tables = {one.name: content(one) for one in sorted((self.job.directory / "tables").glob("*.parquet"))}
        # No page reads another.
        others = {name: done.fingerprint for name, done in self.job.done.stages.items() if name not in self.job.pages}
        return digest([RESULTS, VERSION, tables, others, self.job.study.fingerprint()])

    def files(self) -> Sequence[str]:
        """The page."""
        return ["explore.html"]

    def produce(self, advance: Callable[[int], None]) -> None:
        """Write the page."""
        from xai_compare.report.explore import build

        self.job.write_provenance()
        build(Run.open(self.job.directory))
