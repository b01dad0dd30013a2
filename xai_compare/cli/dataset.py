"""`xai-compare dataset`: a dataset as distributed, as one manifest."""

from __future__ import annotations

import csv
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xai_compare.cli.app import app, echo

if TYPE_CHECKING:
    from xai_compare.images.dataset_index import DatasetIndex


@app.command()
def dataset(
    name: Annotated[str, typer.Argument(help="Such as ck+, jaffe, kdef, affectnet, raf-db, fer2013, fer+.")],
    folder: Annotated[Path, typer.Argument(help="Where the dataset was unpacked.")],
    out: Annotated[Path, typer.Option("--out", help="The manifest to write, a CSV file.")],
) -> None:
    """Turn a dataset as distributed into a manifest: image, expression, subject, dataset, split."""
    index = write_manifest(name, folder, out)
    counts = Counter(row["expression"] for row in index.rows)
    people = len({row["subject"] for row in index.rows} - {""})
    echo(f"{index.dataset}: {len(index.rows)} pictures, {people or 'unknown'} people")
    echo(", ".join(f"{count} {expression}" for expression, count in counts.most_common()))
    for reason, count in Counter(reason for _, reason in index.skipped).most_common(5):
        echo(f"left out {count}: {reason}")
    echo(f"images: {{manifest: {out}, root: {index.root}}}")


def write_manifest(name: str, folder: Path, out: Path) -> DatasetIndex:
    """Write the manifest, and beside it what was left out.

    Raises:
        InputError: if the dataset is unknown, or the folder does not hold it; then nothing is written.
    """
    from xai_compare.images.datasets import read_dataset

    index = read_dataset(name, folder, out.with_suffix("") / "pictures")
    index.write(out)
    if index.skipped:
        with out.with_name(f"{out.stem}_left_out.csv").open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(("image", "reason"))
            writer.writerows(index.skipped)
    return index
