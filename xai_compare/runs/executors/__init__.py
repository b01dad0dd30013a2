"""Who does the tasks: this process, or the processes of a Dask cluster. Both do the same, to the last bit."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from xai_compare.allocator import pages_kept
from xai_compare.errors import InputError
from xai_compare.runs.stage import Stage, Task

if TYPE_CHECKING:
    from xai_compare.runs.face_cache import FaceCache
    from xai_compare.runs.job import Settings
    from xai_compare.runs.worker import Worker
    from xai_compare.study import Study

TRIES = 3
"""A task that fails this often is set aside."""


class Outcome(NamedTuple):
    """A task that was done, or has failed for good.

    Attributes:
        task: the task.
        value: the outcome and the seconds it took; None where the outcome is stored already, or there is none.
        failure: why it failed; ``""`` if it did not.
    """

    task: Task
    value: tuple[Any, float] | None
    failure: str


class Executor(Protocol):
    """Whoever does the tasks."""

    def map(self, stage: type[Stage], tasks: Iterable[Task], directory: Path, *, ordered: bool) -> Iterator[Outcome]:
        """Do tasks; outcomes come in any order, or in the order of the tasks.

        The tasks are drawn as room for them becomes free, so that a later one may depend on earlier outcomes.

        Raises:
            InputError, OSError: what the user must fix.
        """

    def close(self) -> None:
        """Let go of whatever was held."""


def create(
    study: Study,
    pictures: FaceCache,
    worker: Worker,
    settings: Settings,
    say: Callable[[str], None] = lambda line: None,
) -> Executor:
    """The executor that the settings ask for; ``say`` is told what the user should know."""
    if settings.workers is None and settings.scheduler is None:
        from xai_compare.runs.executors.local import Local, tasks_at_once

        return Local(worker, settings.threads or tasks_at_once(worker))
    from xai_compare.runs.executors.cluster import Cluster

    return Cluster(study, pictures, settings, say)


def attempt(stage: type[Stage], worker: Worker, task: Task) -> tuple[Any, float]:
    """Do a task once: its outcome, and the seconds it took."""
    began = time.perf_counter()
    with pages_kept():
        outcome = stage.make(worker, task)
    return outcome, time.perf_counter() - began


def reason(error: BaseException) -> str:
    """What failed, in one line."""
    return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"


USER_ERRORS = (InputError, OSError)
"""What no second try fixes, but the user can."""
