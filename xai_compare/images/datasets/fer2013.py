"""FER2013 (Goodfellow et al. 2013), as one table of pixels or as folders."""

from __future__ import annotations

from pathlib import Path

from xai_compare.images.dataset_index import DatasetIndex, cell, first, pictures_in, read_rows
from xai_compare.images.datasets import DATASETS, Reader

TITLE = "FER2013"
LAYOUT = "fer2013.csv with the columns emotion, pixels, Usage; or train/ and test/ with a folder per expression"
SOURCE = "the challenge's README"
RULE = (
    "Pictures inside the table are written as PNG files of 48 x 48 pixels, named after their row from 0. "
    "Splits: Training is `train`, PublicTest `validation`, PrivateTest `test`. Subjects are not known."
)

LABELS = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
SPLITS = {"Training": "train", "PublicTest": "validation", "PrivateTest": "test"}


def read(folder: Path, index: DatasetIndex) -> None:
    """Fill the index, writing the pictures out if they lie inside the table."""
    table = first(folder, ("fer2013.csv", "icml_face_data.csv"))
    if table is None:
        for path in pictures_in(folder):
            parts = path.relative_to(folder).parts
            if len(parts) >= 3 and parts[-3].lower() in ("train", "test", "validation"):
                index.add(path, parts[-2], split=parts[-3].lower())
        return
    for number, row in enumerate(read_rows(table)):
        label, split = cell(row, "emotion", table), SPLITS.get(cell(row, "Usage", table), "")
        if not label.isdigit() or int(label) >= len(LABELS):
            index.skip(f"row {number}", f"its label {label!r} is not one of 0..6")
            continue
        name = f"{split or 'unknown'}/fer{number:07d}.png"
        index.add(index.draw(name, cell(row, "pixels", table)), LABELS[int(label)], split=split)


DATASETS.register("fer2013", Reader(TITLE, LAYOUT, SOURCE, RULE, read))
