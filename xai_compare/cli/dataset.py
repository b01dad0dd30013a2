"""`xai-compare dataset`: a dataset as distributed, as one manifest."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from xai_compare.cli.app import Overwrite, app, echo
from xai_compare.errors import InputError

if TYPE_CHECKING:
    from xai_compare.images.dataset_index import DatasetIndex


@app.command()
def dataset(
    name: Annotated[str, typer.Argument(help="Such as ck+, jaffe, kdef, affectnet, raf-db, fer2013, fer+.")],
    folder: Annotated[Path, typer.Argument(help="Where the dataset was unpacked.")],
    out: Annotated[Path, typer.Option("--out", help="The manifest to write, a CSV file.")],
    overwrite: Overwrite = False,
) -> None:
    """Turn a dataset as distributed into a manifest: image, expression, subject, dataset, split."""
    index = write_manifest(name, folder, out, overwrite=overwrite)
    counts = Counter(row["expression"] for row in index.rows)
    people = len({row["subject"] for row in index.rows} - {""})
    echo(f"{index.dataset}: {len(index.rows)} pictures, {people or 'unknown'} people")
    echo(", ".join(f"{count} {expression}" for expression, count in counts.most_common()))
    for reason, count in Counter(reason for _, reason in index.skipped).most_common(5):
        echo(f"left out {count}: {reason}")
    echo(f"images: {{manifest: {out}, root: {index.root}}}")


def write_manifest(name: str, folder: Path, out: Path, *, overwrite: bool = False) -> DatasetIndex:
    """Write the manifest, and beside it what was left out.

    Raises:
        InputError: if the dataset is unknown, the folder does not hold it, or a file is there already; then nothing is
            written.
    """
    import pandas as pd

    from xai_compare.files import refuse_links, write_csv
    from xai_compare.images.datasets import read_dataset

    left_out = out.with_name(f"{out.stem}_left_out.csv")
    if not overwrite and (there := next((path for path in (out, left_out) if path.exists()), None)):
        raise InputError("is there already", where=there, hint="name another file with --out, or say --overwrite")
    refuse_links(out.with_suffix("") / "pictures")
    index = read_dataset(name, folder, out.with_suffix("") / "pictures")
    index.write(out)
    if index.skipped:
        table = pd.DataFrame(index.skipped, columns=["image", "reason"])
        write_csv(table, left_out, lineterminator="\r\n")
    return index
