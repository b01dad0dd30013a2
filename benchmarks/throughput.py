"""Throughput of a run with one process, with Dask workers, and with a scheduler in another process; its overhead.

    python benchmarks/throughput.py [--identities 20]

Each process gets one thread. The study is LIME on rendered (simulated) faces with a bundled network.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml

from xai_compare.runs.executors.cluster import ENVIRONMENT
from xai_compare.synthetic import faces
from xai_compare.synthetic.dataset import write_dataset


def make_study(folder: Path, identities: int) -> Path:
    """Six expressions of each identity, explained by LIME."""
    write_dataset(folder, faces(n_identities=identities, seed=5, size=(200, 200)), n_observers=1, seed=5)
    asked = {
        "name": "throughput",
        "images": {"manifest": "labels.csv", "choose_by": "label"},
        "models": [{"name": "compact", "bundled": "compact"}],
        "explainers": ["lime"],
        "compare": {"bootstrap": 0},
    }
    path = folder / "throughput.yaml"
    path.write_text(yaml.safe_dump(asked))
    return path


def measure(study: Path, out: Path, *options: str) -> dict[str, float]:
    """Seconds of the explaining stage, of the explainer itself, and of the whole run."""
    code = "import sys; from xai_compare.cli import app; sys.argv[0] = 'xai-compare'; app()"
    began = time.perf_counter()
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "KERAS_BACKEND": "torch"}
    command = [sys.executable, "-c", code, "run", str(study), "--out", str(out), *options]
    subprocess.run(command, check=True, capture_output=True, env=environment)
    whole = time.perf_counter() - began
    stages = json.loads((out / "provenance.json").read_text())["stages"]
    records = [json.loads(path.read_text()) for path in (out / "chunks").rglob("*.json")]
    explained = sum(record.get("explain_seconds", 0) for record in records)
    return {"stage": stages["explain"], "explainer": explained, "whole": whole}


def main() -> None:
    """Print a table of the ways to run."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--identities", type=int, default=20)
    identities = parser.parse_args().identities
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        study = make_study(folder / "inputs", identities)
        number = 6 * identities
        rows = {"this process": measure(study, folder / "a")}
        for workers in (1, 2):
            rows[f"{workers} Dask worker(s)"] = measure(study, folder / f"w{workers}", "--workers", str(workers))
        file = folder / "scheduler.json"
        scheduler = subprocess.Popen(
            [sys.executable, "-m", "distributed.cli.dask_scheduler", "--scheduler-file", str(file), "--port", "0",
             "--no-dashboard"], stderr=subprocess.DEVNULL)  # fmt: skip
        while not file.exists():
            time.sleep(0.2)
        address = json.loads(file.read_text())["address"]
        worker = [sys.executable, "-m", "distributed.cli.dask_worker", address, "--nworkers", "2", "--nthreads", "1",
                  "--no-dashboard", "--memory-limit", "0"]  # fmt: skip
        own = {key: str(value) for key, value in ENVIRONMENT.items()}
        workers_ = subprocess.Popen(worker, stderr=subprocess.DEVNULL, env={**os.environ, **own})
        time.sleep(5)
        rows["scheduler elsewhere, 2 workers"] = measure(study, folder / "s", "--scheduler", address)
        workers_.terminate()
        scheduler.terminate()
    base = rows["1 Dask worker(s)"]["stage"]
    print(f"{'way':>32} {'maps/s':>8} {'speed-up':>9} {'beyond explainer':>17} {'whole run s':>12}")
    for name, row in rows.items():
        beyond = f"{100 * (row['stage'] / row['explainer'] - 1):.1f} %" if name == "this process" else ""
        print(f"{name:>32} {number / row['stage']:8.2f} {base / row['stage']:9.2f} {beyond:>17} {row['whole']:12.1f}")


if __name__ == "__main__":
    main()
