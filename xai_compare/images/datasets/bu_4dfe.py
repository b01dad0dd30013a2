"""BU-4DFE (Yin et al. 2008), from its rendered frames."""

from __future__ import annotations

import re
from pathlib import Path

from xai_compare.images.dataset_index import DatasetIndex, pictures_in
from xai_compare.images.datasets import DATASETS, Reader

TITLE = "BU-4DFE"
LAYOUT = "F001/Angry/000.jpg ... 099.jpg: subject, expression, frames"
SOURCE = "the dataset's README"
RULE = (
    "A sequence rises from neutral to the expression and falls back, so its middle frame is taken. "
    "Look at them: the apex of some sequences lies elsewhere."
)

_SUBJECT = re.compile(r"[FM]\d{3}")


def read(folder: Path, index: DatasetIndex) -> None:
    """Fill the index with the middle frame of each sequence."""
    sequences: dict[tuple[str, str], list[Path]] = {}
    for path in pictures_in(folder):
        parts = path.relative_to(folder).parts
        if len(parts) >= 3 and _SUBJECT.fullmatch(parts[-3]) and path.stem.isdigit():
            sequences.setdefault((parts[-3], parts[-2]), []).append(path)
    for (subject, expression), frames in sequences.items():
        frames.sort(key=lambda path: int(path.stem))
        index.add(frames[len(frames) // 2], expression, subject)


DATASETS.register("bu_4dfe", Reader(TITLE, LAYOUT, SOURCE, RULE, read))
