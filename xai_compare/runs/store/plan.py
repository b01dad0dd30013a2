"""What a run consists of, and which of its stages are done: for continuing it, `status` and `verify`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from xai_compare.runs.store.files import content, write_atomically
from xai_compare.runs.store.maps import MapStore, Source

PLAN, DONE = "plan.json", "stages.json"
Kept = Literal["maps", "heatmaps"]


class _Checked(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)


class PlannedSource(_Checked):
    """A source and its maps' items."""

    source: Source
    items: list[dict[str, Any]]


class PlannedTask(_Checked):
    """One task of a stage, without what it works on."""

    label: str
    key: str
    fingerprint: str
    size: int


class Plan(_Checked):
    """What a run consists of.

    Attributes:
        sources: whose maps it stores, and of which pictures.
        tasks: by stage, the tasks whose outcomes are records.
        keep: ``heatmaps`` once the maps of single pictures were removed on purpose.
    """

    sources: list[PlannedSource] = []
    tasks: dict[str, list[PlannedTask]] = {}
    keep: Kept = "maps"

    @classmethod
    def read(cls, run: Path) -> Plan:
        """The run's plan; an empty one where there is none, or it is damaged (the run then plans again)."""
        try:
            return cls.model_validate_json((run / PLAN).read_bytes())
        except (OSError, ValidationError, RecursionError):
            return cls()

    def write(self, run: Path) -> None:
        """Write the plan."""
        write_atomically(run / PLAN, self.model_dump_json())

    def stores(self, run: Path) -> list[MapStore]:
        """The stores of the sources."""
        return [MapStore(run, one.source, one.items, removed=self.keep == "heatmaps") for one in self.sources]


class Finished(_Checked):
    """A stage that is done.

    Attributes:
        fingerprint: of all that its files depend on.
        files: what it wrote, and the hash of each.
        seconds: what it took.
    """

    fingerprint: str
    files: dict[str, str]
    seconds: float


class Done(_Checked):
    """The stages of a run that are done, by name."""

    stages: dict[str, Finished] = {}

    @classmethod
    def read(cls, run: Path) -> Done:
        """What is done in a run; nothing where the file is missing or damaged (it is then done again)."""
        try:
            return cls.model_validate_json((run / DONE).read_bytes())
        except (OSError, ValidationError, RecursionError):
            return cls()

    def fresh(self, run: Path, stage: str, fingerprint: str, files: Sequence[str]) -> bool:
        """Whether a stage's files are there, whole, and of this fingerprint."""
        known = self.stages.get(stage)
        if known is None or known.fingerprint != fingerprint or set(known.files) != set(files):
            return False
        return all(content(run / name) == known.files[name] != "" for name in files)

    def record(self, run: Path, stage: str, fingerprint: str, files: Sequence[str], seconds: float) -> None:
        """Note that a stage is done."""
        hashes = {name: content(run / name) for name in files}
        self.stages[stage] = Finished(fingerprint=fingerprint, files=hashes, seconds=round(seconds, 3))
        write_atomically(run / DONE, self.model_dump_json(indent=1))

    def problems(self, run: Path) -> Mapping[str, str]:
        """The files that are not as their stage left them, and what is wrong with each."""
        found = {}
        for known in self.stages.values():
            for name, expected in known.files.items():
                now = content(run / name)
                if now != expected:
                    found[name] = "does not match its checksum" if now else "missing"
        return found
