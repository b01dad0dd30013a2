"""Extended Cohn-Kanade (Lucey et al. 2010)."""

from __future__ import annotations

import re
from pathlib import Path

from xai_compare.errors import InputError
from xai_compare.files import read_bytes
from xai_compare.images.dataset_index import DatasetIndex, first, pictures_in
from xai_compare.images.datasets import reads_dataset

LABELS = ("neutral", "anger", "contempt", "disgust", "fear", "happiness", "sadness", "surprise")
_FRAME = re.compile(r"(S\d{3})_(\d{3})_(\d{8})")


@reads_dataset(
    "ck_plus",
    title="CK+",
    layout="cohn-kanade-images/S005/001/S005_001_00000011.png and Emotion/S005/001/S005_001_00000011_emotion.txt",
    source="the dataset's ReadMeCohnKanadeDatabase",
    rule="The frame that a label file names shows the expression. The first frame of a labelled sequence is "
    "neutral. Sequences without a label are left out.",
)
def ck_plus(folder: Path, index: DatasetIndex) -> None:
    """Fill the index from the label files."""
    images = first(folder, ("cohn-kanade-images", "extended-cohn-kanade-images/cohn-kanade-images"))
    emotions = first(folder, ("Emotion", "Emotion_labels/Emotion"))
    if images is None or emotions is None:
        return
    sequences: dict[tuple[str, str], list[Path]] = {}
    for path in pictures_in(images):
        if name := _FRAME.fullmatch(path.stem):
            sequences.setdefault((name[1], name[2]), []).append(path)
    for label in sorted(emotions.rglob("*_emotion.txt")):
        name = _FRAME.fullmatch(label.stem.removesuffix("_emotion"))
        frames = sequences.get((name[1], name[2]), []) if name else []
        number = _number(label)
        if not name or not frames or number is None:
            index.skip(label.name, "the label has no number" if frames else "its sequence has no pictures")
            continue
        peak = next((path for path in frames if path.stem == label.stem.removesuffix("_emotion")), None)
        if peak is None:
            index.skip(label.name, "the frame that it names is not there")
            continue
        index.add(peak, LABELS[number], name[1])
        if peak != frames[0]:
            index.add(frames[0], "neutral", name[1])


def _number(path: Path) -> int | None:
    try:
        value = float(read_bytes(path, 1000).split()[0])
    except (InputError, ValueError, IndexError):
        return None
    return int(value) if 0 <= value < len(LABELS) and value.is_integer() else None
