"""FER2013 (Goodfellow et al. 2013), and FER+ (Barsoum et al. 2016): its pictures with the votes of ten people."""

from __future__ import annotations

from pathlib import Path

from xai_compare.images.dataset_index import DatasetIndex, cell, first, number, pictures_in, read_rows
from xai_compare.images.datasets import reads_dataset

SPLITS = {"Training": "train", "PublicTest": "validation", "PrivateTest": "test"}
LABELS = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
PLUS_LABELS = ("neutral", "happiness", "surprise", "sadness", "anger", "disgust", "fear", "contempt")
_PLUS_FOLDERS = {"train": "FER2013Train", "validation": "FER2013Valid", "test": "FER2013Test"}


@reads_dataset(
    "fer2013",
    title="FER2013",
    layout="fer2013.csv with the columns emotion, pixels, Usage; or train/ and test/ with a folder per expression",
    source="the challenge's README",
    rule="Pictures inside the table are written as PNG files of 48 x 48 pixels, named after their row from 0. Splits: "
    "Training is `train`, PublicTest `validation`, PrivateTest `test`. Subjects are not known.",
)
def fer2013(folder: Path, index: DatasetIndex) -> None:
    """As one table of pixels, whose pictures are written out, or as folders."""
    table = first(folder, ("fer2013.csv", "icml_face_data.csv"))
    if table is None:
        for path in pictures_in(folder):
            parts = path.relative_to(folder).parts
            if len(parts) >= 3 and parts[-3].lower() in ("train", "test", "validation"):
                index.add(path, parts[-2], split=parts[-3].lower())
        return
    for place, row in enumerate(read_rows(table)):
        label, split = cell(row, "emotion", table), SPLITS.get(cell(row, "Usage", table), "")
        if not 0 <= number(label) < len(LABELS):
            index.skip(f"row {place}", f"its label {label!r} is not one of 0..6")
            continue
        name = f"{split or 'unknown'}/fer{place:07d}.png"
        index.add(index.draw(name, cell(row, "pixels", table)), LABELS[number(label)], split=split)


@reads_dataset(
    "fer_plus",
    title="FER+",
    layout="fer2013new.csv beside fer2013.csv, or beside FER2013Train/, FER2013Valid/ and FER2013Test/",
    source="the dataset's README",
    rule="The expression with the most votes of ten counts. Pictures on which two lead, or that most call unknown or "
    "no face, are left out. Splits and names are FER2013's.",
)
def fer_plus(folder: Path, index: DatasetIndex) -> None:
    """From the table of votes."""
    votes = first(folder, ("fer2013new.csv",))
    if votes is None:
        return
    table = first(folder, ("fer2013.csv",))
    pixels = [cell(row, "pixels", table) for row in read_rows(table)] if table is not None else None
    for place, row in enumerate(read_rows(votes)):
        split, label = SPLITS.get(cell(row, "Usage", votes), ""), _winner(row, votes)
        name = row.get("Image name") or f"fer{place:07d}.png"
        if label not in PLUS_LABELS:
            index.skip(name, label)
        elif pixels is None:
            pictures = first(folder, (_PLUS_FOLDERS.get(split, ""),)) if split else None
            index.add((pictures or folder) / name, label, split=split)
        elif place < len(pixels):
            index.add(index.draw(f"{split or 'unknown'}/{name}", pixels[place]), label, split=split)
        else:
            index.skip(name, "fer2013.csv has no such row")


def _winner(row: dict[str, str], where: Path) -> str:
    """The expression with the most votes, or why there is none."""
    counts = {column: max(number(cell(row, column, where)), 0) for column in (*PLUS_LABELS, "unknown", "NF")}
    most = max(counts.values())
    leaders = [column for column, count in counts.items() if count == most]
    if most == 0 or len(leaders) > 1:
        return "no expression has the most votes"
    return leaders[0] if leaders[0] in PLUS_LABELS else "most people saw no face or could not say"
