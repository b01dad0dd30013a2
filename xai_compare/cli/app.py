"""The command-line application: what its commands, a file each beside this one, have in common."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

if TYPE_CHECKING:
    import pandas as pd

app = typer.Typer(
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)
console = Console() if sys.stdout.isatty() else Console(width=140)

Out = Annotated[Path | None, typer.Option("--out", help="Directory to write into.")]
RequiredOut = Annotated[Path, typer.Option("--out", help="Directory to write into.")]
Device = Annotated[str, typer.Option(help="auto, cpu, cuda or cuda:N.")]
Seed = Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Of every draw.")]
BatchSize = Annotated[int, typer.Option(min=1, max=4096, help="Pictures in one forward pass; it changes no result.")]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace what the directory holds.")]
AllowCode = Annotated[
    bool,
    typer.Option(
        "--allow-code",
        help="Let the study's factories, TorchScript and torch.export files run: they are programs. Trust them first.",
    ),
]
Models = Annotated[
    list[str] | None, typer.Option("--model", help="Of pictures: a bundled network, or a file. Repeatable.")
]
Arch = Annotated[str | None, typer.Option(help="Architecture of a file of weights: one of timm, or torchvision:NAME.")]
Classes = Annotated[
    str | None, typer.Option(metavar="A,B,...", help="A file's expressions in the order of its outputs.")
]
Explainers = Annotated[
    list[str] | None,
    typer.Option("--explainer", help="Of pictures: an explainer, such as lime:n_samples=200. Repeatable."),
]
Clicks = Annotated[Path | None, typer.Option(help="Of pictures: where people clicked.")]
Gaze = Annotated[Path | None, typer.Option(help="Of pictures: a recording of gaze.")]
PixelsPerDegree = Annotated[float | None, typer.Option(help="Pixels of the pictures in one degree of visual angle.")]
Resolution = Annotated[str | None, typer.Option(metavar="W,H", help="Of the screen, in pixels.")]
ScreenCm = Annotated[str | None, typer.Option(metavar="W,H", help="Size of the screen in cm.")]
DistanceCm = Annotated[float | None, typer.Option(help="From the eyes to the screen.")]
RunDirectory = Annotated[Path, typer.Argument(help="A run directory.")]


def _version(asked: bool) -> None:
    if asked:
        from xai_compare.version import VERSION

        console.print(f"xai-compare {VERSION}", highlight=False)
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """When a network reads a facial expression, does it look where people look?"""


def check_exists(path: Path, folder: bool) -> None:
    """Check at once that a file or folder is there, before anything heavy is imported.

    Raises:
        InputError: if it is not.
    """
    from xai_compare.errors import InputError

    if not (path.is_dir() if folder else path.is_file()):
        raise InputError(f"no such {'folder' if folder else 'file'}", where=path, hint="check its name")


def show(frame: pd.DataFrame, title: str, digits: int = 3) -> None:
    """Print a table."""
    from rich.table import Table
    from rich.text import Text

    table = Table(title=Text(title))  # As texts, for names may look like rich's markup.
    for column in frame.columns:
        table.add_column(Text(str(column)), overflow="fold")
    for row in frame.itertuples(index=False):
        table.add_row(*(Text(_cell(value, digits)) for value in row))
    console.print(table)


def _cell(value: object, digits: int) -> str:
    """A value as a table shows it; a dash where it is undefined."""
    if isinstance(value, float):
        return f"{value:.{digits}f}" if value == value else "–"
    return str(value)


def echo(line: str) -> None:
    """Print a line as it is, however long."""
    console.print(line, markup=False, highlight=False, soft_wrap=True)
