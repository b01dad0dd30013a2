"""Speed and memory of the whole way from samples to maps, on a simulated study at 1 kHz.

    python benchmarks/gaze.py [--participants 100] [--pictures 100] [--seconds 5] [--one-file] [--folder FOLDER]

The study is simulated: fixations of some 280 ms at the places of a face, saccades of 30 ms, blinks, noise of 0.05
degrees. One file of delimited text per participant is written first (not timed), then read, cleaned, and made into
tables, samples in parquet and maps, in a process of its own whose largest memory is told.
"""

from __future__ import annotations

import argparse
import multiprocessing
import resource
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from pyarrow import csv

SIZE, PER_DEGREE = 600, 35.0
PLACES = np.array([[220, 250], [380, 250], [300, 340], [300, 430], [300, 180]], float)


def simulate(path: Path, participant: int, pictures: int, seconds: float) -> None:
    """Write a simulated recording."""
    rng = np.random.default_rng(participant)
    parts = []
    for picture in range(pictures):
        n = int(seconds * 1000)
        x, y = np.empty(n), np.empty(n)
        at, begin = PLACES[rng.integers(len(PLACES))], 0
        while begin < n:
            stop = min(n, begin + int(rng.gamma(6, 47)) + 60)
            x[begin:stop], y[begin:stop] = at
            after = PLACES[rng.integers(len(PLACES))] + rng.normal(0, 15, 2)
            move = min(n, stop + 30)
            ramp = np.linspace(0, 1, 30)[: move - stop]
            x[stop:move], y[stop:move] = at[0] + ramp * (after - at)[0], at[1] + ramp * (after - at)[1]
            at, begin = after, move
        x, y = x + rng.normal(0, 0.05 * PER_DEGREE, n), y + rng.normal(0, 0.05 * PER_DEGREE, n)
        if rng.random() < 0.4:
            blink = rng.integers(0, n - 200)
            x[blink : blink + 180] = y[blink : blink + 180] = np.nan
        clock = picture * (n + 1000) + np.arange(n)
        parts.append(
            pd.DataFrame(
                {
                    "participant": f"s{participant:03d}",
                    "image": f"face{picture:03d}.png",
                    "time": clock,
                    "x": x.round(2),
                    "y": y.round(2),
                    "pupil": 3.2,
                }
            )
        )
    csv.write_csv(pa.Table.from_pandas(pd.concat(parts), preserve_index=False), path)


def work(folder: str, out: str, told: multiprocessing.Queue) -> None:
    """Samples to tables and maps; tells seconds and megabytes."""
    from xai_compare.human import Screen
    from xai_compare.human.experiment import Reading, read_experiment
    from xai_compare.human.experiment_maps import MapSettings, maps_of
    from xai_compare.report.human.writing import _Samples

    loaded = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    began = time.perf_counter()
    with _Samples(Path(out) / "samples.parquet") as samples:
        reading = Reading("samples", Screen(pixels_per_degree=PER_DEGREE), simulated=True)
        found = read_experiment(f"{folder}/*.csv", reading, samples.add)
    events = time.perf_counter()
    found.shapes = dict.fromkeys(found.trials["image"].unique(), (SIZE, SIZE))
    made = sum(1 for _ in maps_of(found, MapSettings()))
    done = time.perf_counter()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    told.put((len(found.trials), len(found.points), made, events - began, done - events, loaded, peak))


def _join(folder: Path) -> None:
    """Put all files into the first, under one header."""
    first, *others = sorted(folder.glob("*.csv"))
    with first.open("ab") as joined:
        for file in others:
            joined.write(file.read_bytes().split(b"\n", 1)[1])
            file.unlink()


def main() -> None:
    """Simulate, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--participants", type=int, default=100)
    parser.add_argument("--pictures", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--folder", type=Path, help="Where the simulated files are written for a while.")
    parser.add_argument("--one-file", action="store_true", help="All recordings in a single file.")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=asked.folder) as folder:
        for participant in range(asked.participants):
            simulate(Path(folder) / f"s{participant:03d}.csv", participant, asked.pictures, asked.seconds)
        if asked.one_file:
            _join(Path(folder))
        size = sum(file.stat().st_size for file in Path(folder).glob("*.csv")) / 1e9
        samples = asked.participants * asked.pictures * asked.seconds * 1000
        context = multiprocessing.get_context("spawn")
        told = context.Queue()
        process = context.Process(target=work, args=(folder, folder, told))
        process.start()
        trials, fixations, maps, reading, mapping, loaded, peak = told.get()
        process.join()
        parquet = (Path(folder) / "samples.parquet").stat().st_size / 1e9
    print(f"simulated: {samples / 1e6:.1f} million samples in {size:.2f} GB of text, {trials:,} trials")
    print(
        f"samples to {fixations:,} fixations and parquet ({parquet:.2f} GB): {reading:.1f} s, "
        f"{samples / reading / 1000:.0f} thousand samples per second"
    )
    print(f"fixations to {maps} maps of {SIZE} x {SIZE}: {mapping:.1f} s")
    print(f"memory: {loaded:.0f} MB once imported, at most {peak:.0f} MB")


if __name__ == "__main__":
    main()
