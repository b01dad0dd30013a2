"""Tables, each as CSV for people and as Parquet for programs."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from xai_compare.files import atomic, make_room, write_csv


def write_tables(folder: Path, **frames: pd.DataFrame) -> None:
    """Write each table as CSV and Parquet; each file is there whole or not at all."""
    make_room(folder, folder=True)
    folder.mkdir(exist_ok=True)
    for name, given in frames.items():
        frame = given.copy(deep=False)
        frame.attrs = {}  # Parquet would write them as JSON, which not everything is.
        for suffix in (".csv", ".parquet"):
            if suffix == ".csv":
                write_csv(frame, folder / f"{name}{suffix}")
                continue
            with atomic(folder / f"{name}{suffix}") as part:
                frame.to_parquet(part, index=False)
