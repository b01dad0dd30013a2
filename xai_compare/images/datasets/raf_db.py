"""RAF-DB, basic expressions (Li et al. 2017)."""

from __future__ import annotations

from pathlib import Path

from xai_compare.files import read_bytes
from xai_compare.images.dataset_index import DatasetIndex, first, number
from xai_compare.images.datasets import reads_dataset

LABELS = ("surprise", "fear", "disgust", "happiness", "sadness", "anger", "neutral")


@reads_dataset(
    "raf_db",
    title="RAF-DB",
    layout="EmoLabel/list_patition_label.txt and Image/original/ or Image/aligned/train_00001_aligned.jpg",
    source="the dataset's README",
    rule="Original pictures are taken where they are there, else the aligned ones. Splits are `train` and "
    "`test`. Subjects are not known.",
)
def raf_db(folder: Path, index: DatasetIndex) -> None:
    """Fill the index from the label file, whose name is misspelt in the dataset itself."""
    table = first(folder, ("EmoLabel/list_patition_label.txt", "list_patition_label.txt", "list_partition_label.txt"))
    if table is None:
        return
    base = table.parent.parent if table.parent.name == "EmoLabel" else table.parent
    for line in read_bytes(table).decode("utf-8", "replace").splitlines():
        name, _, label = line.strip().partition(" ")
        if not 1 <= number(label.strip()) <= len(LABELS):
            if name:
                index.skip(name, "its line does not end in a label from 1 to 7")
            continue
        stem = Path(name).stem
        places = (
            base / "Image" / "original" / name,
            base / "Image" / "aligned" / f"{stem}_aligned.jpg",
            base / "aligned" / f"{stem}_aligned.jpg",
        )
        path = next((place for place in places if place.is_file()), places[0])
        index.add(path, LABELS[number(label.strip()) - 1], split=name.partition("_")[0])
