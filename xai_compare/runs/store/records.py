"""What the tasks of a stage came to: one checked record per task, in a journal of the stage's own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from xai_compare.runs.store.checksums import Checked
from xai_compare.runs.store.journal import Journal

FOLDER = "records"


class Record(Checked):
    """What a task came to, of which inputs, and how long it took."""

    fingerprint: str
    outcome: dict[str, Any]
    seconds: float


class Records:
    """The records of one stage's tasks.

    Args:
        run: the run directory.
        stage: the stage's name.
    """

    def __init__(self, run: Path, stage: str) -> None:
        self.path = run / FOLDER / f"{stage}.jsonl"
        self._journal = Journal(self.path, Record)

    def get(self, key: str) -> dict[str, Any] | None:
        """A task's record: ``outcome``, ``fingerprint``, ``seconds``; None if there is none, or it is damaged."""
        return self._journal.get(key)

    def problem(self, key: str, fingerprint: str) -> str:
        """Why a task must be done (again); empty where its record is whole and of these inputs."""
        record = self._journal.get(key)
        if record is None:
            return "damaged record" if self._journal.damaged(key) else "not made yet"
        return "" if record["fingerprint"] == fingerprint else "made of other inputs"

    def add(self, key: str, fingerprint: str, outcome: Mapping[str, Any], seconds: float) -> None:
        """Write a task's record; it is on disk when this returns."""
        self._journal.add({key: {"fingerprint": fingerprint, "outcome": outcome, "seconds": seconds}})
