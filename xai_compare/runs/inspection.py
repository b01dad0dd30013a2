"""How far a run is, and whether all that it stored is whole: read from its own plan, without its inputs."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from xai_compare.errors import InputError
from xai_compare.inventory import OPEN, Inventory
from xai_compare.runs.directory import journals, unlisted
from xai_compare.runs.results import Run
from xai_compare.runs.store import Done, MapStore, Plan, PlannedTask, Records, damaged_lines

STATUS = ("source", "fold", "maps", "done", "missing", "minutes left")


def status(run: Run | str | Path) -> pd.DataFrame:
    """One row per source of a run, or of its directory: maps planned, done, missing, minutes left at the speed so far.

    Each stage that keeps records of its tasks has a row for each network (or whatever it works on), in the same units.
    Networks and explainers the run has not come to yet are listed with unknown numbers.

    Raises:
        InputError: if no run is there.
    """
    run = _opened(run)
    plan = Plan.demand(run.dir)
    stores = plan.stores(run.dir)
    rows = [_progress(store) for store in stores]
    known = {(store.source.label, store.source.fold) for store in stores}
    for model in run.study.models:
        for explainer in run.study.explainers:
            key = (f"{model.name}/{explainer.label}", model.fold or "")
            if key not in known:
                rows.append((*key, np.nan, np.nan, np.nan, np.nan))
    for stage, tasks in plan.tasks.items():
        rows += _tasks(Records(run.dir, stage), tasks)
    return pd.DataFrame(rows, columns=list(STATUS)).astype(dict.fromkeys(STATUS[2:5], "Int64"))


def verify(run: Run | str | Path) -> pd.DataFrame:
    """Check every file of a folder of results: source (or file), fold, chunk, problem; no row if all is whole.

    Of a run, maps and records are held against its plan too. Maps that were removed on purpose (``--keep heatmaps``)
    are not missed. Other folders (of `human`, `compare`, `explain`, `train`, `emotion`) are held against their list.

    Raises:
        InputError: if no results are there.
    """
    directory = run.dir if isinstance(run, Run) else Path(run)
    inventory = Inventory(directory, unlisted)
    problems: list[tuple[str, str, object, str]] = [
        (name, "", "", problem) for name, problem in inventory.problems().items()
    ]
    if (directory / "study.yaml").is_file() or "study.yaml" in inventory.hashes:
        problems += _run_problems(Run(directory), inventory, whole=not problems)
    elif not inventory.exists:
        raise InputError("no results are here", where=directory, hint="name a folder that xai-compare wrote")
    return pd.DataFrame(problems, columns=["source", "fold", "chunk", "problem"])


def _run_problems(run: Run, inventory: Inventory, *, whole: bool) -> list[tuple[str, str, object, str]]:
    """What is wrong with maps, records and journals, and with files of which the list does not know."""
    known = inventory.hashes
    plan, done = Plan.demand(run.dir) if whole else Plan.read(run.dir), Done.read(run.dir)
    stores = plan.stores(run.dir)
    problems: list[tuple[str, str, object, str]] = []
    for path in journals(run.dir):
        name = path.relative_to(run.dir).as_posix()
        if known.get(name) == OPEN and (lines := damaged_lines(path)):
            problems.append((name, "", "", f"line {lines[0]} is damaged"))
    for store in stores:
        for index in range(len(store.chunks)):
            problem = store.problem(index)
            if problem:
                problems.append((store.source.label, store.source.fold, index, problem))
    for stage, tasks in plan.tasks.items():
        records = Records(run.dir, stage)
        found = [(task, records.problem(task.key, task.fingerprint)) for task in tasks]
        problems += [(task.label, "", task.key, problem) for task, problem in found if problem]
    unknown = [name for name in done.files() if name not in known and not any(f.startswith(f"{name}/") for f in known)]
    problems += [(name, "", "", wrong) for name in unknown if (wrong := done.problem(run.dir, name))]
    if whole and not problems and (run.dir / "heatmaps.zarr").exists():
        problems += _counts(run, stores)
    return problems


def _opened(run: Run | str | Path) -> Run:
    return run if isinstance(run, Run) else Run.open(run)


def _progress(store: MapStore) -> tuple[object, ...]:
    done = seconds = 0.0
    for index, part in enumerate(store.chunks):
        record = store.record(index)
        if record is not None:
            done += part.stop - part.start
            seconds += float(record.get("seconds", 0))
    return (store.source.label, store.source.fold, store.size, *_left(store.size, done, seconds))


def _tasks(records: Records, tasks: list[PlannedTask]) -> list[tuple[object, ...]]:
    """A row for each label of a stage's tasks."""
    rows: list[tuple[object, ...]] = []
    for label in dict.fromkeys(task.label for task in tasks):
        mine = [task for task in tasks if task.label == label]
        made = [task for task in mine if not records.problem(task.key, task.fingerprint)]
        seconds = sum(float((records.get(task.key) or {}).get("seconds", 0)) for task in made)
        planned, ready = sum(task.size for task in mine), sum(task.size for task in made)
        rows.append((label, "", planned, *_left(planned, ready, seconds)))
    return rows


def _left(planned: int, done: float, seconds: float) -> tuple[float, float, float]:
    missing = planned - done
    return done, missing, missing * seconds / done / 60 if done else (0.0 if not missing else np.nan)


def _counts(run: Run, stores: list[MapStore]) -> list[tuple[str, str, object, str]]:
    """Heatmaps that count more maps than there are (fewer is right where maps are undefined)."""
    problems: list[tuple[str, str, object, str]] = []
    counts = run.heatmaps["count"].load()
    for label in dict.fromkeys(store.source.label for store in stores):
        planned = sum(store.size for store in stores if store.source.label == label)
        if label not in counts.source.values:
            problems.append((label, "", "", "has no heatmap"))
        elif int(counts.sel(source=label, fold="all", expression="all")) > planned:
            problems.append((label, "", "", "its heatmap counts more maps than there are"))
    return problems
