"""Does a run survive? Kill it at random moments, damage what it stored, and compare with an unbroken run, bit by bit.

    python benchmarks/faults.py [--kills 100] [--damages 50] [--workers 2]

A small study on rendered (simulated) faces is run once unbroken. Then it is started again and again in a second
directory and killed (SIGKILL) after a random time, the main process or one of its workers, until the wanted number of
kills is reached; then it is let finish. Tables, heatmaps and maps must equal the unbroken run's. Then stored files are
damaged (a flipped bit, or a truncation), `verify` must find each, and `run` must make each again.
"""

from __future__ import annotations

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import psutil
import yaml

from xai_compare.runs import Run
from xai_compare.runs.inspection import verify
from xai_compare.synthetic import faces
from xai_compare.synthetic.dataset import write_dataset


def make_study(folder: Path) -> Path:
    """Rendered faces, one bundled network, explainers that draw and one that does not."""
    write_dataset(folder, faces(n_identities=8, seed=11, size=(200, 200)), n_observers=4, seed=11)
    asked = {
        "name": "faults",
        "seed": 3,
        "images": {"manifest": "labels.csv", "choose_by": "label"},
        "models": [{"name": "compact", "bundled": "compact"}],
        "explainers": ["grad_cam", {"lime": {"n_samples": 200}}, "random"],
        "human": [
            {"name": "clicks", "file": "clicks.csv", "format": "clicks", "pixels_per_degree": 20, "simulated": True}
        ],
        "compare": {"bootstrap": 100, "statistics": True},
        "faithfulness": {"images": 4, "steps": 8, "rectangles": 16},
    }
    path = folder / "faults.yaml"
    path.write_text(yaml.safe_dump(asked))
    return path


def start(study: Path, out: Path, workers: int | None) -> subprocess.Popen[bytes]:
    """Start a run in a process group of its own."""
    command = [sys.executable, "-m", "xai_compare.cli", "run", str(study), "--out", str(out)]
    if workers:
        command += ["--workers", str(workers)]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True)


def kill_one(process: subprocess.Popen[bytes], worker: bool) -> str:
    """Kill the main process (and what it started), or one of its workers and let the run go on."""
    if worker:
        children = [p for p in psutil.Process(process.pid).children(recursive=True) if "spawn_main" in str(p.cmdline())]
        if children:
            random.choice(children).kill()
            return "worker"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    return "main process"


def same(a: Path, b: Path) -> list[str]:
    """What differs between two finished runs: tables, heatmaps, maps."""
    first, second = Run.open(a), Run.open(b)
    found = []
    tables = ("scores", "merges", "predictions", "images", "skipped", "maps", "faithfulness", "ceiling", "anova")
    for name in tables:
        if not pd.read_parquet(a / f"tables/{name}.parquet").equals(pd.read_parquet(b / f"tables/{name}.parquet")):
            found.append(f"table {name}")
    for name in ("heatmap", "count", "mean_face"):
        left, right = first.heatmaps[name].to_numpy(), second.heatmaps[name].to_numpy()
        if left.tobytes() != right.tobytes():
            found.append(f"heatmaps: {name}")
    if first.maps["map"].to_numpy().tobytes() != second.maps["map"].to_numpy().tobytes():
        found.append("maps")
    return found


def killing(study: Path, out: Path, kills: int, workers: int | None, longest: float) -> None:
    """Kill until the number is reached; then let the run finish."""
    done: dict[str, int] = {"worker": 0, "main process": 0}
    rounds = finished = 0
    while sum(done.values()) < kills:
        rounds += 1
        process = start(study, out, workers)
        while process.poll() is None and sum(done.values()) < kills:
            time.sleep(random.uniform(0.5, longest))
            if process.poll() is None:
                done[kill_one(process, workers is not None and random.random() < 0.5)] += 1
        if process.poll() == 0:
            finished += 1
            subprocess.run(["rm", "-rf", str(out)], check=True)  # It got through: begin anew.
        else:
            process.wait()
    code = start(study, out, workers).wait()
    print(
        f"killed {done} in {rounds} starts ({finished} got through); the last one let finish: exit {code}", flush=True
    )


def damaging(study: Path, out: Path, number: int) -> None:
    """Damage chunk files one at a time; each must be found by verify and fixed by run."""
    files = [p for p in (out / "maps.zarr").rglob("map/c/*/0/0") if p.is_file()]
    files += [
        *(out / "chunks").rglob("*.json"),
        *(out / "records").glob("*.jsonl"),
        *(out / "points").glob("*.parquet"),
    ]
    files += [p for p in (out / "heatmaps.zarr").rglob("c/*") if p.is_file()]
    files += [out / "tables" / f"{name}.parquet" for name in ("scores", "merges", "ceiling", "anova", "tukey")]
    found = 0
    chosen = [random.choice(files) for _ in range(number)]
    for path in chosen:
        whole = path.read_bytes()
        data = bytearray(whole)
        if random.random() < 0.5:
            data[random.randrange(len(data))] ^= 1 << random.randrange(8)
        else:
            data = data[: random.randrange(len(data))]
        path.write_bytes(bytes(data))
        found += len(verify(out)) > 0
        path.write_bytes(whole)
    for path in set(chosen):
        data = bytearray(path.read_bytes())
        data[len(data) // 2] ^= 4
        path.write_bytes(bytes(data))
    before = len(verify(out))
    code = start(study, out, None).wait()
    print(f"damages found by verify: {found} of {number}", flush=True)
    print(f"{before} chunks damaged at once, then run again: exit {code}, {len(verify(out))} damaged after", flush=True)


def main() -> None:
    """Run all of it."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--damages", type=int, default=50)
    parser.add_argument("--workers", type=int, default=None)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    random.seed(arguments.seed)
    np.random.default_rng(arguments.seed)
    with tempfile.TemporaryDirectory() as place:
        study = make_study(Path(place) / "inputs")
        began = time.perf_counter()
        process = start(study, Path(place) / "unbroken", None)
        if process.wait():
            raise SystemExit(process.stderr.read().decode() if process.stderr else "failed")
        seconds = time.perf_counter() - began
        print(f"unbroken run: {seconds:.0f} s", flush=True)
        killing(study, Path(place) / "broken", arguments.kills, arguments.workers, seconds / 2)
        print("differences:", same(Path(place) / "unbroken", Path(place) / "broken") or "none, bit for bit", flush=True)
        damaging(study, Path(place) / "broken", arguments.damages)
        print("differences:", same(Path(place) / "unbroken", Path(place) / "broken") or "none, bit for bit", flush=True)


if __name__ == "__main__":
    main()
