"""This process; a second thread brings to memory what the next task needs while one is done."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from xai_compare.runs.engines import MENDABLE, TRIES, Outcome, attempt, reason
from xai_compare.runs.stage import Stage, Task
from xai_compare.runs.worker import Worker


class Local:
    """Does tasks one after the other.

    Args:
        worker: what the tasks have at hand.
    """

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self._loader = ThreadPoolExecutor(1)

    def map(self, stage: type[Stage], tasks: Iterable[Task], directory: Path, *, ordered: bool) -> Iterator[Outcome]:
        """See `xai_compare.runs.engines.Engine.map`; outcomes always come in the order of the tasks."""
        if isinstance(tasks, list):
            following: list[Task | None] = [*tasks[1:], None]
            for task, after in zip(tasks, following, strict=True):
                loading = None if after is None else self._loader.submit(_load, stage, self.worker, after)
                yield self._done(stage, task, directory)
                if loading is not None:
                    _wait(loading)
        else:  # A task may depend on the outcomes before it, so none is drawn ahead.
            for task in tasks:
                yield self._done(stage, task, directory)

    def close(self) -> None:
        """See `xai_compare.runs.engines.Engine.close`."""
        self._loader.shutdown(cancel_futures=True)

    def _done(self, stage: type[Stage], task: Task, directory: Path) -> Outcome:
        why = ""
        for _ in range(TRIES):
            try:
                outcome, seconds = attempt(stage, self.worker, task)
                if not stage.direct:
                    return Outcome(task, (outcome, seconds), "")
                stage.store(directory, task, outcome, seconds)
                return Outcome(task, None, "")
            except MENDABLE:
                raise
            except Exception as error:  # One bad task must not end a study of days; it is named in the end.
                why = reason(error)
        return Outcome(task, None, why)


def _load(stage: type[Stage], worker: Worker, task: Task) -> None:
    stage.load(worker, task)


def _wait(loading: Future[Any]) -> None:
    """Wait for the loader; what went wrong there shows again, and is told, when the task itself is done."""
    loading.exception()
