"""EMERT on simulated clips: every table of Liu et al. (2024), on a simulation with known answers.

    python examples/emert_simulated/run.py --out runs/emert_simulated

Everything is simulated: faces, eyes, reports and raters. A run that was stopped goes on where it was.
"""

from __future__ import annotations

import argparse
import functools
import json
import multiprocessing
import resource
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from rich.console import Console
from safetensors.torch import load_file, save_file

from xai_compare.emotion import (
    ABLATIONS,
    BASELINES,
    MODALITIES,
    ClipArrays,
    Clips,
    Noise,
    Recipe,
    Setting,
    cross_validate,
    evaluate_with_noise,
    folds,
    read_faces,
    save_network,
)
from xai_compare.emotion.clips import prepared_table
from xai_compare.emotion.saving import frozen
from xai_compare.synthetic.clips import simulate_clips
from xai_compare.synthetic.unit_reader import UnitReader

READER = "xai_compare.synthetic.unit_reader:UnitReader"
SMALL = {"layers": 1, "heads": 4, "head_width": 16}
"""One LSTM layer and narrow attention: the simulation is small, and two cores have half an hour."""
FIRST = ("all", "face", "eyes shuffled")
VARIANCES = (0.01, 0.05, 0.1)
console = Console()


def jobs() -> dict[str, tuple[str, Setting]]:
    """Every training, by name: its protocol and its setting."""
    small = [replace(s, options={**s.options, **SMALL}) for s in ABLATIONS]
    # What matters most first, for a run that is stopped early.
    small.sort(key=lambda s: FIRST.index(s.name) if s.name in FIRST else len(FIRST))
    found = {f"er_7 {s.name}": ("er_7", s) for s in small}
    found |= {f"er_7 {name}": ("er_7", Setting(name, network=name)) for name in BASELINES.names()}
    whole = small[0]
    found |= {f"{p} all": (p, whole) for p in ("er_3", "er_valence", "er_arousal", "fer_intensity")}
    for task, title in (("er", "self-report alone"), ("fer", "seen expression alone")):
        found[f"{task}_3 {title}"] = (f"{task}_3", replace(whole, name=title, tasks=(task,)))
    noise = Noise(VARIANCES[1], "eye")
    found["er_3 trained with noise"] = (
        "er_3",
        replace(whole, name="noise 0.05 on eye, trained and tested", train_noise=noise, test_noise=noise),
    )
    return found


def main() -> None:
    """Simulate, train, and leave the predictions; tables.py and heads.py make tables of them."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("runs/emert_simulated"))
    parser.add_argument("--people", type=int, default=60)
    parser.add_argument("--clips", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=8)
    parser.add_argument("--reader-faces", type=int, default=6000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--only", choices=list(jobs()), action="append", help="train this setting alone; repeatable")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    began = time.monotonic()
    torch.set_num_threads(given.workers)
    prepare(given.out, given.people, given.clips, given.reader_faces, given.seed)
    prepared = time.monotonic() - began
    recipe = Recipe(epochs=given.epochs, batch=32, rate=1.5e-3, weight_decay=0.01, seed=given.seed)
    left = [name for name in given.only or jobs() if not (given.out / "predictions" / f"{name}.parquet").is_file()]
    console.print(f"{len(left)} of {len(jobs())} settings are left to train, {given.workers} at a time")
    (given.out / "predictions").mkdir(exist_ok=True)
    # Forked processes share torch's threads and locks: each begins afresh.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(given.workers, mp_context=context) as pool:
        costs = {}
        for name, cost in zip(
            left, pool.map(functools.partial(train, out=given.out, recipe=recipe), left), strict=True
        ):
            costs[name] = cost
            write_costs(given.out, {name: cost})
    write_call(given.out, len(costs), prepared, time.monotonic() - began, given.workers)


def prepare(out: Path, people: int, clips: int, faces: int, seed: int) -> None:
    """Simulate the clips and train the reader of faces, once."""
    if not (out / "reader.safetensors").is_file():
        # The trainer of the reader is no part of the package: it lies beside it, in tools/.
        sys.path.append(str(Path(__file__).resolve().parents[2]))
        from tools.train_unit_reader import train_unit_reader

        reader = train_unit_reader(faces, 20, seed, each=console.print)
        save_file(reader.state_dict(), out / "reader.safetensors")
    if (out / "clips.npz").is_file():
        return
    console.print(f"drawing {people * clips} simulated clips")
    simulated = simulate_clips(people, clips, seed)
    data = ClipArrays(simulated.face, simulated.eye, simulated.fixation, tuple(simulated.clips.table["clip"]))
    features = read_faces(load_reader(out), data).face
    simulated.clips.table.to_csv(out / "clips.csv", index=False)
    np.savez(
        out / "clips.npz",
        face=simulated.face,
        features=features,
        eye=simulated.eye,
        fixation=simulated.fixation,
        reported=simulated.reported,
        seen=simulated.seen,
        leaked=simulated.leaked,
        landmarks=simulated.landmarks,
    )


def load_reader(out: Path) -> UnitReader:
    """The frozen reader."""
    reader = UnitReader()
    reader.load_state_dict(load_file(out / "reader.safetensors"))
    frozen(reader)
    return reader


@functools.lru_cache
def load(out: Path) -> tuple[Clips, ClipArrays, ClipArrays, np.ndarray]:
    """The clips, with frames and with features, and their folds."""
    table = prepared_table(pd.read_csv(out / "clips.csv"), out / "clips.csv")
    held = np.load(out / "clips.npz")
    clips = Clips(table, lambda index: None, (), True, "simulated clips")  # type: ignore[arg-type, return-value]
    frames = ClipArrays(held["face"], held["eye"], held["fixation"], tuple(table["clip"]))
    return clips, frames, replace(frames, face=held["features"]), folds(clips.people.tolist(), 5)


def train(name: str, out: Path, recipe: Recipe) -> dict[str, float]:
    """Train one setting over the folds, and write its predictions."""
    torch.set_num_threads(1)
    began, spent = time.monotonic(), time.process_time()
    clips, frames, features, fold = load(out)
    reader = load_reader(out)
    protocol, setting = jobs()[name]
    trained = cross_validate(
        clips,
        features,
        protocol,
        setting,
        recipe,
        fold=fold,
        backbone=lambda: reader,
        folder=out / "checkpoints" / name,
    )
    tables = [trained.predictions]
    if name == "er_3 all":
        read = functools.partial(read_faces, reader)
        for on in ("face", "eye", "both"):
            for variance in VARIANCES:
                title = f"noise {variance:g} on {on}, tested"
                tables.append(
                    evaluate_with_noise(trained, clips, frames, protocol, Noise(variance, on), name=title, reader=read)
                )
    if setting.network == "emert" and protocol == "er_7":
        for k, (net, scaler) in enumerate(zip(trained.nets, trained.scalers, strict=True)):
            save_network(
                out / "networks" / setting.name / f"fold_{k}",
                net,
                scaler,  # type: ignore[arg-type]
                features.part(np.flatnonzero(fold != k)),
                backbone=READER,
                simulated=True,
            )
    table = pd.concat(tables).assign(simulated=True)
    table.to_parquet(out / "predictions" / f"{name}.parquet")
    right = (table["label"] == table["predicted"]).mean() if setting.name in ("all", *MODALITIES) else float("nan")
    console.print(f"{name}: {time.monotonic() - began:.0f} s, share right {right:.3f} (simulated)")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {"seconds": time.monotonic() - began, "cpu_seconds": time.process_time() - spent, "peak_gib": peak}


def write_costs(out: Path, costs: dict[str, dict[str, float]]) -> None:
    """Add what settings cost to costs.json, as soon as they are trained."""
    held = read_costs(out)
    held["settings"] |= costs
    (out / "costs.json").write_text(json.dumps(held, indent=2) + "\n")


def write_call(out: Path, trained: int, prepared: float, total: float, workers: int) -> None:
    """Add what this call cost as a whole."""
    held = read_costs(out)
    held["calls"].append({"prepared_s": prepared, "total_s": total, "workers": workers, "trained": trained})
    (out / "costs.json").write_text(json.dumps(held, indent=2) + "\n")
    console.print(f"{trained} settings in {total / 60:.1f} minutes with {workers} processes")


def read_costs(out: Path) -> dict[str, Any]:
    """What costs.json holds."""
    file = out / "costs.json"
    found: dict[str, Any] = json.loads(file.read_text()) if file.is_file() else {"settings": {}, "calls": []}
    return found


if __name__ == "__main__":
    main()
