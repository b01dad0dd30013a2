"""The main job: from a study to a finished run directory, stage by stage."""

from __future__ import annotations

import errno
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from xai_compare import explainers, models
from xai_compare.errors import InputError
from xai_compare.images import read_folder, read_manifest
from xai_compare.images.manifest import Manifest
from xai_compare.runs import people, provenance
from xai_compare.runs.averaging import mean_face, write_heatmaps
from xai_compare.runs.explaining import Explaining
from xai_compare.runs.faces import Faces
from xai_compare.runs.journal import digest, slug, write_atomically
from xai_compare.runs.progress import Progress, Silent
from xai_compare.runs.run import Run
from xai_compare.runs.scoring import tables, write_tables
from xai_compare.runs.selection import Item, Selector
from xai_compare.runs.store import MapStore, Source
from xai_compare.study import ExplainerSpec, ModelSpec, Study

KEPT = ("study.yaml", "provenance.json", "faces.jsonl", "predictions", "chunks", "maps.zarr", "heatmaps.zarr", "tables",
        "figures", "report.html")  # fmt: skip
"""What a run writes into its directory: what `overwrite` removes, and nothing else."""


def run(
    study: Study | None = None,
    out: str | Path | None = None,
    *,
    overwrite: bool = False,
    device: str = "auto",
    progress: Progress | None = None,
    report: bool = True,
) -> Run:
    """Run a study, or continue it: into a directory that holds the same study, only what is missing is done.

    Args:
        study: what is asked; the bundled default if None.
        out: the run directory; ``runs/NAME OF THE STUDY`` by default.
        overwrite: whether another study's run in ``out`` may be replaced.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        progress: who is told how far it is.
        report: whether figures and the page are made.

    Raises:
        InputError: whatever the user must mend, in one line; what was computed before stays in ``out``.
    """
    if study is None:
        study = default_study(Path(out or "runs/default"))
        out = out or "runs/default"
    directory = Path(out or Path("runs") / slug(study.name))
    claim(directory, study, overwrite)
    with _full_disk_said(directory):
        job = Job(study, directory, models.torch_device(device), progress or Silent())
        return job.finish(report)


def default_study(directory: Path) -> Study:
    """The bundled default: its inputs are rendered into ``directory/inputs`` unless they are there already."""
    from xai_compare import synthetic

    path = directory / "inputs" / "study.yaml"
    if not path.is_file():
        path = synthetic.default_study(directory / "inputs")
    return Study.load(path)


def claim(directory: Path, study: Study, overwrite: bool) -> None:
    """Make ``directory`` the study's, refusing one that holds something else."""
    stands = directory / "study.yaml"
    if directory.exists() and not directory.is_dir():
        raise InputError("is a file, not a directory", where=directory, mend="name another with --out")
    if stands.is_file():
        try:
            same = Study.load(stands).fingerprint() == study.fingerprint()
        except InputError:
            same = False
        if not same and not overwrite:
            raise InputError(
                "holds another study's run", where=directory, mend="name another directory with --out, or --overwrite"
            )
        if overwrite:
            for name in KEPT:
                path = directory / name
                shutil.rmtree(path) if path.is_dir() else path.unlink(missing_ok=True)
    elif directory.is_dir() and any(path.name != "inputs" for path in directory.iterdir()):
        raise InputError("is not empty and holds no run", where=directory, mend="name a new directory with --out")
    try:
        write_atomically(stands, study.dump())
    except OSError as error:
        raise InputError(f"cannot be written to ({error.strerror})", where=directory, mend="name another") from None


@contextmanager
def _full_disk_said(directory: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            mend = "make room and run the same command again; what is done is kept"
            raise InputError("the disk is full", where=directory, mend=mend) from None
        raise


def read_pictures(study: Study) -> Manifest:
    """The study's pictures."""
    spec = study.images
    if spec.folder is not None:
        return read_folder(spec.folder)
    assert spec.manifest is not None
    return read_manifest(spec.manifest, spec.root, allow_outside=spec.allow_outside)


def create_explainer(spec: ExplainerSpec, seed: int) -> explainers.Explainer:
    """The explainer of a study, seeded by the study unless its own options name a seed."""
    made = explainers.create(spec.name, **spec.options)
    if "seed" in type(made.options).model_fields and "seed" not in spec.options:
        made = explainers.create(spec.name, **spec.options, seed=seed)
    return made


@dataclass
class Job:
    """One run in progress."""

    study: Study
    directory: Path
    device: torch.device
    progress: Progress
    stages: dict[str, float] = field(default_factory=dict)
    described: dict[str, Any] = field(default_factory=dict)
    stores: list[MapStore] = field(default_factory=list)
    predictions: list[pd.DataFrame] = field(default_factory=list)
    refusals: list[tuple[str, str]] = field(default_factory=list)

    def finish(self, report: bool) -> Run:
        """Do every stage that is not done."""
        manifest = read_pictures(self.study)
        pictures = Faces(self.study.images, manifest, self.directory / "faces.jsonl")
        sources = [people.read(spec, list(pictures.rows.index)) for spec in self.study.human]
        made = [create_explainer(spec, self.study.seed) for spec in self.study.explainers]
        for spec in self.study.models:
            self._model(spec, made, pictures)
        if not any(store.items for store in self.stores) and self.study.models:
            self._nothing(pictures)
        self._sources(sources, pictures)
        self._summarise(pictures, manifest)
        run = Run.open(self.directory)
        if report:
            self._report(run)
        return run

    @contextmanager
    def _timed(self, name: str) -> Iterator[None]:
        began = time.perf_counter()
        yield
        self.stages[name] = self.stages.get(name, 0.0) + time.perf_counter() - began

    def _model(self, spec: ModelSpec, made: list[explainers.Explainer], pictures: Faces) -> None:
        with self._timed("load models"):
            model = models.load(spec.loading()).to(self.device)
            self.described[spec.label] = models.describe(model)
            identity = digest([self.described[spec.label]["state_sha256"], asdict(model.input), model.classes])
        journal = self.directory / "predictions" / f"{slug(spec.label)}.jsonl"
        selector = Selector(self.study, pictures, model, spec, journal, identity)
        with (
            self._timed("faces and predictions"),
            self._bar(f"{spec.label}: faces, predictions", len(pictures.rows)) as b,
        ):
            items = selector.select(b)
        self.predictions.append(selector.predictions(items))
        simulated = bool(items) and all(pictures.rows.at[i.image, "dataset"] == "simulated" for i in items)
        for explainer, asked in zip(made, self.study.explainers, strict=True):
            refusal = explainer.refusal(model)
            if refusal:
                self.refusals.append((f"{spec.label}/{asked.label}", refusal))
                self.progress.say(f"{spec.label}/{asked.label}: left out; {refusal}")
                continue
            source = Source("model", spec.name, str(asked.label), spec.fold or "", simulated)
            store = MapStore(self.directory, source, [_facts(item, pictures) for item in items])
            self._explain(Explaining(model, identity, explainer, items, pictures, store), spec, asked)

    def _explain(self, work: Explaining, spec: ModelSpec, asked: ExplainerSpec) -> None:
        name = f"{spec.label}/{asked.label}"
        with self._timed(f"explain: {asked.label}"), self._bar(name, len(work.items)) as advance:
            ready = work.run(advance)
            work.store.finish({"source": work.store.source.label, **_source_facts(work.store.source)})
        if ready:
            self.progress.say(f"{name}: {ready} of {len(work.items)} maps were there already")
        self.stores.append(work.store)

    def _sources(self, sources: list[people.People], pictures: Faces) -> None:
        with self._timed("people and known regions"):
            groups = people.groups(self.study, pictures)
            for one in sources:
                with self._bar(f"human/{one.spec.name}", len(one.images)) as advance:
                    say = self.progress.say
                    self.stores.append(people.store_people(self.directory, one, pictures, groups, advance, say))
            named = people.images_with_region(pictures)
            if named:
                with self._bar("known regions", len(named)) as advance:
                    self.stores.append(people.store_regions(self.directory, pictures, groups, advance))
        self.stores = [store for store in self.stores if store.items]
        if not self.stores:
            self._nothing(pictures)

    def _summarise(self, pictures: Faces, manifest: Manifest) -> None:
        used = list(dict.fromkeys(str(item["image"]) for store in self.stores for item in store.items))
        with self._timed("heatmaps"), self._bar("heatmaps", len(self.stores)) as advance:
            face = mean_face(pictures, used)
            path = self.directory / "heatmaps.zarr"
            heatmaps = write_heatmaps(path, self.stores, self.study.compare.scaling, face, advance)
        with self._timed("scores"), self._bar("scores and intervals", heatmaps.sizes["expression"]) as advance:
            scores, merges = tables(self.study, self.stores, heatmaps, advance)
        images = pictures.table()
        skipped = self._skipped(manifest, images)
        predictions = pd.concat(self.predictions, ignore_index=True) if self.predictions else _no_predictions()
        write_tables(
            self.directory / "tables",
            scores=scores,
            merges=merges,
            predictions=predictions,
            images=images,
            skipped=skipped,
            maps=self._map_table(),
        )
        self._provenance(images, skipped)

    def _skipped(self, manifest: Manifest, images: pd.DataFrame) -> pd.DataFrame:
        rows = list(manifest.skipped)
        if len(images):
            rows += [(str(r["image"]), str(r["reason"])) for _, r in images.iterrows() if r["reason"]]
        return pd.DataFrame(rows, columns=["image", "reason"])

    def _map_table(self) -> pd.DataFrame:
        """What is known of every map: source, image, group, reason where undefined, and the explainer's own figures."""
        parts = [
            table.assign(source=store.source.label, fold=store.source.fold)
            for store in self.stores
            for table, _ in store.stream()
        ]
        return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()

    def _provenance(self, images: pd.DataFrame, skipped: pd.DataFrame) -> None:
        spec = self.study.images
        files = [path for path in (spec.manifest, *(f for h in self.study.human for f in h.file)) if path]
        inputs = {str(path): provenance.sha256(path) for path in files if Path(str(path)).is_file()}
        facts = provenance.describe(self.study, self.device, self.described, images, skipped, inputs, self.stages)
        facts["refused"] = [{"source": name, "reason": reason} for name, reason in self.refusals]
        provenance.write(self.directory / "provenance.json", facts)

    def _report(self, run: Run) -> None:
        from xai_compare import report

        with self._timed("report"), self._bar("report", None):
            report.build(run)
        facts = {**run.provenance, "stages": {name: round(s, 3) for name, s in self.stages.items()}}
        provenance.write(self.directory / "provenance.json", facts)

    def _nothing(self, pictures: Faces) -> None:
        table = pictures.table()
        reasons = [str(reason) for reason in table["reason"] if reason] if len(table) else []
        why = f" (the first of {len(reasons)} skipped: {reasons[0]})" if reasons else ""
        raise InputError(f"no image can be explained{why}", where=self.study.name, mend="check the images and classes")

    @contextmanager
    def _bar(self, title: str, total: int | None) -> Iterator[Any]:
        with self.progress.stage(title, total) as advance:
            yield advance


def _facts(item: Item, pictures: Faces) -> dict[str, Any]:
    target = item.target if isinstance(item.target, str) else " - ".join(item.target)
    row = pictures.rows.loc[item.image]
    return {**asdict(item), "target": target, "subject": row["subject"], "dataset": row["dataset"]}


def _source_facts(source: Source) -> dict[str, Any]:
    return {"kind": source.kind, "model": source.name, "explainer": source.explainer, "fold": source.fold}


def _no_predictions() -> pd.DataFrame:
    return pd.DataFrame(columns=["model", "image", "label", "predicted", "probability", "selected"])
