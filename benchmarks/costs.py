"""The cost model: seconds, forward passes and bytes per map, by explainer and network; and a prediction checked.

    python benchmarks/costs.py [--pictures 4] [--networks compact mobilenet_v3_large resnet50]

Networks other than the bundled ones have random weights, which cost the same as trained ones. Pictures are rendered
(simulated) faces. The last table predicts a study on rendered faces and then runs it.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
import yaml

from xai_compare import models, synthetic
from xai_compare.explainers.explained import create_seeded
from xai_compare.runs import run
from xai_compare.runs.estimate import estimate
from xai_compare.study import Study

EXPLAINERS = ("cam", "grad_cam", "extremal_perturbation", "lime")
CLASSES = ["anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral"]


def network(name: str) -> models.Model:
    """A bundled network, or one of torchvision's with random weights."""
    if name in synthetic.BUNDLED:
        return models.load({"bundled": name})
    size = {"size": 224, "channels": "rgb", "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
    spec: dict[str, Any] = {"torchvision": name, "weights": "random", "seed": 0, "classes": CLASSES, "input": size}
    return models.load(spec)


def per_map(names: list[str], number: int) -> None:
    """Print what one map costs."""
    print(f"{'network':>20} {'explainer':>22} {'forwards':>9} {'s per map':>10} {'of it forward passes':>21}")
    for name in names:
        model = network(name)
        faces = synthetic.faces(("anger", "happiness"), (number + 1) // 2, seed=1, size=model.input.size).images[
            :number
        ]
        batch = model.prepare(faces[[0] * 32])
        with torch.no_grad():
            model.module(batch)
            began = time.perf_counter()
            model.module(batch)
        forward = (time.perf_counter() - began) / 32
        for asked in EXPLAINERS:
            explainer = create_seeded(asked, {}, 0)
            if explainer.refusal(model):
                print(f"{name:>20} {asked:>22} {'does not apply':>42}")
                continue
            began = time.perf_counter()
            explainer.explain(model, faces, "predicted")
            took = (time.perf_counter() - began) / number
            passes = explainer.forwards(model)
            print(f"{name:>20} {asked:>22} {passes:9d} {took:10.3f} {passes * forward / took:20.0%}", flush=True)


def predicted_and_measured(identities: int) -> None:
    """Predict a study, run it, and print both, and the bytes a map takes on disk."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "in"
        data = synthetic.faces(n_identities=identities, seed=9, size=(200, 200))
        synthetic.write_dataset(folder, data, n_observers=1)
        asked = {
            "name": "costs",
            "images": {"manifest": "labels.csv", "choose_by": "label"},
            "models": [{"name": "compact", "bundled": "compact"}],
            "explainers": list(EXPLAINERS),
            "compare": {"bootstrap": 0},
        }
        (folder / "study.yaml").write_text(yaml.safe_dump(asked))
        study = Study.load(folder / "study.yaml")
        table = estimate(study).set_index("step")
        done = run(study, Path(place) / "run", report=False)
        explaining = json.loads((done.dir / "provenance.json").read_text())["explaining"]
        print(f"\n{'explainer':>22} {'maps':>6} {'predicted s':>12} {'measured s':>11} {'bytes per map':>14}")
        for name in EXPLAINERS:
            store = done.dir / "maps.zarr" / f"model--compact--{name}" / "map"
            size = sum(path.stat().st_size for path in store.rglob("*") if path.is_file())
            number = int(table.loc[name, "pictures"])
            predicted = float(table.loc[name, "minutes"]) * 60
            measured = explaining[f"model--compact--{name}"]["seconds"]
            print(f"{name:>22} {number:6d} {predicted:12.1f} {measured:11.1f} {size / number:14,.0f}")


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pictures", type=int, default=4)
    parser.add_argument("--identities", type=int, default=8)
    parser.add_argument("--networks", nargs="+", default=["compact", "residual", "mobilenet_v3_large", "resnet50"])
    arguments = parser.parse_args()
    per_map(arguments.networks, arguments.pictures)
    predicted_and_measured(arguments.identities)


if __name__ == "__main__":
    main()
