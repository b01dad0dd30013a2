"""A folder with a tiny task."""

from __future__ import annotations

from pathlib import Path

import pytest
from tiny_task import write_pictures


@pytest.fixture
def task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with pictures, their manifest and a network's factory."""
    write_pictures(tmp_path / "task")
    monkeypatch.syspath_prepend(str(tmp_path / "task"))
    return tmp_path / "task"
