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
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from xai_compare.files import digest
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


class BaseStage(ABC):
    """A step of a run; subclass `Stage`, `FileStage` or `TableStage`.

    Attributes:
        title: what its progress bar says.
        needs: names of the stages that come before, if the run has them; ``"*"`` stands for all others.
        always: whether every run has it; any other stage a study must ask for by its name.
        first: whether it runs before the other stages plan.
        page: whether it makes a page for people, which a run without a report does not have.
        Options: the pydantic model of what a study may say under the stage's name.
    """

    name: ClassVar[str] = ""
    title: ClassVar[str] = ""
    needs: ClassVar[tuple[str, ...]] = ()
    always: ClassVar[bool] = False
    first: ClassVar[bool] = False
    page: ClassVar[bool] = False
    Options: ClassVar[type[BaseModel] | None] = None

    def __init__(self, job: Job) -> None:
        self.job = job
        self.options: Any = job.study.stage_options(self.name)

    @classmethod
    def wanted(cls, study: Study) -> bool:
        """Whether the run of a study has the stage."""
        return cls.always or study.stage_options(cls.name) is not None

    def plan(self) -> None:  # noqa: B027 - most stages store nothing that must be planned
        """Say what will be stored, before the stages run (see `xai_compare.runs.job.Job.add_store`)."""

    @abstractmethod
    def run(self) -> None:
        """Do whatever is not done."""

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


class Stage(BaseStage):
    """A step that is cut into tasks, whose outcomes are kept as records."""

    def run(self) -> None:
        """Do every task that is not done, then write the tables."""
        self.run_tasks([list(self.tasks())])

    def run_tasks(self, rounds: Sequence[Sequence[Task]]) -> None:
        """Do the tasks that are not done, round after round, then write the tables.

        Args:
            rounds: tasks; those of a later round may depend on outcomes of an earlier one.
        """
        tasks = [task for some in rounds for task in some]
        self.note(tasks)
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
    @abstractmethod
    def make(worker: Worker, task: Task) -> Any:
        """Do a task, in whatever process: its outcome, which JSON can hold."""

    def note(self, tasks: Sequence[Task]) -> None:
        """Write down which tasks there are, for `status` and `verify`."""
        self.job.note_tasks(self.name, tasks)

    def keep(self, task: Task, outcome: Any, seconds: float) -> None:
        """Keep an outcome that came back; it is on disk when this returns."""
        self.records.add(task.key, task.fingerprint, outcome, seconds)

    def outcome(self, task: Task) -> Any:
        """What a task came to; None if it could not be done."""
        return None if self.problem(task) else (self.records.get(task.key) or {}).get("outcome")

    def tables(self) -> dict[str, pd.DataFrame]:
        """What the stage found, as tables for the run's folder ``tables/``."""
        return {}

    @cached_property
    def records(self) -> Records:
        """The records of the stage's tasks."""
        return Records(self.job.directory, self.name)

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


class FileStage(BaseStage):
    """A step that makes its files at once, from what others kept; again only if these have changed."""

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
            for name in self.files():
                self.job.inventory.note(self.job.directory / name)
            return
        began = time.perf_counter()
        self.job.worked = True
        with self.job.stage(self.name, self.title or self.name, self.steps()) as advance:
            self.produce(advance)
        seconds = time.perf_counter() - began
        self.job.done.record(self.job.directory, self.name, self.fingerprint(), self.files(), seconds)


class TableStage(FileStage):
    """A step whose files are tables: it says what they depend on, and computes them.

    Attributes:
        writes: names of the tables.
        results: raised whenever a change of the code changes the tables, so that those of old runs are made again.
    """

    writes: ClassVar[tuple[str, ...]] = ()
    results: ClassVar[int] = 1

    @abstractmethod
    def depends_on(self) -> Sequence[Any]:
        """All that the tables depend on, as values that JSON can hold."""

    @abstractmethod
    def compute(self, advance: Callable[[int], None]) -> Mapping[str, pd.DataFrame]:
        """The tables by name."""

    def fingerprint(self) -> str:
        """See `FileStage.fingerprint`."""
        return digest([self.results, *self.depends_on()])

    def files(self) -> Sequence[str]:
        """Each table as CSV and as Parquet."""
        return [f"tables/{name}.{suffix}" for name in self.writes for suffix in ("csv", "parquet")]

    def produce(self, advance: Callable[[int], None]) -> None:
        """Write the tables."""
        self.job.write_tables(self.compute(advance))
