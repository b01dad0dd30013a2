"""Fixtures of the report's tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from report_fakes import FakeRun, make_run

from xai_compare import report


@pytest.fixture(scope="session")
def small_run(tmp_path_factory: pytest.TempPathFactory) -> FakeRun:
    """Two networks, two explainers, two groups of simulated people, three expressions, one empty group."""
    return make_run(
        tmp_path_factory.mktemp("run"),
        ["mini_xception", "resnet18"],
        ["grad_cam", "lime"],
        ["clicks", "gaze"],
        expressions=("anger", "fear", "happiness"),
        empty=("resnet18/lime", "fear"),
    )


@pytest.fixture(scope="session")
def built(small_run: FakeRun) -> Path:
    """The page of the small run, its figures and tables beside it."""
    return report.build(small_run)
