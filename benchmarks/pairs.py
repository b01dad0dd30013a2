"""Six binary networks as one classifier, beside one network of four classes, on simulated faces.

``python benchmarks/pairs.py --out DIR`` draws weak expressions (so that there are errors), trains the architecture
``compact`` with ``pairs: true`` as `xai-compare train` does, and writes ``pairs.csv``, the confusion matrices as a
figure, and the folder ``training/fold_1/pairs`` that a study names as ``ensemble``. Each confusion matrix is correlated
with that of 22 people (Park & Wallraven 2022, figure 2) with and without its diagonal, beside matrices whose errors are
random.
"""

from __future__ import annotations

import argparse
import shutil
import time
from pathlib import Path

import numpy as np
import pandas as pd
from drawn import draw

from xai_compare.agreement import confusion
from xai_compare.models.training import evaluation, figures
from xai_compare.models.training.config import Training
from xai_compare.models.training.cross_validation import train

CLASSES = ("anger", "disgust", "fear", "sadness")
"""Four that people confuse (Park & Wallraven 2022, figure 2)."""


def main() -> None:
    """Draw, train, and compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--identities", type=int, default=150)
    parser.add_argument("--epochs", type=int, default=24)
    parser.add_argument("--seed", type=int, default=5)
    given = parser.parse_args()
    manifest = draw(given.out / "faces", CLASSES, given.identities, given.seed, 1.2, intensity=(0.3, 0.8), slips=0.2)
    config = Training.parse(
        {
            "name": "pairs (simulated faces)",
            "seed": given.seed,
            "network": {"bundled": "compact"},
            "classes": list(CLASSES),
            "data": {"manifest": str(manifest.resolve()), "cropped": True},
            "folds": 3,
            "only_folds": [1],
            "pairs": True,
            "epochs": given.epochs,
            "batch_size": 32,
            "augment": "park_wallraven",
            "optimizer": {"name": "adamw", "lr": 0.006, "weight_decay": 0.02, "schedule": "one_cycle"},
            "accelerator": "cpu",
        }
    )
    began = time.process_time()
    shutil.rmtree(given.out / "training", ignore_errors=True)
    out = train(config, given.out / "training", say=print)
    print(f"trained in {time.process_time() - began:.0f} s of CPU time")
    table = pd.read_csv(out / "metrics.csv")
    wanted = table[table["metric"].str.contains("accuracy|people")]
    wide = wanted.pivot_table(index="metric", columns="model", values="value", sort=False)
    wide.assign(simulated=True).to_csv(given.out / "pairs.csv", float_format="%.4f")
    print(wide.round(3).to_string())
    found = pd.read_csv(out / "predictions.csv")
    matrices = {"people (Park & Wallraven 2022)": evaluation.people_confusion(CLASSES)}
    for name, part in found.groupby("model", sort=False):
        labels, answers = (np.array([CLASSES.index(one) for one in part[c]]) for c in ("expression", "predicted"))
        matrices[f"{name} (simulated)"] = confusion(labels, answers, range(len(CLASSES)))
    print(figures.confusions(matrices, CLASSES, given.out / "confusions.png"))


if __name__ == "__main__":
    main()
