"""Train the bundled network for photographs: ``python -m xai_compare.models.training.default --faces DIR --out DIR``.

The photographs are those of muxspace/facial_expressions: in the wild, one label each by a single person, noisy. Five
expressions have enough of them; disgust (38), fear (11) and contempt (8) are left out. Names of one person share what
stands before the number, and nobody is in two folds. The network of the first fold is the one that is shipped, so the
people of that fold have never been seen by it.
"""

from __future__ import annotations

import argparse
import re
from pathlib import Path

import pandas as pd
from rich.console import Console

from xai_compare.models.bundled import Photographic
from xai_compare.models.model import Model
from xai_compare.models.training.config import Training
from xai_compare.models.training.running import train

CLASSES = ("anger", "happiness", "neutral", "sadness", "surprise")

console = Console()


def network() -> Model:
    """The network with fresh weights."""
    return Model("photographic", CLASSES, Photographic(len(CLASSES)), Photographic.input)


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


def configuration(faces: Path, table: Path, epochs: int, seed: int, only_folds: list[int] | None) -> Training:
    """How it is trained."""
    return Training.parse(
        {
            "name": "photographic",
            "seed": seed,
            "network": {"factory": "xai_compare.models.training.default:network"},
            "classes": list(CLASSES),
            "data": {"manifest": str(table.resolve()), "root": str((faces / "images").resolve())},
            "folds": 5,
            "only_folds": only_folds,
            "epochs": epochs,
            "batch_size": 64,
            "augment": "strong",
            "label_smoothing": 0.1,
            "optimizer": {"name": "adamw", "lr": 0.004, "weight_decay": 0.05, "schedule": "one_cycle"},
            "accelerator": "cpu",
        }
    )


def main(arguments: list[str] | None = None) -> None:
    """Train all folds, or some."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faces", type=Path, required=True, help="the folder with labels.csv and images/")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--only-folds", type=int, nargs="*", default=None)
    given = parser.parse_args(arguments)
    table = manifest(given.faces, given.out.with_name(f"{given.out.name}_manifest.csv"))
    config = configuration(given.faces, table, given.epochs, given.seed, given.only_folds)
    train(config, given.out, say=console.print, progress=console.is_terminal)


if __name__ == "__main__":
    main()
