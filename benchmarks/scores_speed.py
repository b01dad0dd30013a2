"""How long a run's scores and intervals take, beside the plain way: ``python benchmarks/scores_speed.py RUN_DIR``.

The plain way (tests/comparison/plain_intervals.py) takes every source's replicates by themselves and every pair's
inner products anew. ``--replicates N`` for another number than the study's, ``--skip-plain`` to time the package alone,
``--made-up N`` for N made-up maps of one source in place of a run. ``--added`` says what nulls, floors, ceilings,
differences, scores of single pictures and the controls of faithfulness add to the run: these stages are done again in
a copy of it, and each part is timed.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "comparison"))

from plain_intervals import plain_intervals

from xai_compare.analysis.heatmaps import write_heatmaps
from xai_compare.analysis.inputs.stored_maps import StoredMaps
from xai_compare.analysis.scores.tables import study_masks, tables
from xai_compare.expressions import BASIC
from xai_compare.runs import Run, run
from xai_compare.runs.store import MapStore, Plan, Source
from xai_compare.study import Study


def compare(directory: Path, replicates: int | None, plain: bool) -> None:
    """Time both ways on a finished run, and print the largest difference between their intervals."""
    opened = Run.open(directory)
    study, stores, heatmaps = opened.study, Plan.demand(directory).stores(directory), opened.heatmaps
    study.compare.bootstrap = replicates or study.compare.bootstrap
    began, used = time.perf_counter(), time.process_time()
    scores = tables(study, stores, heatmaps, lambda steps: None)["scores"]
    seconds, cpu = time.perf_counter() - began, time.process_time() - used
    print(
        f"package: {seconds:.1f} s ({cpu:.1f} s of processor), {len(scores)} scores, "
        f"{study.compare.bootstrap} replicates"
    )
    if not plain:
        return
    began, worst = time.perf_counter(), 0.0
    ends = scores.set_index(["metric", "a", "b", "expression", "fold"])[["ci_low", "ci_high"]]
    masks, stored = study_masks(study), StoredMaps(stores, study.compare.scaling)
    for expression in heatmaps.expression.values.tolist():
        with tempfile.TemporaryDirectory() as place:
            pool = stored.pool(expression, Path(place))
            maps = {name: pool.maps[rows] for name, rows in pool.rows.items()}
            found = plain_intervals(maps, pool.images, masks.get(expression), study.compare.bootstrap, study.seed)
        for key, expected in found.items():
            worst = max(worst, float(np.abs(ends.loc[(*key, expression, "all")].to_numpy(float) - expected).max()))
    print(f"plain:   {time.perf_counter() - began:.1f} s; largest difference of an end: {worst:.1e}")


PARTS = {
    "intervals (were there before)": ("analysis.scores.tables", "intervals"),
    "nulls, floors, p of mean maps": ("analysis.scores.tables", "null_table"),
    "known regions, with floors": ("analysis.scores.tables", "region_scores"),
    "ceilings": ("analysis.scores.tables", "with_ceilings"),
    "differences between sources": ("analysis.differences", "differences"),
    "scores of single pictures": ("analysis.per_image", "per_image"),
    "faithfulness: controls": ("analysis.faithfulness.scoring", "_controls"),
    "faithfulness: explained again": ("explainers.faithfulness_batch", "FaithfulnessBatch.retest"),
}
"""What is timed by ``--added``: where each part lies."""


def added(directory: Path) -> None:
    """Do the stages of scores again in a run, and print how long each part took."""
    spent = {title: np.zeros(2) for title in PARTS}
    for title, (place, name) in PARTS.items():
        owner: Any = import_module(f"xai_compare.{place}")
        *outer, name = name.split(".")
        for one in outer:
            owner = getattr(owner, one)
        setattr(owner, name, timed(getattr(owner, name), spent[title]))
    for some in ("tables/[!i]*", "records/faithfulness.jsonl"):
        for path in directory.glob(some):
            path.unlink()
    run(Study.load(directory / "study.yaml"), directory, threads=1, report=False)  # So that parts do not overlap.
    for title, (seconds, cpu) in spent.items():
        print(f"{title:32} {seconds:5.1f} s ({cpu:.1f} s of processor)")
    seconds, cpu = sum(list(spent.values())[1:])
    print(f"{'all but the intervals':32} {seconds:5.1f} s ({cpu:.1f} s of processor)")


def timed(function: Callable[..., Any], spent: np.ndarray) -> Callable[..., Any]:
    """The same function, whose seconds and seconds of processor are added to ``spent``."""

    def called(*args: Any, **more: Any) -> Any:
        began = np.array([time.perf_counter(), time.process_time()])
        try:
            return function(*args, **more)
        finally:
            spent[:] += np.array([time.perf_counter(), time.process_time()]) - began

    return called


def made_up(number: int, replicates: int) -> None:
    """Time heatmaps, scores and intervals of ``number`` made-up maps of one network and explainer."""
    draws = np.random.default_rng(0)
    with tempfile.TemporaryDirectory() as place:
        items = [{"image": f"{i}.png", "group": BASIC[i * len(BASIC) // number]} for i in range(number)]
        store = MapStore(Path(place), Source("model", "net", "grad_cam", simulated=True), items)
        store.prepare()
        y, x = np.mgrid[:275, :224].astype(np.float32)
        for index, part in enumerate(store.chunks):
            centres = draws.normal((150, 112), (40, 30), (part.stop - part.start, 2)).astype(np.float32)
            maps = np.stack([np.exp(-((y - a) ** 2 + (x - b) ** 2) / 1500) for a, b in centres])
            columns = {"low": maps.min((1, 2)).tolist(), "high": maps.max((1, 2)).tolist(), "reason": [""] * len(maps)}
            store.write(index, maps, {"columns": columns})
        study = Study.model_validate(
            {"name": "made up", "images": {"folder": "none"}, "compare": {"bootstrap": replicates}}
        )
        began = time.perf_counter()
        face = np.zeros((275, 224, 3), np.uint8)
        heatmaps = write_heatmaps(Path(place) / "heatmaps.zarr", [store], "min_max", face, lambda steps: None)
        between = time.perf_counter()
        tables(study, [store], heatmaps, lambda steps: None)
        after = time.perf_counter() - between
        print(
            f"{number:,} maps: heatmaps {between - began:.1f} s, "
            f"scores and intervals {after:.1f} s ({replicates} replicates)"
        )


def main() -> None:
    """Read the arguments and time what they name."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", nargs="?", type=Path)
    parser.add_argument("--replicates", type=int)
    parser.add_argument("--skip-plain", action="store_true")
    parser.add_argument("--made-up", type=int)
    parser.add_argument("--added", action="store_true")
    asked = parser.parse_args()
    if asked.made_up:
        made_up(asked.made_up, asked.replicates or 2000)
    else:
        with tempfile.TemporaryDirectory() as place:
            copy = shutil.copytree(asked.run, Path(place) / "run")
            if asked.added:
                added(copy)
            else:
                compare(copy, asked.replicates, not asked.skip_plain)


if __name__ == "__main__":
    main()
