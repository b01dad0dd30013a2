"""How a run tells what it is doing, without knowing who listens."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from html import escape
from threading import Lock
from typing import Any, Protocol, TypeVar

T = TypeVar("T")
Advance = Callable[[int], None]


class Progress(Protocol):
    """What a listener offers: a bar per stage, and a place for messages."""

    def stage(self, title: str, total: int | None) -> AbstractContextManager[Advance]:
        """Open a stage of ``total`` steps (None: unknown); the context is called with the steps done."""

    def say(self, message: str) -> None:
        """Say one line."""


class Silent:
    """Nobody listens."""

    def stage(self, title: str, total: int | None) -> AbstractContextManager[Advance]:
        """Return a context that counts nothing."""
        return nullcontext(lambda steps: None)

    def say(self, message: str) -> None:
        """Say nothing."""


class Notebook:
    """Bars in a notebook, drawn by the browser itself: they need no widgets, so nothing warns that these are missing.

    Args:
        display: IPython's function of that name.
    """

    def __init__(self, display: Callable[..., Any]) -> None:
        self._display = display

    @contextmanager
    def stage(self, title: str, total: int | None) -> Iterator[Advance]:
        """Show a bar for a stage, at most five times a second."""
        done, shown, began = 0, 0.0, time.perf_counter()
        bar = self._display(_Html(_bar(title, done, total, 0.0)), display_id=True)

        def advance(steps: int) -> None:
            nonlocal done, shown
            done += steps
            now = time.perf_counter()
            if now - shown > 0.2:
                shown = now
                bar.update(_Html(_bar(title, done, total, now - began)))

        yield advance
        bar.update(_Html(_bar(title, total or 1, total or 1, time.perf_counter() - began)))

    def say(self, message: str) -> None:
        """Show a line."""
        self._display(_Html(f"<div>{escape(message)}</div>"))


class _Html:
    """What a notebook shows as HTML."""

    def __init__(self, text: str) -> None:
        self._text = text

    def _repr_html_(self) -> str:
        return self._text


def _bar(title: str, done: int, total: int | None, seconds: float) -> str:
    value = f'value="{done}" max="{total}"' if total else ""
    of = f"{done:,} of {total:,}" if total else f"{done:,}"
    return f"<div><progress {value}></progress> {escape(title)}: {of}, {seconds:.0f} s</div>"


def listener() -> Progress:
    """Bars in a notebook; nobody anywhere else."""
    shell = getattr(sys.modules.get("IPython"), "get_ipython", lambda: None)()
    if type(shell).__name__ == "ZMQInteractiveShell":
        from IPython.display import display

        return Notebook(display)
    return Silent()


class Ticks:
    """Progress within tasks: counts a task's steps while it is done, and the rest of them when it is.

    Tasks are done by several threads at once.
    """

    def __init__(self) -> None:
        self._advance: Advance | None = None
        self._told: dict[str, int] = {}
        self._lock = Lock()

    def listen(self, advance: Advance | None) -> None:
        """From now on tell ``advance``; nobody if None."""
        with self._lock:
            self._advance = advance
            self._told.clear()

    def within(self, key: str, size: int, share: float) -> None:
        """A task of ``size`` steps is done to this share; its last step waits until it is kept."""
        with self._lock:
            steps = min(int(share * size), size - 1)
            more = steps - self._told.get(key, 0)
            if more > 0 and self._advance is not None:
                self._told[key] = steps
                self._advance(more)

    def done(self, key: str, size: int) -> None:
        """A task is done and kept."""
        with self._lock:
            if self._advance is not None:
                self._advance(size - self._told.pop(key, 0))


def batches(things: Iterable[T], size: int) -> Iterator[list[T]]:
    """Cut ``things`` into lists of ``size``, the last one shorter."""
    part: list[T] = []
    for thing in things:
        part.append(thing)
        if len(part) == size:
            yield part
            part = []
    if part:
        yield part
