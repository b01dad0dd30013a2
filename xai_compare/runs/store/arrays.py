"""Labelled arrays as zarr folders."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import xarray as xr


def save(dataset: xr.Dataset, path: Path, mode: str = "w") -> None:
    """Save a dataset as zarr; the format's warning about strings, which all readers share, is not the user's."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*does not have a Zarr V3 specification.*")
        warnings.filterwarnings("ignore", message=".*Consolidated metadata.*")
        dataset.to_zarr(path, mode=mode, consolidated=False, zarr_format=3)  # type: ignore[call-overload]


def load(path: Path) -> xr.Dataset:
    """Open a zarr dataset lazily; of format 3 alone, for format 2 knows a codec that unpickles."""
    import xarray as xr

    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*does not have a Zarr V3 specification.*")
        return xr.open_zarr(path, consolidated=False, zarr_format=3)
