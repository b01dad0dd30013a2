"""Japanese Female Facial Expressions (Lyons et al. 1998)."""

from __future__ import annotations

import re
from pathlib import Path

from xai_compare.images.dataset_index import DatasetIndex, pictures_in
from xai_compare.images.datasets import DATASETS, Reader

TITLE = "JAFFE"
LAYOUT = "KA.AN1.39.tiff: subject, expression and take, number"
SOURCE = "the dataset's README"
RULE = "The two letters before the first full stop are the subject."

LABELS = {
    "AN": "anger",
    "DI": "disgust",
    "FE": "fear",
    "HA": "happiness",
    "NE": "neutral",
    "SA": "sadness",
    "SU": "surprise",
}
_NAME = re.compile(r"([A-Z]{2})\.(AN|DI|FE|HA|NE|SA|SU)\d+\.\d+")


def read(folder: Path, index: DatasetIndex) -> None:
    """Fill the index from the file names."""
    for path in pictures_in(folder):
        if found := _NAME.fullmatch(path.stem):
            index.add(path, LABELS[found[2]], found[1])
        else:
            index.skip(path.name, "its name is not one of JAFFE's")


DATASETS.register("jaffe", Reader(TITLE, LAYOUT, SOURCE, RULE, read))
