"""The main job: from a study to a finished run directory, stage by stage."""

from __future__ import annotations

import errno
import shutil
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import pandas as pd
from filelock import FileLock, Timeout

from xai_compare import models
from xai_compare.errors import InputError
from xai_compare.images.manifest import Manifest
from xai_compare.runs import faithfulness, people, provenance
from xai_compare.runs.averaging import mean_face, write_heatmaps
from xai_compare.runs.engines import Chunk, Cluster, Engine, Local
from xai_compare.runs.faces import Faces
from xai_compare.runs.faithful_tables import account, faithfulness_tables
from xai_compare.runs.faithfulness import Judge
from xai_compare.runs.journal import slug, write_atomically
from xai_compare.runs.progress import Progress, Silent
from xai_compare.runs.run import Run
from xai_compare.runs.scoring import study_masks, study_metrics, tables, write_tables
from xai_compare.runs.selection import Selector
from xai_compare.runs.statistics import explainers_of, statistics_tables
from xai_compare.runs.store import MapStore, Source, write_plan
from xai_compare.runs.work import Item, Worker, read_pictures
from xai_compare.study import Study

MADE = ("provenance.json", "plan.json", "faces.jsonl", "predictions", "chunks", "maps.zarr", "faithfulness.jsonl",
        "points", "heatmaps.zarr", "tables", "figures", "report.html")  # fmt: skip
"""What a run writes into its directory besides the study: what `overwrite` removes, and nothing else."""

REUSED = ("faces.jsonl", "predictions", "chunks", "maps.zarr", "points", "faithfulness.jsonl")
"""What carries fingerprints of its inputs, so that another study may use what it shares with the one before."""


@dataclass(frozen=True)
class Means:
    """With what a study is run; nothing here changes a result.

    Attributes:
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        workers: processes of a local Dask cluster; None for this process alone.
        scheduler: address of a Dask scheduler that runs already.
        keep: ``"maps"``, or ``"heatmaps"`` to remove the maps of single pictures once the tables stand.
        report: whether figures and the page are made.
    """

    device: str = "auto"
    workers: int | None = None
    scheduler: str | None = None
    keep: Literal["maps", "heatmaps"] = "maps"
    report: bool = True


def run(
    study: Study | None = None,
    out: str | Path | None = None,
    *,
    overwrite: bool = False,
    progress: Progress | None = None,
    **means: Any,
) -> Run:
    """Run a study, or continue it: into a directory that holds the same study, only what is missing is done.

    Args:
        study: what is asked; the bundled default if None.
        out: the run directory; ``runs/NAME OF THE STUDY`` by default.
        overwrite: whether another study's run in ``out`` may be replaced.
        progress: who is told how far it is.
        means: see `Means`.

    Raises:
        InputError: whatever the user must mend, in one line; what was computed before stays in ``out``.
    """
    with_what = Means(**means)
    if study is None:
        out = out or "runs/default"
        study = default_study(Path(out))
    directory = Path(out or Path("runs") / slug(study.name))
    _refuse_strangers(directory, study, overwrite)
    with said(directory), _alone(directory):
        job = Job(study, directory, with_what, progress or Silent())
        job.claim(overwrite)
        return job.finish()


def default_study(directory: Path) -> Study:
    """The bundled default: its inputs are rendered into ``directory/inputs`` unless they are there already."""
    from xai_compare import synthetic

    path = directory / "inputs" / "study.yaml"
    with said(directory):
        if not path.is_file():
            path = synthetic.default_study(directory / "inputs")
    return Study.load(path)


def _holds_run(directory: Path) -> bool:
    return any((directory / name).exists() for name in MADE)


def _refuse_strangers(directory: Path, study: Study, overwrite: bool) -> None:
    """Refuse a directory that holds something else than this study's run."""
    if directory.exists() and not directory.is_dir():
        raise InputError("is a file, not a directory", where=directory, mend="name another with --out")
    if (directory / "study.yaml").is_file():
        try:
            same = Study.load(directory / "study.yaml").fingerprint() == study.fingerprint()
        except InputError:
            same = False
        if not same and not overwrite and _holds_run(directory):
            mend = "name another directory with --out, or --overwrite"
            raise InputError("holds another study's run", where=directory, mend=mend)
    elif directory.is_dir() and any(path.name not in ("inputs", ".lock") for path in directory.iterdir()):
        raise InputError("is not empty and holds no run", where=directory, mend="name a new directory with --out")


@contextmanager
def _alone(directory: Path) -> Iterator[None]:
    """Hold the directory's lock; the system frees it when the process ends, however it ends."""
    directory.mkdir(parents=True, exist_ok=True)
    lock = FileLock(directory / ".lock", timeout=0)
    try:
        lock.acquire()
    except Timeout:
        mend = "wait for it, or name another directory with --out"
        raise InputError("another process is running in it", where=directory, mend=mend) from None
    try:
        yield
    finally:
        lock.release()


@contextmanager
def said(directory: Path) -> Iterator[None]:
    """Say in one line what the file system refuses."""
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            mend = "make room and run the same command again; what is done is kept"
            raise InputError("the disk is full", where=directory, mend=mend) from None
        if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG):
            place = error.filename or directory
            raise InputError(f"cannot be written ({error.strerror})", where=place, mend="name another place") from None
        raise


@dataclass
class Job:
    """One run in progress. Everything the study names is read and checked when it is made, before any work."""

    study: Study
    directory: Path
    means: Means
    progress: Progress
    stages: dict[str, float] = field(default_factory=dict)
    described: dict[str, Any] = field(default_factory=dict)
    stores: list[MapStore] = field(default_factory=list)
    predictions: list[pd.DataFrame] = field(default_factory=list)
    refused: list[dict[str, str]] = field(default_factory=list)
    failed: list[dict[str, Any]] = field(default_factory=list)
    judge: Judge | None = None

    def __post_init__(self) -> None:
        models.torch_device(self.means.device)
        study_masks(self.study)
        study_metrics(self.study)
        self.manifest: Manifest = read_pictures(self.study)
        self.pictures = Faces(self.study.images, self.manifest, self.directory / "faces.jsonl")
        self.people = [people.read(spec, list(self.pictures.rows.index)) for spec in self.study.human]
        self.worker = Worker(self.study, self.means.device, self.pictures)

    def claim(self, overwrite: bool) -> None:
        """Make the directory the study's. Of another study's run the maps stay until it is known which serve again."""
        stands = self.directory / "study.yaml"
        same = stands.is_file() and stands.read_text("utf-8") == self.study.dump()
        if overwrite and not same:
            for path in (self.directory / name for name in MADE if name not in REUSED):
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
        write_atomically(stands, self.study.dump())

    def finish(self) -> Run:
        """Do every stage that is not done."""
        engine = self._engine()
        try:
            for number in range(len(self.study.models)):
                self._model(number, engine)
        finally:
            engine.close()
        self._sources()
        self._faithfulness()
        self._summarise()
        run = Run.open(self.directory)
        if self.means.report:
            self._report(run)
        if self.means.keep == "heatmaps":
            for name in ("maps.zarr", "chunks"):
                shutil.rmtree(self.directory / name, ignore_errors=True)
        return run

    def _engine(self) -> Engine:
        if self.means.workers is None and self.means.scheduler is None:
            return Local(self.worker)
        return Cluster(self.study, self.pictures, self.means.device, self.means.workers or 1, self.means.scheduler)

    @contextmanager
    def _stage(self, name: str, title: str = "", total: int | None = None) -> Iterator[Any]:
        began = time.perf_counter()
        with self.progress.stage(title or name, total) as advance:
            yield advance
        self.stages[name] = self.stages.get(name, 0.0) + time.perf_counter() - began

    def _model(self, number: int, engine: Engine) -> None:
        spec = self.study.models[number]
        with self._stage("load models", f"{spec.label}: load"):
            model = self.worker.model(number)
            self.described[spec.label] = self.worker.description(number)
        journal = self.directory / "predictions" / f"{slug(spec.label)}.jsonl"
        identity = self.worker.identity(number)
        selector = Selector(self.study, self.pictures, spec, model.classes, journal, identity)
        with self._stage("faces and predictions", f"{spec.label}: faces, predictions", len(self.pictures.rows)) as bar:
            items = selector.select(lambda parts: engine.look(number, parts), bar)
        self.predictions.append(selector.predictions(items))
        for explainer, asked in enumerate(self.study.explainers):
            name = f"{spec.label}/{asked.label}"
            why = self.worker.explainers[explainer].refusal(model)
            if why:
                self.refused.append({"source": name, "reason": why})
                self.progress.say(f"{name}: left out; {why}")
            elif items:
                self._explain(name, number, explainer, items, engine)

    def _explain(self, name: str, number: int, explainer: int, items: list[Item], engine: Engine) -> None:
        spec, asked = self.study.models[number], self.study.explainers[explainer]
        simulated = any(self.pictures.rows.at[item.image, "dataset"] == "simulated" for item in items)
        source = Source("model", spec.name, str(asked.label), spec.fold or "", simulated)
        store = MapStore(self.directory, source, [_facts(item, self.pictures) for item in items])
        self._room_for(store)
        store.prepare()
        self.stores.append(store)
        write_plan(self.directory, self.stores)
        todo, why = [], Counter[str]()
        for index, part in enumerate(store.chunks):
            fingerprint = self.worker.fingerprint(number, explainer, items[part])
            problem = store.problem(index, fingerprint)
            if problem:
                why[problem] += part.stop - part.start
                store.forget(index)
                todo.append(Chunk(number, explainer, index, items[part], fingerprint, len(items)))
        if todo and (len(todo) < len(store.chunks) or set(why) != {"not made yet"}):
            reasons = ", ".join(f"{count} {reason}" for reason, count in why.items())
            self.progress.say(f"{name}: of {len(items)} maps, {reasons}; the others are kept")
        elif not todo:
            self.progress.say(f"{name}: all {len(items)} maps were there already")
        with self._stage(f"explain: {asked.label}", name, len(items)) as bar:
            bar(len(items) - sum(len(chunk.items) for chunk in todo))
            for chunk, failure in engine.explain(todo, store):
                if failure:
                    images = [item.image for item in chunk.items]
                    self.failed.append({"source": name, "chunk": chunk.index, "images": images, "reason": failure})
                    self.progress.say(f"{name}: chunk {chunk.index} set aside; {failure}")
                bar(len(chunk.items))
        label = {"kind": source.kind, "model": source.name, "explainer": source.explainer, "fold": source.fold}
        store.finish({"source": source.label, **label})

    def _room_for(self, store: MapStore) -> None:
        free, most = shutil.disk_usage(self.directory).free, store.most_bytes
        if most > free:
            line = f"up to {most / 1e9:.1f} GB of maps, {free / 1e9:.1f} GB free"
            self.progress.say(f"{store.source.label}: {line}; if the disk fills, make room and run the same again")

    def _sources(self) -> None:
        grouped = people.groups(self.study, self.pictures)
        for one in self.people:
            with self._stage("people", f"human/{one.spec.name}", len(one.images)) as bar:
                say = self.progress.say
                self.stores.append(people.store_people(self.directory, one, self.pictures, grouped, bar, say))
        named = people.images_with_region(self.pictures)
        if named:
            with self._stage("known regions", total=len(named)) as bar:
                self.stores.append(people.store_regions(self.directory, self.pictures, grouped, bar))
        self.stores = [store for store in self.stores if store.items]
        if not any(store.record(index) for store in self.stores for index in range(len(store.chunks))):
            self._nothing()
        write_plan(self.directory, self.stores)
        self._tidy()

    def _faithfulness(self) -> None:
        """Judge what the study asks for and is not judged yet."""
        if self.study.faithfulness is None:
            (self.directory / faithfulness.FILE).unlink(missing_ok=True)
            return
        self.judge = Judge(self.study, self.directory, self.stores)
        for number, spec in enumerate(self.study.models):
            mine = [unit for unit in self.judge.units if unit.number == number]
            todo = [unit for unit in mine if self.judge.problem(unit)]
            if mine and not todo:
                self.progress.say(f"{spec.label}: its faithfulness was judged already")
            with self._stage("faithfulness", f"{spec.label}: faithfulness", len(mine)) as bar:
                bar(len(mine) - len(todo))
                for unit, failure in self.judge.make(self.worker, todo):
                    if failure:
                        one = {"source": unit.store.source.label, "chunk": unit.part, "images": unit.images}
                        self.failed.append({**one, "reason": failure})
                        self.progress.say(f"{unit.key}: {failure}")
                    bar(1)

    def _tidy(self) -> None:
        """Remove the maps of sources that an earlier study had and this one has not."""
        mine = {store.source.slug for store in self.stores}
        for folder in (self.directory / "maps.zarr", self.directory / "chunks"):
            for path in folder.iterdir() if folder.is_dir() else ():
                if path.is_dir() and path.name not in mine:
                    self.progress.say(f"{path.name}: not in this study; its maps are removed")
                    shutil.rmtree(path)

    def _summarise(self) -> None:
        used = list(dict.fromkeys(str(item["image"]) for store in self.stores for item in store.items))
        with self._stage("heatmaps", total=len(self.stores)) as bar:
            face = mean_face(self.pictures, used)
            path = self.directory / "heatmaps.zarr"
            heatmaps = write_heatmaps(path, self.stores, self.study.compare.scaling, face, bar)
        with self._stage("scores", "scores and intervals", heatmaps.sizes["expression"]) as bar:
            scores, merges = tables(self.study, self.stores, heatmaps, bar)
        images = self.pictures.table()
        skipped = self._skipped(images)
        predictions = pd.concat(self.predictions, ignore_index=True) if self.predictions else _no_predictions()
        frames = {"scores": scores, "merges": merges, "predictions": predictions, "images": images}
        frames |= faithfulness_tables(self.judge) if self.judge else {}
        grouped = people.groups(self.study, self.pictures)
        explainers = explainers_of(self.stores)
        frames |= statistics_tables(self.study, scores, explainers, self.people, self.pictures, grouped)
        write_tables(self.directory / "tables", **frames, skipped=skipped, maps=self._map_table())
        self._provenance(images, skipped)

    def _skipped(self, images: pd.DataFrame) -> pd.DataFrame:
        rows = list(self.manifest.skipped)
        if len(images):
            rows += [(str(r["image"]), str(r["reason"])) for _, r in images.iterrows() if r["reason"]]
        rows += [(image, f"{one['source']}: {one['reason']}") for one in self.failed for image in one["images"]]
        return pd.DataFrame(rows, columns=["image", "reason"], dtype=str)

    def _map_table(self) -> pd.DataFrame:
        """What is known of every map: source, image, group, reason where undefined, and the explainer's own figures."""
        parts = [
            table.assign(source=store.source.label, fold=store.source.fold)
            for store in self.stores
            for table, _ in store.stream()
        ]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()

    def _provenance(self, images: pd.DataFrame, skipped: pd.DataFrame) -> None:
        files = [str(self.study.images.manifest or "")] + [file for one in self.people for file in one.files]
        inputs = {path: provenance.sha256(path) for path in files if Path(path).is_file()}
        device = models.torch_device(self.means.device)
        facts = provenance.describe(self.study, device, self.described, images, skipped, inputs, self.stages)
        facts |= {"run_with": asdict(self.means), "refused": self.refused, "failed": self.failed}
        facts["explaining"] = {store.source.slug: store.effort() for store in self.stores if store.source.explainer}
        if self.judge:
            facts["faithfulness"] = account(self.judge)
        facts["people"] = {one.spec.name: one.account() for one in self.people}
        provenance.write(self.directory / "provenance.json", facts)

    def _report(self, run: Run) -> None:
        from xai_compare import report

        with self._stage("report"):
            report.build(run)
        facts = {**run.provenance, "stages": {name: round(s, 3) for name, s in self.stages.items()}}
        provenance.write(self.directory / "provenance.json", facts)

    def _nothing(self) -> None:
        table = self.pictures.table()
        reasons = [str(reason) for reason in table["reason"] if reason] if len(table) else []
        reasons += [str(one["reason"]) for one in (*self.refused, *self.failed)]
        why = f" (the first of {len(reasons)} reasons: {reasons[0]})" if reasons else ""
        raise InputError(f"no image can be explained{why}", where=self.study.name, mend="check the images and classes")


def _facts(item: Item, pictures: Faces) -> dict[str, Any]:
    target = item.target if isinstance(item.target, str) else " - ".join(item.target)
    row = pictures.rows.loc[item.image]
    return {**asdict(item), "target": target, "subject": row["subject"], "dataset": row["dataset"]}


def _no_predictions() -> pd.DataFrame:
    return pd.DataFrame(columns=["model", "image", "label", "predicted", "probability", "selected"])
