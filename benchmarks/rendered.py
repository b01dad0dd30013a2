"""How long a small network and a backbone take to learn the simulated faces, on unseen people.

``python benchmarks/rendered.py --out DIR`` draws six expressions of simulated people, trains a small network (compact)
and a backbone of the paper (ResNet50, random weights) as `xai-compare train` does, on pictures of 64 x 64 pixels, and
prints the accuracy on people whom they never saw, with the time it took.
"""

from __future__ import annotations

import argparse
import shutil
import time
from pathlib import Path
from typing import Any

import pandas as pd
from drawn import draw

from xai_compare.expressions import BASIC
from xai_compare.models.training.config import Training
from xai_compare.models.training.cross_validation import train

NETWORKS: dict[str, dict[str, Any]] = {
    "compact": {"network": {"bundled": "compact"}, "epochs": 16, "batch_size": 32, "lr": 0.006},
    "resnet50": {"network": {"zoo": "resnet50", "input": {"size": 64}}, "epochs": 13, "batch_size": 16, "lr": 0.0007},
}


def main() -> None:
    """Draw, train, and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--identities", type=int, default=160)
    parser.add_argument("--only", choices=list(NETWORKS), default=None)
    parser.add_argument("--seed", type=int, default=3)
    given = parser.parse_args()
    began = time.process_time()
    manifest = draw(given.out / "faces", BASIC, given.identities, given.seed, 1.0, intensity=(0.6, 1.0))
    print(f"drawing: {time.process_time() - began:.0f} s of CPU time")
    for name, how in NETWORKS.items():
        if given.only not in (None, name):
            continue
        config = Training.parse(
            {
                "name": f"{name} (simulated faces)",
                "seed": given.seed,
                "network": how["network"],
                "data": {"manifest": str(manifest.resolve()), "cropped": True},
                "folds": 5,
                "only_folds": [1],
                "epochs": how["epochs"],
                "batch_size": how["batch_size"],
                "optimizer": {"name": "adam", "lr": how["lr"], "schedule": "one_cycle"},
                "accelerator": "cpu",
            }
        )
        shutil.rmtree(given.out / name, ignore_errors=True)
        began, clock = time.process_time(), time.perf_counter()
        out = train(config, given.out / name)
        table = pd.read_csv(out / "metrics.csv")
        reached = table.loc[(table["metric"] == "accuracy") & (table["fold"] == "1"), "value"].iloc[0]
        used, waited = time.process_time() - began, time.perf_counter() - clock
        print(f"{name}: accuracy {reached:.3f}, {used:.0f} s of CPU time, {waited:.0f} s in all", flush=True)


if __name__ == "__main__":
    main()
