"""How far a run is, and whether all that it stored is whole."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from xai_compare.runs.faithfulness import Judge
from xai_compare.runs.run import Run
from xai_compare.runs.store import MapStore, read_plan

STATUS = ("source", "fold", "maps", "done", "missing", "minutes left")


def status(directory: str | Path) -> pd.DataFrame:
    """One row a source: maps planned, done, missing, and the minutes left at the speed so far.

    Where the study asks for faithfulness, a row for each network counts the maps judged (random ones among them).

    Networks and explainers the run has not come to yet are listed with unknown numbers.

    Raises:
        InputError: if no run is there.
    """
    run = Run.open(directory)
    stores = read_plan(run.dir)
    rows = [_progress(store) for store in stores]
    known = {(store.source.label, store.source.fold) for store in stores}
    for model in run.study.models:
        for explainer in run.study.explainers:
            key = (f"{model.name}/{explainer.label}", model.fold or "")
            if key not in known:
                rows.append((*key, np.nan, np.nan, np.nan, np.nan))
    rows += _judged(run, stores)
    return pd.DataFrame(rows, columns=list(STATUS)).astype(dict.fromkeys(STATUS[2:5], "Int64"))


def verify(directory: str | Path) -> pd.DataFrame:
    """Check every checksum and every count of a run: source, fold, chunk, problem; no row if all is whole.

    Raises:
        InputError: if no run is there.
    """
    run = Run.open(directory)
    stores = read_plan(run.dir)
    problems = []
    for store in stores:
        for index in range(len(store.chunks)):
            problem = store.problem(index)
            if problem:
                problems.append((store.source.label, store.source.fold, index, problem))
    if not problems and (run.dir / "heatmaps.zarr").exists():
        problems += _counts(run, stores)
        problems += _faithfulness(run, stores)
    return pd.DataFrame(problems, columns=["source", "fold", "chunk", "problem"])


def _progress(store: MapStore) -> tuple[object, ...]:
    done = seconds = 0.0
    for index, part in enumerate(store.chunks):
        record = store.record(index)
        if record is not None:
            done += part.stop - part.start
            seconds += float(record.get("seconds", 0))
    missing = len(store.items) - done
    left = missing * seconds / done / 60 if done else (0.0 if not missing else np.nan)
    return (store.source.label, store.source.fold, len(store.items), done, missing, left)


def _judged(run: Run, stores: list[MapStore]) -> list[tuple[object, ...]]:
    """How much of the faithfulness that the study asks for is judged: a row for each network."""
    judge = Judge(run.study, run.dir, stores)
    rows: list[tuple[object, ...]] = []
    for number, spec in enumerate(run.study.models):
        mine = [unit for unit in judge.units if unit.number == number]
        done = [(len(unit.rows), record) for unit in mine if (record := judge.record(unit))]
        planned, ready = sum(len(unit.rows) for unit in mine), sum(size for size, _ in done)
        seconds = sum(float(record["seconds"]) for _, record in done)
        left = (planned - ready) * seconds / ready / 60 if ready else np.nan
        if mine:
            rows.append((f"{spec.name}: faithfulness", spec.fold or "", planned, ready, planned - ready, left))
    return rows


def _faithfulness(run: Run, stores: list[MapStore]) -> list[tuple[str, str, int, str]]:
    """What was judged of other maps than are stored, is damaged, or is missing."""
    judge = Judge(run.study, run.dir, stores)
    wrong = [(unit, problem) for unit in judge.units if (problem := judge.problem(unit))]
    return [(u.store.source.label, u.store.source.fold, u.part, problem) for u, problem in wrong]


def _counts(run: Run, stores: list[MapStore]) -> list[tuple[str, str, int, str]]:
    """Heatmaps that count more maps than there are (fewer is right where maps are undefined)."""
    problems = []
    counts = run.heatmaps["count"].load()
    for label in dict.fromkeys(store.source.label for store in stores):
        planned = sum(len(store.items) for store in stores if store.source.label == label)
        if label not in counts.source.values:
            problems.append((label, "", -1, "has no heatmap"))
        elif int(counts.sel(source=label, fold="all", expression="all")) > planned:
            problems.append((label, "", -1, "its heatmap counts more maps than there are"))
    return problems
