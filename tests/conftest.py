"""Fixtures every room's tests share."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

os.environ.setdefault("KERAS_BACKEND", "torch")

SHARED = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real data that lies beside the project in its workshop and in CI."""
    if not SHARED.is_dir():
        pytest.skip("the real data (../shared/data) are not here")
    return SHARED
