"""What a run is made of: stages, and the tasks into which a stage cuts its work.

A new stage is one file: a subclass of `Stage` in `xai_compare.analysis`, or in another package under the entry
point ``xai_compare.stages``. It says what it needs, cuts its work into tasks, and how one task is done; the outcome of
each task is kept in a checked record. Everything else follows: a stopped run goes on where it was, changed inputs make
again what they touch, tasks run in one process or many, and `status`, `verify` and ``--dry-run`` know the stage.
"""

from __future__ import annotations

import time
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from xai_compare.runs.store import Records

if TYPE_CHECKING:
    import pandas as pd
    from pydantic import BaseModel

    from xai_compare.runs.estimate import Costs, Line
    from xai_compare.runs.job import Job
    from xai_compare.runs.worker import Worker
    from xai_compare.study import Study

ALL = "*"


@dataclass(frozen=True)
class Task:
    """One piece of work, small enough to be lost.

    Attributes:
        key: its name among the tasks of its stage.
        fingerprint: a hash of all that its outcome depends on.
        data: what it works on; it must be picklable.
        size: steps that it counts for in progress bars.
        label: whose work it is, in `status`.
        images: the pictures that it touches: they are sent along to other processes, and named if it fails.
        alone: whether it keeps a process's cores busy by itself, so that others beside it would only be in its way.
    """

    key: str
    fingerprint: str
    data: Any = None
    size: int = 1
    label: str = ""
    images: tuple[str, ...] = ()
    alone: bool = False


class Stage:
    """A step of a run.

    Attributes:
        needs: names of the stages that come before, if the run has them; ``"*"`` stands for all others.
        Options: if a study must ask for the stage, the pydantic model of what it says under the stage's name.
        direct: whether a process that sees the run directory stores outcomes itself (see `store`).
        files: what the stage writes into the run directory besides tables.
    """

    name: ClassVar[str] = ""
    title: ClassVar[str] = ""
    needs: ClassVar[tuple[str, ...]] = ()
    Options: ClassVar[type[BaseModel] | None] = None
    direct: ClassVar[bool] = False

    def __init__(self, job: Job) -> None:
        self.job = job
        self.options: Any = job.study.stage_options(self.name)

    @classmethod
    def wanted(cls, study: Study) -> bool:
        """Whether a study asks for the stage."""
        return cls.Options is None or study.stage_options(cls.name) is not None

    def plan(self) -> None:
        """Say what will be stored, before the stages run (see `xai_compare.runs.job.Job.add_store`)."""

    def run(self) -> None:
        """Do every task that is not done, then write the tables."""
        self.run_tasks([list(self.tasks())])

    def run_tasks(self, rounds: Sequence[Sequence[Task]]) -> None:
        """Do the tasks that are not done, round after round, then write the tables.

        Args:
            rounds: tasks; those of a later round may depend on outcomes of an earlier one.
        """
        tasks = [task for some in rounds for task in some]
        self.job.note_tasks(self.name, tasks)
        todo = {task.key for task in self._todo(tasks)}
        self.job.worked |= bool(todo)
        with self.job.stage(self.name, self.title or self.name, sum(task.size for task in tasks)) as advance:
            advance(sum(task.size for task in tasks if task.key not in todo))
            ticks = self.job.worker.ticks
            ticks.listen(advance)
            for some in rounds:
                filled = [self.fill(task) for task in some if task.key in todo]
                for task, value, failure in self.job.map(type(self), filled):
                    if failure:
                        self.job.set_aside(task, failure)
                    elif value is not None:
                        self.keep(task, *value)
                    ticks.done(task.key, task.size)
            ticks.listen(None)
        self.job.write_tables(self.tables())

    def tasks(self) -> Sequence[Task]:
        """The work, cut into tasks of a fixed composition, so that a stage that goes on gives the same bits."""
        return ()

    def fill(self, task: Task) -> Task:
        """Complete a task that is to be done with what would be too much to gather for all of them."""
        return task

    def problem(self, task: Task) -> str:
        """Why a task must be done (again); empty where its outcome is kept, whole and of the same inputs."""
        return self.records.problem(task.key, task.fingerprint)

    @staticmethod
    def load(worker: Worker, task: Task) -> None:
        """Bring to memory what a task needs, while another one is done; the pictures, say."""

    @staticmethod
    def make(worker: Worker, task: Task) -> Any:
        """Do a task, in whatever process: its outcome, JSON-serialisable unless `keep` and `store` say otherwise."""
        raise NotImplementedError

    @staticmethod
    def store(directory: Path, task: Task, outcome: Any, seconds: float) -> None:
        """Keep an outcome, in whatever process made it; of `direct` stages only."""
        raise NotImplementedError

    def keep(self, task: Task, outcome: Any, seconds: float) -> None:
        """Keep an outcome that came back, on disk when this returns."""
        if self.direct:
            self.store(self.job.directory, task, outcome, seconds)
        else:
            self.records.add(task.key, task.fingerprint, outcome, seconds)

    def outcome(self, task: Task) -> Any:
        """What a task came to; None if it could not be done."""
        return None if self.problem(task) else (self.records.get(task.key) or {}).get("outcome")

    def tables(self) -> dict[str, pd.DataFrame]:
        """What the stage found, as tables for the run's folder ``tables/``."""
        return {}

    def inputs(self) -> list[str]:
        """Files of the user's that the stage reads, besides the pictures."""
        return []

    def account(self) -> dict[str, Any]:
        """What the provenance says of the stage."""
        return {}

    @classmethod
    def cost(cls, costs: Costs) -> list[Line]:
        """Lines for the estimate before a run."""
        return []

    @property
    def records(self) -> Records:
        """The records of the stage's tasks."""
        if not hasattr(self, "_records"):
            self._records = Records(self.job.directory, self.name)
        return self._records

    def _todo(self, tasks: Sequence[Task]) -> list[Task]:
        """The tasks that must be done; says how many are kept, and why others are not."""
        todo, kept, why = [], Counter[str](), Counter[tuple[str, str]]()
        for task in tasks:
            problem = self.problem(task)
            if problem:
                why[task.label, problem] += task.size
                todo.append(task)
            else:
                kept[task.label] += task.size
        for label in dict.fromkeys(task.label for task in tasks):
            reasons = {problem: count for (whose, problem), count in why.items() if whose == label}
            whole = kept[label] + sum(reasons.values())
            if not reasons:
                self.job.say(f"{label or self.name}: all {whole} were there already")
            elif kept[label] or set(reasons) != {"not made yet"}:
                said = ", ".join(f"{count} {problem}" for problem, count in reasons.items())
                self.job.say(f"{label or self.name}: of {whole}, {said}; the others are kept")
        return todo


class Summary(Stage, ABC):
    """A stage that makes its files at once, from what others kept; made again only if these have changed."""

    uses_maps: ClassVar[bool] = False
    """Whether it reads the maps of single pictures."""

    @abstractmethod
    def fingerprint(self) -> str:
        """A hash of all that the files depend on."""

    @abstractmethod
    def files(self) -> Sequence[str]:
        """What it writes, as paths below the run directory."""

    @abstractmethod
    def produce(self, advance: Callable[[int], None]) -> None:
        """Write the files."""

    def steps(self) -> int | None:
        """Steps that the progress bar counts."""
        return None

    def fresh(self) -> bool:
        """Whether the files are there, whole and of the same inputs."""
        return self.job.done.fresh(self.job.directory, self.name, self.fingerprint(), self.files())

    def run(self) -> None:
        """Write the files unless they are fresh."""
        if self.fresh():
            return
        began = time.perf_counter()
        self.job.worked = True
        with self.job.stage(self.name, self.title or self.name, self.steps()) as advance:
            self.produce(advance)
        seconds = time.perf_counter() - began
        self.job.done.record(self.job.directory, self.name, self.fingerprint(), self.files(), seconds)
