"""Labelled arrays as zarr folders."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray as xr

from xai_compare.errors import InputError
from xai_compare.files import make_room
from xai_compare.watches import check_place, finished

RERUN_HINT = "run the study again: what is whole is kept, the rest is made again"


def save(dataset: xr.Dataset, path: Path, mode: str = "w") -> None:
    """Save a dataset as zarr; the format's warning about strings, which all readers share, is not the user's."""
    make_room(path, folder=True)
    check_place(path / "zarr.json")
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*does not have a Zarr V3 specification.*")
        warnings.filterwarnings("ignore", message=".*Consolidated metadata.*")
        dataset.to_zarr(path, mode=mode, consolidated=False, zarr_format=3)  # type: ignore[call-overload]
    finished(path)


def load(path: Path, sizes: Mapping[str, int] | None = None) -> xr.Dataset:
    """Open a zarr dataset lazily; of format 3 alone, for format 2 knows a codec that unpickles.

    Args:
        path: the folder.
        sizes: what some of its dimensions must be.

    Raises:
        InputError: if it cannot be read, or has other sizes.
    """
    import xarray as xr

    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=".*does not have a Zarr V3 specification.*")
            made: xr.Dataset = xr.open_zarr(path, consolidated=False, zarr_format=3)
    except Exception as error:  # Whatever zarr and xarray say of damaged descriptions.
        what = f"cannot be read ({type(error).__name__}: {' '.join(str(error).split())[:200]})"
        raise InputError(what, where=path, hint=RERUN_HINT) from error
    for name, size in (sizes or {}).items():
        if made.sizes.get(name) != size:
            raise InputError(f"has {made.sizes.get(name)} along {name!r}, not {size}", where=path, hint=RERUN_HINT)
    return made
