"""What a run consists of, and which of its stages are done: for continuing it, `status` and `verify`."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, ClassVar, Literal, Self

from pydantic import Field

from xai_compare.errors import InputError
from xai_compare.files import write_atomically
from xai_compare.runs.store.arrays import RERUN_HINT
from xai_compare.runs.store.checksums import Checked, fits, lacks_checksum, verify_checksum, with_checksum
from xai_compare.runs.store.files import content
from xai_compare.runs.store.maps import MapStore, Source

PLAN, DONE = "plan.json", "stages.json"
WRITTEN = "written"
"""Under this name stand files of no one stage; none is called so."""
Kept = Literal["maps", "heatmaps"]
_EARLIER = "is of an earlier version of xai-compare, whose runs had no checksums; a report needs them"


def _what_is_wrong(path: Path) -> str:
    """Whether a file that cannot be used is whole but of an earlier version, or damaged."""
    return _EARLIER if path.is_file() and lacks_checksum(path.read_bytes()) else "is damaged"


class _Kept(Checked):
    """A file of the run directory."""

    FILE: ClassVar[str]

    @classmethod
    def read(cls, run: Path) -> Self:
        """What the file says; nothing where it is missing or damaged (the run then plans, or does, it again)."""
        return cls._known(run) or cls()

    @classmethod
    def demand(cls, run: Path) -> Self:
        """What the file says; nothing where there is none.

        Raises:
            InputError: if it is damaged.
        """
        known = cls._known(run)
        if known is None and (run / cls.FILE).exists():
            raise InputError(_what_is_wrong(run / cls.FILE), where=run / cls.FILE, hint=RERUN_HINT)
        return known or cls()

    @classmethod
    def _known(cls, run: Path) -> Self | None:
        try:
            facts = verify_checksum((run / cls.FILE).read_bytes())
        except OSError:
            return None
        return None if facts is None else fits(facts, cls)

    def write(self, run: Path) -> None:
        """Write the file."""
        write_atomically(run / self.FILE, with_checksum(self.model_dump(mode="json")))


class PlannedSource(Checked):
    """A source and its maps' items."""

    source: Source
    items: list[dict[str, Any]]


class PlannedTask(Checked):
    """One task of a stage, without what it works on."""

    label: str
    key: str
    fingerprint: str
    size: int = Field(ge=0)


class Plan(_Kept):
    """What a run consists of.

    Attributes:
        sources: whose maps it stores, and of which pictures.
        tasks: by stage, the tasks whose outcomes are records.
        keep: ``heatmaps`` once the maps of single pictures were removed on purpose.
    """

    FILE: ClassVar[str] = PLAN
    sources: list[PlannedSource] = Field(default_factory=list)
    tasks: dict[str, list[PlannedTask]] = Field(default_factory=dict)
    keep: Kept = "maps"

    def stores(self, run: Path) -> list[MapStore]:
        """The stores of the sources."""
        return [MapStore(run, one.source, one.items, removed=self.keep == "heatmaps") for one in self.sources]


class Finished(Checked):
    """A stage that is done.

    Attributes:
        fingerprint: of all that its files depend on.
        files: what it wrote, and the hash of each.
        seconds: what it took.
    """

    fingerprint: str
    files: dict[str, str]
    seconds: float


class Done(_Kept):
    """The stages of a run that are done, by name."""

    FILE: ClassVar[str] = DONE
    stages: dict[str, Finished] = Field(default_factory=dict)

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
        self.write(run)

    def renew(self, run: Path, stage: str) -> None:
        """Note that a stage's files were written again, of the same inputs."""
        if known := self.stages.get(stage):
            self.record(run, stage, known.fingerprint, list(known.files), known.seconds)

    def note(self, run: Path, files: Sequence[str]) -> None:
        """Note files that are written whenever a run ends, so that a later change of them is seen."""
        known = self.stages.get(WRITTEN)
        hashes = {**(known.files if known else {}), **{name: content(run / name) for name in files}}
        if known is None or known.files != hashes:
            self.stages[WRITTEN] = Finished(fingerprint="", files=hashes, seconds=0.0)
            self.write(run)

    def forget(self, run: Path, stages: Collection[str]) -> None:
        """Let go of other stages, and of tables that the end of a run wrote, whose files are gone."""
        there = {name for name, one in self.stages.items() if all((run / file).exists() for file in one.files)}
        kept = {name: one for name, one in self.stages.items() if name in {*stages, *there, WRITTEN}}
        if WRITTEN in kept:
            files = {name: code for name, code in kept[WRITTEN].files.items() if (run / name).exists()}
            kept[WRITTEN] = kept[WRITTEN].model_copy(update={"files": files})
        if kept != self.stages:
            self.stages = kept
            self.write(run)

    def wrote(self, name: str) -> bool:
        """Whether a stage wrote this file."""
        return any(known.files.get(name) for known in self.stages.values())

    def problem(self, run: Path, name: str) -> str:
        """What is wrong with a file that a stage wrote; empty where it is as that stage left it."""
        for known in self.stages.values():
            if name in known.files:
                now = content(run / name)
                return "" if now == known.files[name] != "" else "does not match its checksum" if now else "is missing"
        if not self.stages:
            return _EARLIER
        return "is not among what the run wrote"

    def files(self) -> list[str]:
        """All files and folders that stages wrote."""
        return [name for known in self.stages.values() for name in known.files]
