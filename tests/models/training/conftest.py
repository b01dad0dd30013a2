"""A folder with a tiny task."""

from __future__ import annotations

import sys
from collections.abc import Iterator
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


def _allowing(spec: dict[str, object], base: Path, **_: object) -> object:
    places = [place for place in sys.path if (Path(place) / "tinynet.py").is_file()]
    return load({**({"folder": places[0]} if places and "factory" in spec else {}), **spec}, base, allow_code=True)


@pytest.fixture(scope="session", autouse=True)
def _code_is_allowed() -> Iterator[None]:
    """The toy network is code beside these tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("xai_compare.models.training.cross_validation.load", _allowing)
        yield
