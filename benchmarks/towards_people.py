"""Does pulling a network's maps towards Ekman's masks change where it looks, and what does it cost?

``python -m benchmarks.towards_people --out DIR`` trains on simulated faces, ``--faces DIR`` on photographs
(labels.csv, images/). Each condition is trained from several seeds on the same people and tested on others. Conditions:
no term; the masks of the expressions; and three controls: another expression's mask, the inside of the face, random
smooth maps. The outcome is accuracy on unseen people, beside Pearson's r of the network's mean CAM of each expression
with the expression's mask, on the standard face.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from scipy import stats

from tools.train_photographic import cut_faces
from xai_compare.expressions import BASIC
from xai_compare.images import align
from xai_compare.models.bundled import Compact
from xai_compare.models.model import Model
from xai_compare.models.training import map_loss
from xai_compare.models.training.augmentation import ROOM
from xai_compare.models.training.config import Training
from xai_compare.models.training.cross_validation import shown
from xai_compare.models.training.folds import grouped
from xai_compare.models.training.sampling import derive_seed
from xai_compare.models.training.trainer import Length, fit
from xai_compare.models.training.training_faces import side_for
from xai_compare.synthetic import faces

CONDITIONS = ("none", "ekman", "other", "prior", "random")
SIZE = (64, 64)
Faces = tuple[np.ndarray, np.ndarray, pd.DataFrame]


def simulated(identities: int, seed: int) -> Faces:
    """Simulated faces of six expressions, cut around imprecise landmarks; their crops, landmarks and rows."""
    data = faces(BASIC, identities, seed, (160, 160), intensity=(0.45, 1.0), slips=0.3)
    rng = np.random.default_rng([seed, 1])
    cut = []
    for k in range(len(data)):
        points = data.landmarks[k] + rng.normal(0, 1.2, (68, 2))
        cut.append(align(data.images[k], points, 1.3 * ROOM).resized((side_for(SIZE), side_for(SIZE))))
    rows = pd.DataFrame({"expression": data.labels, "subject": data.subjects, "dataset": "simulated"})
    rows["image"] = [f"{k}.png" for k in range(len(rows))]
    return np.stack([image for image, _ in cut]), np.stack([points for _, points in cut]), rows


def photographs(folder: Path, out: Path) -> Faces:
    """The photographs of five expressions; their crops, landmarks and rows."""
    found = cut_faces(folder, out, SIZE)
    return found.images, found.landmarks, found.rows


def once(data: Faces, condition: str, seed: int, epochs: int, weight: float, folder: Path) -> list[tuple[str, float]]:
    """Train one network, and what it reaches on people whom it never saw."""
    images, landmarks, rows = data
    classes = [name for name in (*BASIC, "neutral") if name in set(rows["expression"])]
    held = grouped(rows, 4, 0) == 1
    labels = np.array([classes.index(name) for name in rows["expression"]])
    torch.manual_seed(derive_seed(seed, 1))
    module = Compact(len(classes))
    model = Model("compact", tuple(classes), module, module.input)
    asked: dict[str, object] = {"towards": {"maps": condition, "weight": weight}} if condition != "none" else {}
    config = Training.parse(
        {
            "network": {},
            "data": {"manifest": "none"},
            "epochs": epochs,
            "batch_size": 16,
            "label_smoothing": 0.05,
            "optimizer": {"name": "adamw", "lr": 0.006, "weight_decay": 0.02, "schedule": "one_cycle"},
            "accelerator": "cpu",
            **asked,
        }
    )
    maps = None
    if condition != "none":
        wanted = map_loss.target_maps(condition, classes, seed)
        names = list(rows["expression"].to_numpy()[~held])
        maps = map_loss.onto_pictures(wanted, names, landmarks[~held], images.shape[1])
    fit(model, images[~held], labels[~held], config, Length(epochs), folder, seed=seed, maps=maps)
    small = shown(images[held], SIZE)
    predicted = model.predict(small).argmax(1)
    recall = [float((predicted[labels[held] == k] == k).mean()) for k in range(len(classes))]
    shift = (images.shape[1] - SIZE[0]) / 2
    names = list(rows["expression"].to_numpy()[held])
    found = map_loss.mean_maps(model, small, landmarks[held] - shift, names)
    masks = map_loss.target_maps("ekman", classes)
    agreed = map_loss.agreement(found, masks)
    return [("balanced accuracy", float(np.mean(recall))), ("agreement", float(np.mean(list(agreed.values()))))]


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Mean over seeds, its 95 % interval by Student's t, and the paired difference from training without the term."""
    rows = []
    for (condition, metric), part in table.groupby(["condition", "metric"], sort=False):
        values = part.sort_values("seed")["value"].to_numpy()
        plain = table[(table["condition"] == "none") & (table["metric"] == metric)].sort_values("seed")["value"]
        gap = values - plain.to_numpy()
        rows.append((condition, metric, len(values), values.mean(), _half(values), gap.mean(), _half(gap)))
    columns = ["condition", "metric", "seeds", "mean", "half_interval", "difference", "difference_half_interval"]
    return pd.DataFrame(rows, columns=columns)


def _half(values: np.ndarray) -> float:
    if len(values) < 2:
        return float("nan")
    return float(stats.t.ppf(0.975, len(values) - 1) * values.std(ddof=1) / np.sqrt(len(values)))


def main() -> None:
    """Train all conditions from all seeds, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--faces", type=Path, default=None)
    parser.add_argument("--identities", type=int, default=56)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--epochs", type=int, default=18)
    parser.add_argument("--weight", type=float, default=1.0)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    data = simulated(given.identities, 11) if given.faces is None else photographs(given.faces, given.out)
    rows = []
    for seed in range(given.seeds):
        for condition in CONDITIONS:
            folder = given.out / f"{condition}_{seed}"
            for metric, value in once(data, condition, seed, given.epochs, given.weight, folder):
                rows.append((condition, seed, metric, value))
                print(condition, seed, metric, round(value, 4), flush=True)
            table = pd.DataFrame(rows, columns=["condition", "seed", "metric", "value"])
            table.assign(simulated=given.faces is None).to_csv(given.out / "towards_people.csv", index=False)
    found = summary(table)
    found.to_csv(given.out / "summary.csv", index=False)
    print(found.round(3).to_string(index=False))


if __name__ == "__main__":
    main()
