"""Datasets of faces as they are distributed: one reader a dataset, and one manifest for all of them.

A reader is a function ``read(folder, index)`` that fills a `DatasetIndex`, under the decorator `reads_dataset`. Another
package names it in the entry-point group ``xai_compare.datasets``.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from xai_compare.errors import InputError, nearest
from xai_compare.images.dataset_index import DatasetIndex
from xai_compare.registry import Registry


@dataclass(frozen=True)
class Reader:
    """How one dataset is read.

    Attributes:
        title: the dataset's name as people write it.
        layout: the names of folders and files that are expected.
        source: where the naming rules come from.
        rule: what is taken, what is left out, and who counts as one person.
        read: ``read(folder, index)`` fills a `DatasetIndex`.
    """

    title: str
    layout: str
    source: str
    rule: str
    read: Callable[[Path, DatasetIndex], None]


def _problem(thing: Any) -> str:
    return "" if isinstance(thing, Reader) else f"is a {type(thing).__name__}, not a Reader"


DATASETS: Registry[Reader] = Registry(
    "dataset", "xai_compare.datasets", ("xai_compare.images.datasets.*",), check=_problem
)
"""Readers of datasets by name."""


def reads_dataset(
    name: str, *, title: str, layout: str, source: str, rule: str
) -> Callable[[Callable[[Path, DatasetIndex], None]], Reader]:
    """Decorate a function that fills an index as the reader of a dataset; see `Reader` for the arguments."""

    def decorate(read: Callable[[Path, DatasetIndex], None]) -> Reader:
        return DATASETS.register(name, Reader(title, layout, source, rule, read))

    return decorate


def find(name: str) -> Reader:
    """The reader called ``name``, however it is written: ``CK+``, ``ckplus`` and ``ck_plus`` are one.

    Raises:
        InputError: if there is none.
    """
    known = {_bare(own): own for own in DATASETS.names()}
    if _bare(name) not in known:
        raise InputError(f"unknown dataset {name!r}", hint=nearest(name, DATASETS.names()))
    return DATASETS.get(known[_bare(name)])


def _bare(name: str) -> str:
    return "".join(letter for letter in name.lower().replace("+", "plus") if letter.isalnum())


def read_dataset(name: str, folder: str | Path, pictures: str | Path | None = None) -> DatasetIndex:
    """List the pictures of a dataset as distributed.

    Args:
        name: such as ``jaffe``, ``CK+`` or ``raf-db``.
        folder: where the dataset was unpacked; a folder that holds nothing but it will do.
        pictures: where pictures are written that the dataset keeps inside a table; needed for FER2013 as one CSV.

    Raises:
        InputError: if the name is unknown, or the folder does not hold that dataset.
    """
    reader = find(name)
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError("no such folder", where=folder, hint=f"unpack {reader.title} and name its folder")
    index = DatasetIndex(reader.title, folder, None if pictures is None else Path(pictures))
    reader.read(folder, index)
    if not index.rows:
        why = f" ({index.skipped[0][0]}: {index.skipped[0][1]})" if index.skipped else ""
        raise InputError(
            f"the folder does not look like {reader.title}{why}", where=folder, hint=f"expected: {reader.layout}"
        )
    return index
