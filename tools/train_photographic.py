"""Train the bundled network for photographs: ``python -m tools.train_photographic --faces DIR --work DIR``.

The photographs are those of muxspace/facial_expressions: in the wild, one label each by a single person, noisy. Five
expressions have enough of them; disgust (38), fear (11) and contempt (8) are left out. Names of one person share what
stands before the number, and nobody is in two folds. The network is trained on folds 2 to 5, so that the people of fold
1 have never been seen by it; what the card says was measured on them.

Because the labels are noisy, what is learned is a mixture of each label and of what the picture's landmarks alone say
of it: a logistic regression on the landmarks, made without the people of the picture's own fold. Because the pictures
are few, a network learns at the same time where the 68 landmarks are, from the maps that it reads expressions from;
that part is thrown away at the end. The weights that are kept are the running mean of those of the last steps.

Four such branches are laid side by side, each trained without one of the folds 2 to 5. What each says of the fold that
it never saw gives the temperature and the biases of the last layer, and an estimate of what one branch is worth.
"""

from __future__ import annotations

import argparse
import json
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from rich.console import Console
from safetensors.torch import save_file
from scipy.special import softmax
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import PredefinedSplit, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from torch.nn import functional

from tools import photographic_branches
from xai_compare.faces.cropping import FaceCropper
from xai_compare.images import read_manifest
from xai_compare.models.bundled import WEIGHTS, Photographic
from xai_compare.models.model import Model
from xai_compare.models.training import evaluation
from xai_compare.models.training.config import Source
from xai_compare.models.training.folds import grouped
from xai_compare.models.training.training_faces import TrainingFaces, load_faces
from xai_compare.version import VERSION

CLASSES = ("anger", "happiness", "neutral", "sadness", "surprise")
MARGIN = 1.3
FOLDS, FOLD_SEED, HELD = 5, 7, 1
SMOOTHING = 0.05
TRUST = 0.4
"""Weight of the label in what is learned; the rest is the landmarks'."""
EPOCHS = 160

console = Console()


def network(branches: int = FOLDS - 1) -> Model:
    """The network with fresh weights."""
    return Model("photographic", CLASSES, Photographic(len(CLASSES), branches=branches), Photographic.input)


def person(image: str) -> str:
    """Who a picture shows, from its name: what stands before the number.

    >>> person("George_W_Bush_0012.jpg"), person("Dileep_101.jpg")
    ('George_W_Bush', 'Dileep')
    """
    return re.sub(r"_[0-9]+k?$", "", Path(image).stem)


def manifest(faces: Path, out: Path) -> Path:
    """Write the manifest with people's names."""
    rows = pd.read_csv(faces / "labels.csv")
    rows = rows[rows["expression"].isin(CLASSES)]
    rows = rows.assign(subject=[person(name) for name in rows["image"]], dataset="muxspace/facial_expressions")
    out.parent.mkdir(parents=True, exist_ok=True)
    rows.to_csv(out, index=False)
    return out


def cut_faces(faces: Path, out: Path, size: tuple[int, int] = Photographic.input.size) -> TrainingFaces:
    """The faces of the photographs, cut out; kept in ``out/cache``."""
    table = manifest(faces, out / "faces.csv")
    return load_faces(
        [Source(manifest=table.resolve(), root=(faces / "images").resolve())], size, MARGIN, out / "cache"
    )


def unseen(faces: Path, out: Path) -> pd.DataFrame:
    """The rows of photographs whose people the bundled network has never seen, those that show no face left out."""
    pictures = cut_faces(faces, out)
    return pictures.rows[fold_of(pictures.rows) == HELD].reset_index(drop=True)


def fold_of(rows: pd.DataFrame) -> np.ndarray:
    """The fold, 1 to `FOLDS`, of each picture; fold `HELD` is never trained on."""
    return grouped(rows, FOLDS, FOLD_SEED)


def landmark_shapes(landmarks: np.ndarray) -> np.ndarray:
    """Landmarks without place and size: ``(n, 68, 2)`` to ``(n, 136)``."""
    centred = landmarks - landmarks.mean(1, keepdims=True)
    return np.asarray((centred / np.sqrt((centred**2).sum((1, 2), keepdims=True))).reshape(len(landmarks), -1))


def landmark_regression() -> Any:
    """A logistic regression on `landmark_shapes`."""
    regression = LogisticRegression(C=0.03, class_weight="balanced", max_iter=3000)
    return make_pipeline(StandardScaler(), regression)


def soft_targets(landmarks: np.ndarray, labels: np.ndarray, folds: np.ndarray) -> torch.Tensor:
    """What is learned of each picture, ``(n, classes)``: its label and what its landmarks say, mixed."""
    scores = cross_val_predict(
        landmark_regression(), landmark_shapes(landmarks), labels, cv=PredefinedSplit(folds), method="predict_proba"
    )
    hard = functional.one_hot(torch.from_numpy(labels), len(CLASSES)).float()
    hard = hard * (1 - SMOOTHING) + SMOOTHING / len(CLASSES)
    return TRUST * hard + (1 - TRUST) * torch.from_numpy(scores).float()


def train(
    pictures: TrainingFaces, labels: np.ndarray, folds: np.ndarray, epochs: int, seed: int
) -> tuple[Model, np.ndarray]:
    """Train a branch without each of the folds, and lay them side by side.

    Args:
        pictures: the photographs to train on.
        labels: int ``(n,)``, indices into `CLASSES`.
        folds: the fold of each, ``(n,)``.
        epochs: how often each picture is shown.
        seed: of the first branch; each has its own.

    Returns:
        the network, and what a single branch, calibrated, says of each picture of the fold that it never saw:
        probabilities ``(n, classes)``.
    """
    logits, made = np.zeros((len(labels), len(CLASSES))), []
    for k, fold in enumerate(np.unique(folds)):
        rest, here = folds != fold, folds == fold
        targets = soft_targets(pictures.landmarks[rest], labels[rest], folds[rest])
        torch.manual_seed(seed + k)
        branch = photographic_branches.fit(
            network(1),
            pictures.images[rest],
            pictures.landmarks[rest],
            targets,
            labels[rest],
            epochs=epochs,
            seed=seed + k,
        )
        # Logits but for a constant, which the next softmax does not see.
        logits[here] = np.log(branch.predict(middle(pictures.images[here])))
        scores = card_scores(labels[here], softmax(logits[here], axis=1))
        console.print(f"without fold {fold}: balanced accuracy {scores['balanced_accuracy']} on it", highlight=False)
        made.append(branch)
    fitted = photographic_branches.calibrate(logits, labels)
    return photographic_branches.join_branches(made, fitted), softmax(logits * fitted[0] + fitted[1:], axis=1)


def middle(images: np.ndarray) -> np.ndarray:
    """The part of stored crops that the network is shown."""
    side = Photographic.input.size[0]
    edge = (images.shape[1] - side) // 2
    return images[:, edge : edge + side, edge : edge + side]


def card_scores(labels: np.ndarray, probabilities: np.ndarray) -> dict[str, Any]:
    """Accuracy, balanced accuracy, calibration error and recalls, for the card."""
    table = evaluation.scores(labels, probabilities, CLASSES)
    rows = table[table["metric"] != "recall"]
    single = {str(metric): round(float(value), 3) for metric, value in zip(rows["metric"], rows["value"], strict=True)}
    recall = table[table["metric"] == "recall"].set_index("expression")
    return {**single, "recall": recall["value"].round(3).to_dict(), "pictures": recall["n"].to_dict()}


def london_test(model: Model, london: Path, people: int | None = None) -> dict[str, Any]:
    """Neutral and smiling photographs of the London Set's people, or the first ``people``; no training saw them."""
    rows = read_manifest(london / "labels.csv", london / "images").rows
    rows = rows[rows["subject"].isin(rows["subject"].unique()[:people])]
    cutter = FaceCropper(MARGIN)
    shown = []
    for path in rows["path"]:
        image = cutter.read(path)
        shown.append(cutter.crop(image, cutter.choose(image, "").face.landmarks).resized(model.input.size)[0])
    truth = np.array([CLASSES.index(name) for name in rows["expression"]])
    answers = model.predict(np.stack(shown))
    pair = answers[:, [CLASSES.index("happiness"), CLASSES.index("neutral")]]
    smiling = truth == CLASSES.index("happiness")
    return {
        "pictures": len(truth),
        "people": int(rows["subject"].nunique()),
        "recall of happiness among five": round(float((answers.argmax(1) == truth)[smiling].mean()), 3),
        "recall of neutral among five": round(float((answers.argmax(1) == truth)[~smiling].mean()), 3),
        "accuracy of happiness against neutral": round(float(((pair[:, 0] > pair[:, 1]) == smiling).mean()), 3),
    }


def main(arguments: list[str] | None = None) -> None:
    """Train, evaluate, and write weights and card."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faces", type=Path, required=True, help="the folder with labels.csv and images/")
    parser.add_argument("--london", type=Path, default=None, help="the folder of the London set, as a further test")
    parser.add_argument("--work", type=Path, required=True, help="a folder for the faces that are cut out")
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args(arguments)
    pictures = cut_faces(options.faces, options.work)
    labels = np.array([CLASSES.index(name) for name in pictures.rows["expression"]])
    folds = fold_of(pictures.rows)
    seen, held = folds != HELD, folds == HELD
    model, crossed = train(pictures[seen], labels[seen], folds[seen], options.epochs, options.seed)
    scores = card_scores(labels[held], model.predict(middle(pictures.images[held])))
    regression = landmark_regression().fit(landmark_shapes(pictures.landmarks[seen]), labels[seen])
    beside = card_scores(labels[held], regression.predict_proba(landmark_shapes(pictures.landmarks[held])))
    card = _card(model, options, pictures, seen, scores, beside)
    each = [
        card_scores(labels[folds == k], crossed[folds[seen] == k])["balanced_accuracy"]
        for k in range(1, FOLDS + 1)
        if k != HELD
    ]
    card["cross_validated"] = {
        "what": "a single branch, on the people of the fold that it was trained without",
        "balanced_accuracy_of_each_fold": each,
        **card_scores(labels[seen], crossed),
    }
    if options.london is not None:
        card["independent_test"] = {"data": "Face Research Lab London Set", **london_test(model, options.london)}
    options.out.mkdir(parents=True, exist_ok=True)
    state = {name: value.contiguous() for name, value in model.module.state_dict().items()}
    save_file(state, options.out / "photographic.safetensors")
    (options.out / "photographic.json").write_text(json.dumps(card, indent=2) + "\n", "utf-8")
    console.print_json(data=card)


def _card(
    model: Model,
    options: argparse.Namespace,
    pictures: TrainingFaces,
    seen: np.ndarray,
    scores: dict[str, Any],
    beside: dict[str, Any],
) -> dict[str, Any]:
    spec, rows = model.input, pictures.rows
    return {
        "name": model.name,
        "classes": list(CLASSES),
        "input": {key: getattr(spec, key) for key in ("size", "channels", "range", "mean", "std")},
        "parameters": sum(p.numel() for p in model.module.parameters()),
        "seed": options.seed,
        "trained_on": f"{int(seen.sum())} photographs of {rows['subject'][seen].nunique()} people "
        "(github muxspace/facial_expressions)",
        "held_out": {"people": int(rows["subject"][~seen].nunique()), **scores},
        "linear_probe_on_landmarks": beside,
        "made_by": "python -m tools.train_photographic --faces DIR --work DIR "
        f"--seed {options.seed} --epochs {options.epochs}",
        "versions": {"xai_compare": VERSION, "torch": torch.__version__, "scikit-learn": version("scikit-learn")},
    }


if __name__ == "__main__":
    main()
