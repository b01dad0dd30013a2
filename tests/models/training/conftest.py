"""A folder with a tiny task."""

from __future__ import annotations

from functools import partial
from pathlib import Path

import pytest
from tiny_task import write_pictures

from xai_compare.models import load


@pytest.fixture
def task(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with pictures, their manifest and a network's factory."""
    write_pictures(tmp_path / "task")
    monkeypatch.syspath_prepend(str(tmp_path / "task"))
    return tmp_path / "task"


@pytest.fixture(autouse=True)
def _code_is_allowed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The toy network is code beside these tests."""
    monkeypatch.setattr("xai_compare.models.training.running.load", partial(load, allow_code=True))
