"""The file formats of clicks and fixations: a name and a function each.

A new format is one function, from a file to a table, and one decorator line::

    @click_format("my_lab")
    def my_lab(path: Path) -> pd.DataFrame:
        return read_table(path).rename(columns={"subj_nr": "participant", "pic": "image"})

The function returns one row per point. Columns are named as in `xai_compare.human.tables` (or by a usual alias) and
values may still be text; a column `tables.ROW`, where there is one, is quoted in messages. Every format's table goes
through the same checks.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from xai_compare.errors import InputError, nearest

Format = Callable[[Path], pd.DataFrame]

_CLICKS: dict[str, Format] = {}
_FIXATIONS: dict[str, Format] = {}


def click_format(name: str) -> Callable[[Format], Format]:
    """Decorate a function ``path -> table`` that reads clicks, so that `read_clicks` knows it by ``name``."""
    return _registrar(_CLICKS, name)


def fixation_format(name: str) -> Callable[[Format], Format]:
    """Decorate a function ``path -> table`` that reads fixations, so that `read_fixations` knows it by ``name``."""
    return _registrar(_FIXATIONS, name)


def click_formats() -> list[str]:
    """Return the names of the click formats, sorted."""
    return sorted(_CLICKS)


def fixation_formats() -> list[str]:
    """Return the names of the fixation formats, sorted."""
    return sorted(_FIXATIONS)


def find_click_format(name: str) -> Format:
    """Return the function that reads the click format ``name``; InputError where there is none."""
    return _find(_CLICKS, name, "clicks")


def find_fixation_format(name: str) -> Format:
    """Return the function that reads the fixation format ``name``; InputError where there is none."""
    return _find(_FIXATIONS, name, "fixations")


def _registrar(registry: dict[str, Format], name: str) -> Callable[[Format], Format]:
    def register(function: Format) -> Format:
        if registry.get(name, function) is not function:
            raise ValueError(f"the format {name!r} is taken by {registry[name].__module__}")
        registry[name] = function
        return function

    return register


def _find(registry: dict[str, Format], name: str, what: str) -> Format:
    if name not in registry:
        raise InputError(f"unknown format of {what} {name!r}", mend=nearest(str(name), sorted(registry)))
    return registry[name]
