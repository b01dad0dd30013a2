"""A real browser for pages: Debian's Chromium, driven by playwright, with the network blocked."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = shutil.which("chromium") or "/usr/bin/chromium"
TWO_FRAMES = "new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"
"""Waits until what was asked for is drawn."""


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser; the test is skipped, and says why, where there is none."""
    playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    if not Path(CHROMIUM).is_file():
        pytest.skip(f"no browser: {CHROMIUM} is not there")
    with playwright.sync_playwright() as started:
        browser = started.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu"])
        try:
            yield browser
        finally:
            browser.close()


class Opened:
    """A page that was opened from a file; whatever it asks for is noted, and nothing but the file is given.

    Args:
        browser: of `chromium`.
        path: the file.
        address: what follows ``#``.
        context: options of the browser's context.
    """

    def __init__(self, browser: Any, path: Path, address: str = "", **context: Any) -> None:
        self.requests: list[str] = []
        self.errors: list[str] = []
        self._context = browser.new_context(offline=True, **{"viewport": {"width": 1280, "height": 900}, **context})
        self.page = self._context.new_page()
        self.page.on("request", lambda request: self.requests.append(request.url))
        self.page.on("pageerror", lambda error: self.errors.append(str(error)))
        self.page.on("console", lambda line: self.errors.append(line.text) if line.type == "error" else None)
        self.page.goto(path.as_uri() + (f"#{address}" if address else ""))

    def ready(self, view: str) -> Any:
        """Wait until a view is drawn."""
        self.page.wait_for_selector(f'main[data-ready="{view}"]', timeout=20_000)
        return self.page

    def look_at(self, address: str) -> Any:
        """Go to another view of the same page, and wait until it is drawn."""
        # A view that is drawn anew has lost the mark; without it the old one would be taken for the new.
        self.page.evaluate(
            "address => { delete document.querySelector('main').dataset.ready; location.hash = address }", address
        )
        return self.ready(address.partition("view=")[2].partition("&")[0])

    def until(self, condition: str) -> None:
        """Wait until a condition holds; the page's policy forbids what playwright itself would wait with."""
        ends = time.monotonic() + 10
        while not self.page.evaluate(condition):
            assert time.monotonic() < ends, condition
            self.page.wait_for_timeout(20)

    def settle(self) -> None:
        """Wait for two frames."""
        self.page.evaluate(TWO_FRAMES)

    def close(self) -> None:
        """Close it; a fault of its script fails the test."""
        self._context.close()
        assert self.errors == []

    @property
    def foreign(self) -> list[str]:
        """What was asked for besides the file and what it holds itself."""
        return [url for url in self.requests if not url.startswith(("file:", "data:", "blob:"))] + [
            url for url in self.requests if url.startswith("file:") and "explore" not in url
        ]
