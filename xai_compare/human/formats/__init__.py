"""The file formats of human data: one file each, known by name.

A new format is one function from a file to a table and one decorator line, in this folder or, with an entry point of
the group ``xai_compare.readers``, in another package::

    from xai_compare.human.formats import register
    from xai_compare.human.file_readers import read_table

    @register("my_lab", yields="clicks")
    def my_lab(path: Path) -> pd.DataFrame:
        return read_table(path).rename(columns={"subj_nr": "participant", "pic": "image"})

A table has one row per point, with columns named as in `xai_compare.human.point_tables` (or by a usual alias) and
values that may still be text; a column `point_tables.ROW`, where there is one, is quoted in messages. Every format's
table goes through the same checks. Formats of samples may yield tables one after another, so that a file larger than
memory can be read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import pandas as pd

from xai_compare.errors import InputError, nearest
from xai_compare.file_head import FileHead
from xai_compare.registry import Registry

Yields = Literal["samples", "fixations", "clicks", "tracks"]
"""What a format gives: gaze at the tracker's rate, fixations, clicks, or the path of a mouse."""

Tables = pd.DataFrame | Iterator[pd.DataFrame]


@dataclass(frozen=True)
class Format:
    """A file format of human data.

    Attributes:
        name: what studies and the command line call it.
        yields: ``samples``, ``fixations``, ``clicks`` or ``tracks``.
        read: from a file to its table, or to several tables one after another.
        recognise: from the beginning of a file to why it is of this format; ``""`` where it is not.
        about: the format in a few words, for lists and documents.
    """

    name: str
    yields: Yields
    read: Callable[[Path], Tables]
    recognise: Callable[[FileHead], str]
    about: str

    def __call__(self, path: Path) -> Tables:
        return self.read(path)


def _problem(thing: object) -> str:
    return "" if isinstance(thing, Format) else "is not a function decorated by xai_compare.human.register"


FORMATS: Registry[Format] = Registry(
    "format of human data", "xai_compare.readers", ("xai_compare.human.formats.*",), check=_problem
)


def register(
    name: str, *, yields: Yields, about: str = "", recognise: Callable[[FileHead], str] = lambda head: ""
) -> Callable[[Callable[[Path], Tables]], Format]:
    """Decorate a function ``path -> table`` as a format, known by ``name``; see `Format` for the arguments."""

    def decorate(read: Callable[[Path], Tables]) -> Format:
        return FORMATS.register(name, Format(name, yields, read, recognise, about))

    return decorate


def formats_of(*kinds: Yields) -> list[str]:
    """The names of the formats that yield one of ``kinds``, sorted. Plug-ins that cannot be loaded are left out."""
    return sorted(name for name, format in FORMATS.all().items() if format.yields in kinds)


def click_formats() -> list[str]:
    """The names of the formats of clicks, sorted."""
    return formats_of("clicks")


def fixation_formats() -> list[str]:
    """The names of the formats of fixations, sorted."""
    return formats_of("fixations")


def find(name: str, *kinds: Yields) -> Format:
    """The format called ``name``, which yields one of ``kinds``.

    Raises:
        InputError: if there is none of that name, or it yields something else.
    """
    known = formats_of(*kinds)
    if name not in FORMATS:
        raise InputError(f"unknown format of {' or '.join(kinds)} {name!r}", hint=nearest(str(name), known))
    format = FORMATS.get(name)
    if format.yields not in kinds:
        what = f"the format {name!r} holds {format.yields}, not {' or '.join(kinds)}"
        raise InputError(what, hint=f"known: {', '.join(known) or 'none'}")
    return format
