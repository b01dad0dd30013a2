"""Progress bars on a terminal; a line per stage where there is none."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    SpinnerColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from xai_compare.cli.app import console

_EVERY = 30.0
"""Seconds between two lines where there is no terminal."""


class TerminalProgress:
    """Shows how far a run is; see `xai_compare.runs.progress.Progress`."""

    def __init__(self) -> None:
        self._told = time.monotonic()
        self._bars = Progress(
            SpinnerColumn(),
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[rate]}"),
            TimeElapsedColumn(),
            TimeRemainingColumn(),
            console=console,
            disable=not console.is_terminal,
        )

    def __enter__(self) -> TerminalProgress:
        self._bars.start()
        return self

    def __exit__(self, *problem: object) -> None:
        self._bars.stop()

    @contextmanager
    def stage(self, title: str, total: int | None) -> Iterator[Callable[[int], None]]:
        """Show a bar for a stage of ``total`` steps."""
        task = self._bars.add_task(title, total=total, rate="")

        def advance(steps: int) -> None:
            self._bars.advance(task, steps)
            speed = self._bars.tasks[self._bars.task_ids.index(task)].speed
            self._bars.update(task, rate=f"{speed:.1f}/s" if speed else "")
            self._log(task)

        yield advance
        state = self._bars.tasks[self._bars.task_ids.index(task)]
        self._bars.update(task, total=state.total or 1, completed=state.total or 1)
        if not console.is_terminal:
            console.print(f"{title}: done in {state.elapsed or 0:.1f} s", highlight=False, markup=False)

    def _log(self, task: TaskID) -> None:
        """Where there is no terminal, say now and then how far a long stage is."""
        now = time.monotonic()
        if not console.is_terminal and now - self._told > _EVERY:
            self._told = now
            state = self._bars.tasks[self._bars.task_ids.index(task)]
            of = f" of {state.total:,.0f}" if state.total else ""
            console.print(f"{state.description}: {state.completed:,.0f}{of}", highlight=False, markup=False)

    def say(self, message: str) -> None:
        """Print a line above the bars."""
        console.print(message, markup=False, highlight=False)
