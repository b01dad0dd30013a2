"""Karolinska Directed Emotional Faces (Lundqvist et al. 1998)."""

from __future__ import annotations

import re
from pathlib import Path

from xai_compare.images.dataset_index import DatasetIndex, pictures_in
from xai_compare.images.datasets import DATASETS, Reader

TITLE = "KDEF"
LAYOUT = "AF01ANS.JPG: session, sex, number, expression, angle"
SOURCE = "the dataset's README"
RULE = (
    "Only pictures from the front (`S`) are listed. Sessions A and B show the same people, so the subject is sex and "
    "number: `AF01` and `BF01` are both `F01`."
)

LABELS = {
    "AF": "fear",
    "AN": "anger",
    "DI": "disgust",
    "HA": "happiness",
    "NE": "neutral",
    "SA": "sadness",
    "SU": "surprise",
}
_NAME = re.compile(r"[AB]([FM]\d{2})(AF|AN|DI|HA|NE|SA|SU)(S|FL|HL|HR|FR)")


def read(folder: Path, index: DatasetIndex) -> None:
    """Fill the index from the file names."""
    for path in pictures_in(folder):
        found = _NAME.fullmatch(path.stem.upper())
        if not found:
            index.skip(path.name, "its name is not one of KDEF's")
        elif found[3] != "S":
            index.skip(path.name, "not taken from the front")
        else:
            index.add(path, LABELS[found[2]], found[1])


DATASETS.register("kdef", Reader(TITLE, LAYOUT, SOURCE, RULE, read))
