"""BU-4DFE (Yin et al. 2008), from its rendered frames."""

from __future__ import annotations

import re
from pathlib import Path

from xai_compare.images.dataset_index import DatasetIndex, pictures_in
from xai_compare.images.datasets import reads_dataset

_SUBJECT = re.compile(r"[FM]\d{3}")


@reads_dataset(
    "bu_4dfe",
    title="BU-4DFE",
    layout="F001/Angry/000.jpg ... 099.jpg: subject, expression, frames",
    source="the dataset's README",
    rule="A sequence rises from neutral to the expression and falls back, so its middle frame is taken. "
    "Look at them: the apex of some sequences lies elsewhere.",
)
def bu_4dfe(folder: Path, index: DatasetIndex) -> None:
    """Fill the index with the middle frame of each sequence."""
    sequences: dict[tuple[str, str], list[Path]] = {}
    for path in pictures_in(folder):
        parts = path.relative_to(folder).parts
        if len(parts) >= 3 and _SUBJECT.fullmatch(parts[-3]) and path.stem.isdigit():
            sequences.setdefault((parts[-3], parts[-2]), []).append(path)
    for (subject, expression), frames in sequences.items():
        frames.sort(key=lambda path: int(path.stem))
        index.add(frames[len(frames) // 2], expression, subject)
