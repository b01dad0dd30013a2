"""A run in progress: the study, what is at hand for its stages, and their order."""

from __future__ import annotations

import shutil
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import asdict, dataclass
from functools import cached_property
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import pandas as pd

from xai_compare import models
from xai_compare.allocator import pages_kept
from xai_compare.errors import InputError
from xai_compare.files import slug
from xai_compare.inventory import Inventory
from xai_compare.registry import STAGES
from xai_compare.runs import executors, provenance
from xai_compare.runs.directory import alone, claim, disk_errors, listing, refuse_strangers, replacing, unlisted
from xai_compare.runs.face_cache import FaceCache, read_pictures
from xai_compare.runs.map_stage import MapStage
from xai_compare.runs.progress import Progress, listener
from xai_compare.runs.results import Run
from xai_compare.runs.stage import ALL, BaseStage, FileStage, Stage, Task
from xai_compare.runs.store import Done, MapStore, Plan, PlannedSource, PlannedTask, Source, write_tables
from xai_compare.runs.worker import BATCH_SIZE, Worker
from xai_compare.study import Study

if TYPE_CHECKING:
    from collections.abc import Mapping

S = TypeVar("S", bound=BaseStage)


@dataclass(frozen=True)
class Settings:
    """How a study is run; nothing here changes a result.

    Attributes:
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        threads: tasks done at once in this process; by default one for each of torch's threads, at most four.
        workers: processes of a local Dask cluster; None for this process alone.
        scheduler: address of a Dask scheduler that runs already.
        tls: certificate authority, certificate and key (PEM files) for a scheduler whose address begins with ``tls://``.
        allow_code: whether the study's factories may run: a study is data, and cannot allow this to itself.
        batch_size: pictures in one forward pass.
        keep: ``"maps"``, or ``"heatmaps"`` to remove the maps of single pictures once the tables are made.
        report: whether figures and the page are made.
    """

    device: str = "auto"
    threads: int | None = None
    workers: int | None = None
    scheduler: str | None = None
    tls: tuple[Path, Path, Path] | None = None
    allow_code: bool = False
    batch_size: int = BATCH_SIZE
    keep: Literal["maps", "heatmaps"] = "maps"
    report: bool = True


def run(
    study: Study,
    out: str | Path | None = None,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
    **settings: Any,
) -> Run:
    """Run a study, or continue it: in a directory that holds the same study, only what is missing is done.

    Args:
        study: what is asked.
        out: the run directory; ``runs/NAME OF THE STUDY`` by default.
        overwrite: whether another study's run in ``out`` may be replaced. A study that has only gained something (an
            explainer, a network, people, another comparison) continues its run without it.
        progress: who is told how far it is; in a notebook bars are shown by default.
        settings: see `Settings`.

    Raises:
        InputError: whatever the user must fix, in one line; what was computed before stays in ``out``.
    """
    directory = Path(out or Path("runs") / slug(study.name))
    gained, replaced = refuse_strangers(directory, study, overwrite)
    progress = progress or listener()
    with disk_errors(directory), alone(directory), replacing(directory) if replaced else nullcontext(directory) as work:
        with listing(work) as inventory:
            job = Job(study, work, Settings(**settings), progress, inventory)
            if replaced:
                job.say(f"the run in {directory} stays until the new one is whole; it is made in {work}")
            elif gained:
                job.say(f"{directory} holds this study without {gained}; what fits is kept, the rest is made")
            if job.manifest.offered > len(job.manifest.rows):
                job.say(
                    f"{len(job.manifest.rows)} of {job.manifest.offered} pictures are used, drawn by the seed (at_most)"
                )
            claim(work, study)
            job.finish()
        if not job.worked:
            job.say(f"Nothing is to be done: all of {directory} was there already")
    return Run.open(directory)


class Job:
    """One run in progress. Everything that the study names is read and checked when it is made, before any work.

    Args:
        study: what is asked.
        directory: the run directory.
        settings: how it is run.
        progress: who is told how far it is.
        inventory: the list of what is written into the directory.
    """

    def __init__(
        self, study: Study, directory: Path, settings: Settings, progress: Progress, inventory: Inventory | None = None
    ) -> None:
        models.torch_device(settings.device)
        for spec in study.models:
            models.permit(spec.loading(), f"model {spec.label!r}", settings.allow_code)
        self.study, self.directory, self.settings = study, directory, settings
        self._progress = progress
        self.inventory = inventory or Inventory(directory, unlisted)
        self.manifest = read_pictures(study)
        self.pictures = FaceCache(study.images, self.manifest, directory / "faces.jsonl")
        self.worker = Worker(study, settings.device, self.pictures, settings.batch_size, settings.allow_code)
        self.plan, self.done = Plan.read(directory), Done.read(directory)
        self._removed = self.plan.keep == "heatmaps"
        self.stores: list[MapStore] = []
        self.expected: dict[str, list[str]] = {}
        self.refused: list[dict[str, str]] = []
        self.failed: list[dict[str, Any]] = []
        self.seconds: dict[str, float] = {}
        self.worked = False
        """Whether a task was done, or files were made."""
        self.described: dict[str, Any] = {}
        """What the provenance says of each network, by its label."""
        self.stages: dict[str, BaseStage] = {name: cls(self) for name, cls in self._ordered().items()}

    def finish(self) -> None:
        """Do every stage that is not done."""
        with pages_kept(release=True):
            self._finish()

    def _finish(self) -> None:
        try:
            for stage in self.stages.values():
                if stage.first:
                    stage.run()
            for stage in self.stages.values():
                stage.plan()
            self._settle()
            for stage in self.stages.values():
                if not stage.first:
                    stage.run()
        finally:
            if "executor" in self.__dict__:
                self.executor.close()
        self._tidy()
        self.write_provenance()
        if self.settings.keep == "heatmaps":
            self.plan.keep = "heatmaps"
            self.plan.write(self.directory)
            shutil.rmtree(self.directory / "maps.zarr", ignore_errors=True)

    @cached_property
    def executor(self) -> executors.Executor:
        """Whoever does the tasks; started when the first one is to be done."""
        return executors.create(self.study, self.pictures, self.worker, self.settings, self.say)

    def map(self, stage: type[Stage], tasks: Iterable[Task], *, ordered: bool = False) -> Iterator[executors.Outcome]:
        """Do tasks wherever there is room; see `xai_compare.runs.executors.Executor.map`."""
        if isinstance(tasks, Sequence) and not tasks:
            return iter(())
        return self.executor.map(stage, tasks, self.directory, ordered=ordered)

    @contextmanager
    def stage(self, name: str, title: str, total: int | None) -> Iterator[Any]:
        """Tell of a stage while it runs, and remember how long it takes."""
        began = time.perf_counter()
        with self._progress.stage(title, total) as advance:
            yield advance
        self.seconds[name] = self.seconds.get(name, 0.0) + time.perf_counter() - began

    @property
    def pages(self) -> list[str]:
        """The stages that make a page; no page depends on another."""
        return [name for name, cls in STAGES.all().items() if cls.page]

    def get(self, kind: type[S]) -> S:
        """The run's stage of a class."""
        stage = self.stages[kind.name]
        assert isinstance(stage, kind)
        return stage

    def say(self, line: str) -> None:
        """Tell the user one line."""
        self._progress.say(line)

    def set_aside(self, task: Task, why: str) -> None:
        """Note that a task failed for good."""
        self.failed.append({"source": task.label, "task": task.key, "images": list(task.images), "reason": why})
        self.say(f"{task.label}: {task.key} set aside; {why}")

    def add_store(self, source: Source, items: Sequence[Mapping[str, Any]], fingerprints: Sequence[str]) -> MapStore:
        """Plan a source's maps: one fingerprint per chunk of items, of all that its maps depend on."""
        store = MapStore(self.directory, source, items, removed=self._removed)
        free, most = shutil.disk_usage(self.directory).free, store.most_bytes
        if most > free:
            line = f"up to {most / 1e9:.1f} GB of maps, {free / 1e9:.1f} GB free"
            self.say(f"{source.label}: {line}; if the disk fills, make room and run the same again")
        self.stores.append(store)
        self.expected[source.slug] = list(fingerprints)
        return store

    def note_tasks(self, stage: str, tasks: Sequence[Task]) -> None:
        """Write down which tasks a stage has, for `status` and `verify`."""
        if tasks:
            noted = [PlannedTask(label=t.label, key=t.key, fingerprint=t.fingerprint, size=t.size) for t in tasks]
            self.plan.tasks[stage] = noted
            self.plan.write(self.directory)

    def write_tables(self, tables: Mapping[str, pd.DataFrame]) -> None:
        """Write tables as CSV and Parquet, and note what was written."""
        write_tables(self.directory / "tables", **tables)
        self.done.note(self.directory, [f"tables/{name}.{suffix}" for name in tables for suffix in ("csv", "parquet")])

    def _ordered(self) -> dict[str, type[BaseStage]]:
        """The stages of this run, in an order in which each comes after those that it needs."""
        wanted: dict[str, type[BaseStage]] = {}
        for name, cls in sorted(STAGES.all().items(), key=lambda item: not item[1].always):
            if cls.wanted(self.study) and (self.settings.report or not cls.page):
                wanted[name] = cls
        # Those of every run come first where the order is free: it decides the order of sources in every table.
        last = [name for name, cls in wanted.items() if ALL in cls.needs]
        graph = {}
        for name, cls in wanted.items():
            unknown = next((need for need in cls.needs if need != ALL and need not in STAGES), None)
            if unknown is not None:
                raise InputError(f"the stage {name!r} needs the stage {unknown!r}, which does not exist")
            others = [other for other in wanted if other not in last] if name in last else []
            graph[name] = [*(need for need in cls.needs if need in wanted), *others]
        try:
            return {name: wanted[name] for name in TopologicalSorter(graph).static_order()}
        except CycleError as error:
            raise InputError(f"the stages need one another in a circle: {', '.join(error.args[1])}") from None

    def _settle(self) -> None:
        """Sort what was planned, and decide whether maps that were removed must be made again."""
        order = {"model": 0, "human": 1, "known": 2}
        self.stores.sort(key=lambda store: order.get(store.source.kind, 3))
        self.stores = [store for store in self.stores if store.size]
        if not self.stores:
            self.nothing()
        if self._removed and not self._summed_up():
            self.say("the maps of single pictures were removed; what depends on them has changed: they are made again")
            self._removed = False
        for store in self.stores:
            store.removed = self._removed
            store.prepare()
        self.plan = Plan(
            sources=[
                PlannedSource(source=store.source, items=[dict(item) for item in store.items]) for store in self.stores
            ],
            tasks={name: tasks for name, tasks in self.plan.tasks.items() if name in self.stages},
            keep="heatmaps" if self._removed else "maps",
        )
        self.plan.write(self.directory)

    def _summed_up(self) -> bool:
        """Whether all that reads the maps has been made of the very maps that are planned."""
        for store in self.stores:
            expected = self.expected[store.source.slug]
            if any(store.problem(index, one) for index, one in enumerate(expected)):
                return False
        stages = list(self.stages.values())
        recorded = [stage for stage in stages if isinstance(stage, Stage) and not isinstance(stage, MapStage)]
        return all(stage.fresh() for stage in stages if isinstance(stage, FileStage) and stage.uses_maps) and not any(
            stage.problem(task) for stage in recorded for task in stage.tasks()
        )

    def nothing(self) -> None:
        """End a run that has no maps.

        Raises:
            InputError: always; it names the first reason.
        """
        table = self.pictures.table()
        reasons = [str(reason) for reason in table["reason"] if reason] if len(table) else []
        reasons += [str(one["reason"]) for one in (*self.refused, *self.failed)]
        why = f" (the first of {len(reasons)} reasons: {reasons[0]})" if reasons else ""
        raise InputError(f"no image can be explained{why}", where=self.study.name, hint="check the images and classes")

    def _tidy(self) -> None:
        """Remove what an earlier study left and this one does not have."""
        mine = {store.source.slug for store in self.stores}
        for folder in (self.directory / "maps.zarr", self.directory / "chunks"):
            for path in folder.iterdir() if folder.is_dir() else ():
                if path.is_dir() and path.name not in mine:
                    self.say(f"{path.name}: not in this study; its maps are removed")
                    shutil.rmtree(path)
        records = self.directory / "records"
        for path in records.iterdir() if records.is_dir() else ():
            if path.stem not in self.stages:
                path.unlink()
        self.done.forget(self.directory, self.stages)

    def write_provenance(self) -> None:
        """Write down where every number came from."""
        seconds = {name: one.seconds for name, one in self.done.stages.items() if name in self.stages}
        for name, took in self.seconds.items():
            seconds.setdefault(name, round(took, 3))
        facts = provenance.describe(self, seconds)
        facts |= {"run_with": asdict(self.settings), "refused": self.refused, "failed": self.failed}
        made = zip(self.study.explainers, self.worker.explainers, strict=True)
        facts["controls"] = [str(spec.label) for spec, explainer in made if explainer.control]
        facts["explaining"] = {store.source.slug: store.effort() for store in self.stores if store.source.explainer}
        facts |= {name: account for name, stage in self.stages.items() if (account := stage.account())}
        provenance.write(self.directory / "provenance.json", facts)
        self.done.note(self.directory, ["provenance.json"])
