"""Datasets whose file names hold a code of subject and expression: JAFFE and KDEF."""

from __future__ import annotations

import re
from pathlib import Path

from xai_compare.images.dataset_index import DatasetIndex, pictures_in
from xai_compare.images.datasets import reads_dataset

CODES = {
    "AF": "fear",
    "FE": "fear",
    "AN": "anger",
    "DI": "disgust",
    "HA": "happiness",
    "NE": "neutral",
    "SA": "sadness",
    "SU": "surprise",
}
_JAFFE = re.compile(r"([A-Z]{2})\.(AN|DI|FE|HA|NE|SA|SU)\d+\.\d+")
_KDEF = re.compile(r"[AB]([FM]\d{2})(AF|AN|DI|HA|NE|SA|SU)(S|FL|HL|HR|FR)")


@reads_dataset(
    "jaffe",
    title="JAFFE",
    layout="KA.AN1.39.tiff: subject, expression and take, number",
    source="the dataset's README",
    rule="The two letters before the first full stop are the subject.",
)
def jaffe(folder: Path, index: DatasetIndex) -> None:
    """Japanese Female Facial Expressions (Lyons et al. 1998)."""
    for path in pictures_in(folder):
        if name := _JAFFE.fullmatch(path.stem):
            index.add(path, CODES[name[2]], name[1])
        else:
            index.skip(path.name, "its name is not one of JAFFE's")


@reads_dataset(
    "kdef",
    title="KDEF",
    layout="AF01ANS.JPG: session, sex, number, expression, angle",
    source="the dataset's README",
    rule="Only pictures from the front (`S`) are listed. Sessions A and B show the same people, so the subject is sex "
    "and number: `AF01` and `BF01` are both `F01`.",
)
def kdef(folder: Path, index: DatasetIndex) -> None:
    """Karolinska Directed Emotional Faces (Lundqvist et al. 1998)."""
    for path in pictures_in(folder):
        name = _KDEF.fullmatch(path.stem.upper())
        if not name:
            index.skip(path.name, "its name is not one of KDEF's")
        elif name[3] != "S":
            index.skip(path.name, "not taken from the front")
        else:
            index.add(path, CODES[name[2]], name[1])
