"""Facial Expression, Gender and Age (Ramis et al. 2022)."""

from __future__ import annotations

from pathlib import Path

from xai_compare.images.dataset_index import DatasetIndex
from xai_compare.images.datasets import DATASETS, Reader
from xai_compare.images.datasets._words import read_by_words

TITLE = "FEGA"
LAYOUT = "file names or folders that hold the subject and the expression, such as 012/happy.jpg or 012_happy.jpg"
SOURCE = "the paper's description; no copy of the folder was at hand, so check the counts (51 people, 7 pictures each)"
RULE = (
    "The expression is the one word of the file's name or folders that names one; the first other word is the subject."
)


def read(folder: Path, index: DatasetIndex) -> None:
    """Fill the index from the words of file names."""
    read_by_words(folder, index, digits=True)


DATASETS.register("fega", Reader(TITLE, LAYOUT, SOURCE, RULE, read))
