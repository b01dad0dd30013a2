"""This process: several tasks at once on a machine with several cores, each with its own copies of the networks.

The networks that read faces are small. Several threads inside one forward pass mostly wait for one another there; as
many forward passes side by side do not.
"""

from __future__ import annotations

import itertools
import queue
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

from xai_compare.runs.executors import TRIES, USER_ERRORS, Outcome, attempt, reason
from xai_compare.runs.map_stage import MapStage
from xai_compare.runs.stage import Stage, Task
from xai_compare.runs.worker import Worker

MOST = 4
"""Tasks done at once, at most; beyond that the interpreter's lock and copies of networks cost more than they bring."""


def tasks_at_once(worker: Worker) -> int:
    """How many tasks this process does at once: as many as torch has threads, at most `MOST`; on a GPU one."""
    import torch

    from xai_compare.models import torch_device

    if torch_device(worker.device).type != "cpu" or not worker.shares_nothing:
        return 1
    return min(torch.get_num_threads(), MOST)


class Local:
    """Does tasks in threads of this process.

    Args:
        worker: what the tasks have at hand; further threads get workers like it.
        threads: tasks done at once.
    """

    def __init__(self, worker: Worker, threads: int = 1) -> None:
        self.workers = [worker]
        self.threads = threads
        self._loader = ThreadPoolExecutor(1)

    def map(self, stage: type[Stage], tasks: Iterable[Task], directory: Path, *, ordered: bool) -> Iterator[Outcome]:
        """See `xai_compare.runs.executors.Executor.map`."""
        if not isinstance(tasks, list):  # A task may depend on the outcomes before it, so none is drawn ahead.
            outcomes: Iterator[Outcome] = (_attempts(stage, self.workers[0], task) for task in tasks)
        elif ordered or self.threads < 2:
            outcomes = self._one_by_one(stage, tasks)
        else:
            together = [task for task in tasks if not task.alone]
            alone = self._one_by_one(stage, [task for task in tasks if task.alone])
            outcomes = itertools.chain(self._side_by_side(stage, together), alone)
        for task, value, failure in outcomes:
            if value is not None and issubclass(stage, MapStage):
                stage.store(directory, task, *value)
                value = None
            yield Outcome(task, value, failure)

    def close(self) -> None:
        """See `xai_compare.runs.executors.Executor.close`."""
        self._loader.shutdown(cancel_futures=True)

    def _one_by_one(self, stage: type[Stage], tasks: list[Task]) -> Iterator[Outcome]:
        """A second thread brings to memory what the next task needs while one is done."""
        following: list[Task | None] = [*tasks[1:], None] if tasks else []
        for task, after in zip(tasks, following, strict=True):
            loading = None if after is None else self._loader.submit(_load, stage, self.workers[0], after)
            yield _attempts(stage, self.workers[0], task)
            if loading is not None:
                _wait(loading)

    def _side_by_side(self, stage: type[Stage], tasks: list[Task]) -> Iterator[Outcome]:
        import torch

        count = min(self.threads, len(tasks))
        if not count:
            return
        self.workers += [self.workers[0].clone() for _ in range(count - len(self.workers))]
        before = torch.get_num_threads()
        waiting, lock, stop = iter(tasks), threading.Lock(), threading.Event()
        done: queue.Queue[Outcome | BaseException] = queue.Queue(maxsize=2 * count)

        def serve(worker: Worker) -> None:
            torch.set_num_threads(max(before // count, 1))
            while not stop.is_set():
                with lock:
                    task = next(waiting, None)
                if task is None:
                    return
                try:
                    done.put(_attempts(stage, worker, task))
                except BaseException as error:  # It is raised where the outcomes are drawn, interrupts included.
                    done.put(error)

        for worker in self.workers[:count]:
            # A thread in the middle of a task must not keep a process alive that was told to stop.
            threading.Thread(target=serve, args=(worker,), daemon=True).start()
        try:
            for _ in tasks:
                outcome = done.get()
                if isinstance(outcome, BaseException):
                    raise outcome
                yield outcome
        finally:
            stop.set()
            torch.set_num_threads(before)


def _attempts(stage: type[Stage], worker: Worker, task: Task) -> Outcome:
    """Do a task, again if it fails."""
    why = ""
    for _ in range(TRIES):
        try:
            return Outcome(task, attempt(stage, worker, task), "")
        except USER_ERRORS:
            raise
        except Exception as error:  # One bad task must not end a study of days; it is named in the end.
            why = reason(error)
    return Outcome(task, None, why)


def _load(stage: type[Stage], worker: Worker, task: Task) -> None:
    stage.load(worker, task)


def _wait(loading: Future[Any]) -> None:
    """Wait for the loader; what went wrong there shows again, and is told, when the task itself is done."""
    loading.exception()
