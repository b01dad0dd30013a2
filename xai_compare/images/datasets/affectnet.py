"""AffectNet (Mollahosseini et al. 2017), as tables of the whole set or as the smaller set of ``.npy`` labels."""

from __future__ import annotations

from pathlib import Path

from xai_compare.data_files import read_npy
from xai_compare.errors import InputError
from xai_compare.images.dataset_index import DatasetIndex, cell, first, number, read_rows
from xai_compare.images.datasets import reads_dataset

LABELS = ("neutral", "happiness", "sadness", "surprise", "fear", "disgust", "anger", "contempt")
_TABLES = {"training.csv": "train", "automatically_annotated.csv": "train", "validation.csv": "validation"}
_FOLDERS = (
    "Manually_Annotated_Images",
    "Manually_Annotated/Manually_Annotated_Images",
    "Automatically_Annotated_Images",
    "Automatically_Annotated/Automatically_Annotated_Images",
)


@reads_dataset(
    "affectnet",
    title="AffectNet",
    layout="training.csv and validation.csv beside Manually_Annotated_Images/, or train_set/ and val_set/ "
    "with images/ and annotations/0_exp.npy",
    source="the dataset's README",
    rule="The classes none, uncertain and non-face are left out. Splits are `train` and `validation`. "
    "Subjects are not known, so folds cannot be grouped by person.",
)
def affectnet(folder: Path, index: DatasetIndex) -> None:
    """Fill the index from whichever layout is there."""
    for name, split in _TABLES.items():
        table = first(folder, (name,))
        if table is not None:
            _from_table(table, folder, split, index)
    for name, split in {"train_set": "train", "val_set": "validation"}.items():
        place = first(folder, (name,))
        if place is not None:
            _from_arrays(place, split, index)


def _from_table(table: Path, folder: Path, split: str, index: DatasetIndex) -> None:
    roots = [root for name in _FOLDERS if (root := first(folder, (name,))) is not None] or [table.parent]
    for row in read_rows(table):
        name = cell(row, "subDirectory_filePath", table)
        path = next((root / name for root in roots if (root / name).is_file()), roots[0] / name)
        _add(path, cell(row, "expression", table), split, index)


def _from_arrays(place: Path, split: str, index: DatasetIndex) -> None:
    images = {path.stem: path for path in sorted((place / "images").glob("*")) if path.is_file()}
    labels = sorted((place / "annotations").glob("*_exp.npy"), key=lambda path: (len(path.stem), path.stem))
    for label in labels:
        stem = label.stem.removesuffix("_exp")
        try:
            value = str(read_npy(label).item())
        except (InputError, ValueError):
            index.skip(label.name, "the label cannot be read")
            continue
        if stem in images:
            _add(images[stem], value, split, index)
        else:
            index.skip(label.name, "its picture is not there")


def _add(path: Path, value: str, split: str, index: DatasetIndex) -> None:
    label = number(value.partition(".")[0])
    if 0 <= label < len(LABELS):
        index.add(path, LABELS[label], split=split)
    else:
        index.skip(path.name, f"its label {value!r} is none, uncertain or not a face")
