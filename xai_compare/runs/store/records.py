"""What the tasks of a stage came to: one checked record per task, in a journal of the stage's own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from xai_compare.runs.store.files import digest
from xai_compare.runs.store.journal import Journal

FOLDER = "records"


class Records:
    """The records of one stage's tasks.

    Args:
        run: the run directory.
        stage: the stage's name.
    """

    def __init__(self, run: Path, stage: str) -> None:
        self.path = run / FOLDER / f"{stage}.jsonl"
        self._journal = Journal(self.path)

    def get(self, key: str) -> dict[str, Any] | None:
        """A task's record: ``outcome``, ``fingerprint``, ``seconds``; None if there is none, or it is damaged."""
        record = self._journal.get(key)
        return None if record is None or self._damaged(record) else record

    def problem(self, key: str, fingerprint: str) -> str:
        """Why a task must be done (again); empty where its record is whole and of these inputs."""
        record = self._journal.get(key)
        if record is None:
            return "not made yet"
        if self._damaged(record):
            return "damaged record"
        return "" if record.get("fingerprint") == fingerprint else "made of other inputs"

    def add(self, key: str, fingerprint: str, outcome: Mapping[str, Any], seconds: float) -> None:
        """Write a task's record; it is on disk when this returns."""
        facts = {"fingerprint": fingerprint, "outcome": outcome, "seconds": seconds}
        self._journal.add({key: {**facts, "check": digest(facts)}})

    @staticmethod
    def _damaged(record: Mapping[str, Any]) -> bool:
        facts = {key: value for key, value in record.items() if key not in ("key", "check")}
        whole = isinstance(facts.get("outcome"), dict) and isinstance(facts.get("seconds"), int | float)
        return not whole or record.get("check") != digest(facts)
