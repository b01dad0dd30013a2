"""The page to explore, in a real browser and from a file."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from browser import Opened, chromium
from report_fakes import FakeRun

from xai_compare.report import explore


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def page_file(small_run: FakeRun) -> Path:
    return explore.build(small_run)  # type: ignore[arg-type]


def test_the_value_under_the_cursor_is_the_stored_one(browser: Any, page_file: Path, small_run: FakeRun) -> None:
    opened = Opened(browser, page_file)
    page = opened.ready("grid")
    x, y = 97, 201
    box = page.locator(".face canvas").first.bounding_box()
    page.mouse.move(box["x"] + (x + 0.5) / 224 * box["width"], box["y"] + (y + 0.5) / 275 * box["height"])
    opened.settle()
    assert f"x {x}, y {y}" in page.locator("#readout").inner_text()
    written = page.locator(".maps .value").all_inner_texts()
    stored = small_run.heatmaps["heatmap"].isel(fold=0, y=y, x=x).values.ravel()
    ranges = np.ptp(small_run.heatmaps["heatmap"].isel(fold=0).values, axis=(-2, -1)).ravel()
    known = np.isfinite(stored)
    assert len(written) == known.sum() > 20
    for text, value, span in zip(written, stored[known], ranges[known], strict=True):
        # Half a level of 255, and half of the last decimal that is written.
        assert abs(float(text.replace("−", "-")) - value) <= span / 510 + 0.0005 + 1e-9
    assert opened.foreign == []
    opened.close()
