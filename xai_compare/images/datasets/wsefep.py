"""Warsaw Set of Emotional Facial Expression Pictures (Olszanowski et al. 2015)."""

from __future__ import annotations

from pathlib import Path

from xai_compare.images.dataset_index import DatasetIndex
from xai_compare.images.datasets import DATASETS, Reader
from xai_compare.images.datasets._words import read_by_words

TITLE = "WSEFEP"
LAYOUT = "file names that hold the actor's initials and the expression, such as MK_anger_0321.jpg, or MK/anger.jpg"
SOURCE = "the set's description; no copy of the folder was at hand, so check the counts (30 people, 7 pictures each)"
RULE = (
    "The expression is the one word of the file's name or folder that names one (`joy` and `enjoyment` are happiness); "
    "the first other word, without digits at its end, is the subject."
)


def read(folder: Path, index: DatasetIndex) -> None:
    """Fill the index from the words of file names."""
    read_by_words(folder, index)


DATASETS.register("wsefep", Reader(TITLE, LAYOUT, SOURCE, RULE, read))
