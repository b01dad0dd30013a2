"""FER+ (Barsoum et al. 2016): FER2013's pictures with the votes of ten people."""

from __future__ import annotations

from pathlib import Path

from xai_compare.images.dataset_index import DatasetIndex, cell, first, read_rows
from xai_compare.images.datasets import DATASETS, Reader
from xai_compare.images.datasets.fer2013 import SPLITS

TITLE = "FER+"
LAYOUT = "fer2013new.csv beside fer2013.csv, or beside FER2013Train/, FER2013Valid/ and FER2013Test/"
SOURCE = "the dataset's README"
RULE = (
    "The expression with the most votes of ten counts. Pictures on which two lead, or that most call unknown or no "
    "face, are left out. Splits and names are FER2013's."
)

LABELS = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt")
_COLUMNS = (*LABELS, "unknown", "NF")
_FOLDERS = {"train": "FER2013Train", "validation": "FER2013Valid", "test": "FER2013Test"}


def read(folder: Path, index: DatasetIndex) -> None:
    """Fill the index from the votes."""
    votes = first(folder, ("fer2013new.csv",))
    if votes is None:
        return
    table = first(folder, ("fer2013.csv",))
    pixels = [cell(row, "pixels", table) for row in read_rows(table)] if table is not None else None
    for number, row in enumerate(read_rows(votes)):
        split, label = SPLITS.get(cell(row, "Usage", votes), ""), _winner(row, votes)
        name = row.get("Image name") or f"fer{number:07d}.png"
        if label not in LABELS:
            index.skip(name, label)
        elif pixels is None:
            place = first(folder, (_FOLDERS.get(split, ""),)) if split else None
            index.add((place or folder) / name, label, split=split)
        elif number < len(pixels):
            index.add(index.draw(f"{split or 'unknown'}/{name}", pixels[number]), label, split=split)
        else:
            index.skip(name, "fer2013.csv has no such row")


def _winner(row: dict[str, str], where: Path) -> str:
    """The expression with the most votes, or why there is none."""
    counts = {column: int(cell(row, column, where) or 0) for column in _COLUMNS}
    most = max(counts.values())
    leaders = [column for column, count in counts.items() if count == most]
    if most == 0 or len(leaders) > 1:
        return "no expression has the most votes"
    return leaders[0] if leaders[0] in LABELS else "most people saw no face or could not say"


DATASETS.register("fer_plus", Reader(TITLE, LAYOUT, SOURCE, RULE, read))
