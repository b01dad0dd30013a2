"""`xai-compare run`: the main job."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from xai_compare.cli.app import (
    AllowCode,
    Arch,
    BatchSize,
    Classes,
    Clicks,
    Device,
    DistanceCm,
    Explainers,
    Gaze,
    Models,
    Out,
    Overwrite,
    PixelsPerDegree,
    Resolution,
    ScreenCm,
    app,
    echo,
    show,
)
from xai_compare.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd

    from xai_compare.runs import Run
    from xai_compare.study import Study

Keep = Literal["maps", "heatmaps"]
GO_ON = "study_to_edit.yaml"
"""In the run directory: the study that pictures alone stood for, commented."""


@app.command()
def run(
    study: Annotated[
        Path | None,
        typer.Argument(
            metavar="[STUDY|PICTURES]",
            help="Study file (YAML), or a folder of pictures, a manifest (CSV), or a pattern in quotes; "
            "the bundled default if left out.",
        ),
    ] = None,
    out: Out = None,
    model: Models = None,
    arch: Arch = None,
    classes: Classes = None,
    explainer: Explainers = None,
    clicks: Clicks = None,
    gaze: Gaze = None,
    pixels_per_degree: PixelsPerDegree = None,
    resolution: Resolution = None,
    screen_cm: ScreenCm = None,
    distance_cm: DistanceCm = None,
    per_expression: Annotated[
        int | None, typer.Option(min=1, help="Of pictures: how many are explained of each expression.")
    ] = None,
    at_most: Annotated[
        int | None, typer.Option(min=0, help="Of pictures: how many are used, drawn by the seed; 60, or 0 for all.")
    ] = None,
    overwrite: Overwrite = False,
    device: Device = "auto",
    batch_size: BatchSize = 32,
    seed: Annotated[int | None, typer.Option(help="Seed to use instead of the study's.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, help="Number of processes of a local Dask cluster.")] = None,
    scheduler: Annotated[str | None, typer.Option(help="Address of a running Dask scheduler.")] = None,
    tls: Annotated[
        tuple[Path, Path, Path] | None,
        typer.Option(
            help="Certificate authority, certificate and key (PEM) of a scheduler at tls://.", metavar="CA CERT KEY"
        ),
    ] = None,
    keep: Annotated[Keep, typer.Option(help="Keep the maps of single pictures, or only the heatmaps.")] = "maps",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what the study would cost; run nothing.")] = False,
    allow_code: AllowCode = False,
) -> None:
    """Explain pictures with networks, compare with people and anatomy, and write a report.

    From pictures alone, `photographic` is explained by CAM, Grad-CAM and LIME, and a study to go on from is written.
    """
    from xai_compare.api.quick import is_pictures
    from xai_compare.api.running import load_study
    from xai_compare.study import Study

    flags: dict[str, Any] = {
        "model": model,
        "arch": arch,
        "classes": classes,
        "explainer": explainer,
        "clicks": clicks,
        "gaze": gaze,
        "pixels_per_degree": pixels_per_degree,
        "resolution": resolution,
        "screen_cm": screen_cm,
        "distance_cm": distance_cm,
        "per_expression": per_expression,
        "at_most": at_most,
    }
    flags = {flag: value for flag, value in flags.items() if value is not None}
    written: dict[str, Any] | None = None
    directory: str | Path | None = out
    if study is not None and is_pictures(study):
        written = study_of_pictures(study, seed=seed or 0, **flags)
        loaded = Study.parse(written, where=study)
        if "note" in written:
            echo(f"{written['note']} --pixels-per-degree sets it.")
    elif flags:
        flag = f"--{next(iter(flags)).replace('_', '-')}"
        hint = "name a folder of pictures, a manifest or a pattern, or write it into the study"
        raise InputError("goes with pictures, not with a study file", where=flag, hint=hint)
    else:
        loaded, directory = load_study(study, out)
        if seed is not None:
            loaded = Study.parse({**loaded.model_dump(mode="json"), "seed": seed}, where="--seed")
    if dry_run:
        from xai_compare.runs.estimate import estimate

        _costs(estimate(loaded, device, batch_size, allow_code=allow_code))
        return
    settings = {"device": device, "batch_size": batch_size, "workers": workers, "scheduler": scheduler, "tls": tls}
    finished = _run(loaded, directory, overwrite=overwrite, **settings, keep=keep, allow_code=allow_code)
    _summary(finished)
    if written is not None:
        from xai_compare.api.quick import write_study
        from xai_compare.runs.directory import listing

        with listing(finished.dir, part=True):
            place = write_study(written, finished.dir, GO_ON, overwrite=True)
        echo(f"To go on from: {place}")


def study_of_pictures(
    pictures: Path,
    *,
    model: Sequence[str] = (),
    arch: str | None = None,
    classes: str = "",
    explainer: Sequence[str] = (),
    resolution: str | None = None,
    screen_cm: str | None = None,
    distance_cm: float | None = None,
    at_most: int | None = None,
    **settings: Any,
) -> dict[str, Any]:
    """The study of pictures that flags ask for: those above as they are typed, others as `quick_study` takes them."""
    from xai_compare.api.quick import AT_MOST, network, quick_study
    from xai_compare.cli.human import numbers, pixels

    names = [name.strip() for name in classes.split(",") if name.strip()]
    screen = {
        "resolution": pixels(resolution, "--resolution"),
        "size_cm": numbers(screen_cm, 2, "--screen-cm"),
        "distance_cm": distance_cm,
    }
    return quick_study(
        pictures,
        models=[network(name, arch, names) for name in model],
        explainers=explainer,
        screen={key: value for key, value in screen.items() if value},
        at_most=(AT_MOST if at_most is None else at_most) or None,
        **settings,
    )


def _run(study: Study, out: str | Path | None, **settings: Any) -> Run:
    from xai_compare import api
    from xai_compare.cli.progress import TerminalProgress
    from xai_compare.files import slug

    try:
        with TerminalProgress() as progress:
            return api.run(study, out, progress=progress, **settings)
    except KeyboardInterrupt:
        print(stopped(Path(out or Path("runs") / slug(study.name))), file=sys.stderr)
        raise typer.Exit(130) from None


def stopped(directory: Path) -> str:
    """What a run that was stopped has kept, and how it goes on."""
    from xai_compare.runs.inspection import status

    kept = "no map was made yet"
    try:
        rows = status(directory)
        done, planned = int(rows["done"].sum()), int(rows["maps"].sum())
        if planned:
            kept = f"{done:,} of {planned:,} maps are kept"
    except InputError:  # It had not come to planning.
        pass
    return f"stopped; {kept}, and the same command continues"


def _costs(frame: pd.DataFrame) -> None:
    """Print an estimate, and the rows of the manifest that cannot be used."""
    shown = frame.assign(minutes=["under a minute" if value < 1 else f"{value:.0f}" for value in frame["minutes"]])
    show(shown, "What the study costs, about", digits=1)
    _left_out(frame.attrs["skipped"], "")


def _left_out(skipped: Sequence[tuple[str, str]], rest: str) -> None:
    """Say which images are skipped, the first five by name."""
    if skipped:
        echo(f"{len(skipped)} images skipped:")
    for image, reason in skipped[:5]:
        echo(f"  {image}: {reason}")
    if len(skipped) > 5:
        echo(f"  ... and {len(skipped) - 5} more{rest}")


def _summary(finished: Run) -> None:
    from xai_compare.analysis.scores.tables import headline

    sources = finished.heatmaps
    kinds = dict(zip(sources.source.values.tolist(), sources.kind.values.tolist(), strict=True))
    table = headline(finished.scores, kinds)
    if len(table):
        show(table.reset_index(names="source"), "Means over expressions")
    else:  # Nobody but people: they are compared with one another.
        pairs = finished.scores[finished.scores["expression"] == "all"]
        show(pairs[["metric", "a", "b", "value", "n", "ci_low", "ci_high"]], "People with people")
    skipped = finished.skipped
    rows = list(zip(skipped["image"], skipped["reason"], strict=True))
    _left_out(rows, f", all of them in {finished.dir / 'tables' / 'skipped.csv'}")
    if finished.simulated:
        echo(f"Simulated data: {', '.join(sorted(finished.simulated))}")
    echo(f"Report: {finished.dir / 'report.html'}")
    echo(f"To explore: {finished.dir / 'explore.html'}")
