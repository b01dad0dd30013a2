"""`xai-compare human`: what an eye tracker, BubbleView, a mouse tracker or a click-to-reveal experiment wrote."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xai_compare.cli.app import Overwrite, RequiredOut, Seed, app, echo
from xai_compare.errors import InputError
from xai_compare.human.settings import Clock, GazeSettings, Kernel, MapKeys, Unit, UnitKeys

if TYPE_CHECKING:
    import numpy as np

    from xai_compare.human.settings import Cross


def _option(settings: type[Any], key: str, *names: str) -> Any:
    """An option that means what this key of a study means."""
    about = settings.__pydantic_fields__[key].description.replace("`", "")
    return typer.Option(*names, help=f"{about[0].upper()}{about[1:]}.")


_MAPS = MapKeys()
MAX_PIXELS = 64_000_000
"""As of the pictures that are read."""


@app.command()
def human(
    sources: Annotated[list[Path], typer.Argument(help="Files, or patterns in quotes.")],
    out: RequiredOut,
    format: Annotated[str, typer.Option(help="What the files are; auto recognises them.")] = "auto",
    pictures: Annotated[Path | None, typer.Option(help="Folder of the pictures that were shown.")] = None,
    labels: Annotated[Path | None, typer.Option(help="CSV with the columns image and expression.")] = None,
    picture_size: Annotated[
        str | None, typer.Option(metavar="W,H", help="Size of all pictures in pixels, without the pictures.")
    ] = None,
    face: Annotated[
        str | None,
        typer.Option(
            metavar="X,Y,X,Y,X,Y", help="Left eye, right eye and mouth on every picture, where faces are aligned."
        ),
    ] = None,
    resolution: Annotated[str | None, typer.Option(metavar="W,H", help="Of the screen, in pixels.")] = None,
    screen_cm: Annotated[str | None, typer.Option(metavar="W,H", help="Size of the screen in cm.")] = None,
    distance_cm: Annotated[float | None, typer.Option(help="From the eyes to the screen.")] = None,
    pixels_per_degree: Annotated[float | None, typer.Option(help="Instead of size and distance.")] = None,
    placement: Annotated[
        str | None,
        typer.Option(metavar="LEFT,TOP,W,H", help="Where on the screen the picture lay, or: screen, if it filled it."),
    ] = None,
    units: Annotated[Unit | None, _option(UnitKeys, "units")] = None,
    clock: Annotated[Clock | None, _option(UnitKeys, "clock")] = None,
    detector: Annotated[str, _option(GazeSettings, "detector")] = GazeSettings.detector,
    max_lost: Annotated[float, _option(GazeSettings, "max_lost")] = GazeSettings.max_lost,
    liu_correction: Annotated[
        bool, _option(GazeSettings, "liu_correction", "--liu-correction")
    ] = GazeSettings.liu_correction,
    cross: Annotated[
        str | None,
        typer.Option(metavar="IMAGE,X,Y", help="A fixation cross; what follows is shifted by how far it was missed."),
    ] = None,
    min_fixation_ms: Annotated[float, _option(GazeSettings, "min_fixation_ms")] = GazeSettings.min_fixation_ms,
    kernel: Annotated[Kernel, _option(MapKeys, "kernel")] = _MAPS.kernel,
    sigma_px: Annotated[float | None, typer.Option(help="Width of the Gaussian; one degree by default.")] = None,
    radius_px: Annotated[float | None, _option(MapKeys, "radius_px")] = _MAPS.radius_px,
    first: Annotated[int | None, _option(MapKeys, "first")] = _MAPS.first,
    between_ms: Annotated[
        str | None, typer.Option(metavar="FROM,TO", help="Maps of the points that begin in this window of the trial.")
    ] = None,
    only_correct: Annotated[bool, _option(MapKeys, "only_correct", "--only-correct")] = _MAPS.only_correct,
    scanpaths: Annotated[bool, typer.Option("--scanpaths", help="Compare scanpaths by MultiMatch.")] = False,
    simulated: Annotated[bool, typer.Option("--simulated", help="The data are simulated; everything says so.")] = False,
    seed: Seed = 0,
    overwrite: Overwrite = False,
) -> None:
    """Clean the raw files of an experiment with people, and say whether they are usable.

    Writes cleaned tables, maps, figures and a one-page summary.
    """
    from xai_compare.human.data_quality import overall_quality
    from xai_compare.human.experiment import Reading
    from xai_compare.human.experiment_maps import MapSettings
    from xai_compare.human.screen import Placement, Screen
    from xai_compare.human.units import Units
    from xai_compare.report.human import HumanOptions, write

    cm = numbers(screen_cm, 2, "--screen-cm")
    screen = Screen(
        resolution=pixels(resolution, "--resolution"),
        size_cm=(cm[0], cm[1]) if cm else None,
        distance_cm=distance_cm,
        pixels_per_degree=pixels_per_degree,
    )
    place = None if placement in (None, "screen") else Placement(*numbers(placement, 4, "--placement"))
    gaze = GazeSettings(
        detector=detector,
        max_lost=max_lost,
        min_fixation_ms=min_fixation_ms,
        liu_correction=liu_correction,
        cross=_cross(cross),
    )
    reading = Reading(
        format,
        screen,
        "screen" if placement == "screen" else place,
        gaze,
        simulated=simulated,
        units=Units(units, clock),
    )
    files, shapes, landmarks = _pictures(pictures) if pictures else ({}, {}, {})
    points, whole = numbers(face, 6, "--face"), pixels(picture_size, "--picture-size")
    window = numbers(between_ms, 2, "--between-ms")
    maps = MapSettings(
        kernel=kernel,
        sigma_px=sigma_px,
        radius_px=radius_px,
        only_correct=only_correct,
        first=first,
        between_ms=(window[0], window[1]) if window else None,
    )
    asked = HumanOptions(
        reading,
        maps,
        shapes,
        landmarks,
        files,
        _expressions(labels),
        size=(whole[1], whole[0]) if whole else None,
        face=points or None,
        scanpaths=scanpaths,
        title=out.resolve().name,
        seed=seed,
    )
    _, statements = write(sources, out, asked, overwrite=overwrite, say=echo)
    echo(overall_quality(statements).line)
    for one in statements:
        echo(f"  {one.level}: {one.line}")
    echo(f"Summary: {out / 'summary.html'}")


def _cross(text: str | None) -> Cross | None:
    from xai_compare.human.settings import Cross

    if text is None:
        return None
    image, comma, place = text.partition(",")
    if not comma or not image:
        raise InputError(f"{text!r} is not a picture and two numbers", where="--cross", hint="say --cross IMAGE,X,Y")
    return Cross(image, *numbers(place, 2, "--cross"))


def numbers(text: str | None, count: int, option: str) -> list[float]:
    if text is None:
        return []
    try:
        values = [float(part) for part in text.split(",")]
    except ValueError:
        values = []
    if len(values) != count or not all(map(math.isfinite, values)):
        raise InputError(f"{text[:80]!r} is not {count} numbers", where=option, hint="separate them by commas")
    return values


def pixels(text: str | None, option: str) -> tuple[int, int] | None:
    """A width and a height in pixels, as an option gives them.

    Raises:
        InputError: if they are not two whole numbers above 0, or more pixels than any picture has.
    """
    if text is None:
        return None
    width, height = numbers(text, 2, option)
    if not (width.is_integer() and height.is_integer() and min(width, height) > 0 and width * height <= MAX_PIXELS):
        what = f"{text[:80]!r} is not a width and a height in pixels"
        raise InputError(what, where=option, hint=f"two whole numbers above 0, at most {MAX_PIXELS:,} pixels in all")
    return int(width), int(height)


def _pictures(folder: Path) -> tuple[dict[str, Path], dict[str, tuple[int, int]], dict[str, np.ndarray]]:
    """The file and size of each picture of a folder, and the landmarks of its largest face, where one is found."""
    from xai_compare import faces
    from xai_compare.human.image_matching import PICTURE_SUFFIXES
    from xai_compare.images import read_image

    if not folder.is_dir():
        raise InputError("no such folder", where=folder, hint="name the folder of the pictures")
    files = {
        str(file.relative_to(folder)): file
        for file in sorted(folder.rglob("*"))
        if file.suffix.lower() in PICTURE_SUFFIXES
    }
    if not files:
        raise InputError("holds no picture", where=folder)
    shapes, landmarks = {}, {}
    for name, file in files.items():
        picture = read_image(file)
        shapes[name] = (picture.shape[0], picture.shape[1])
        found = faces.detect(picture)
        if found:
            landmarks[name] = found[0].landmarks
    echo(f"{len(files)} pictures, a face found in {len(landmarks)}")
    return files, shapes, landmarks


def _expressions(path: Path | None) -> dict[str, str]:
    from xai_compare.expressions import ALIASES
    from xai_compare.human.file_readers import read_table
    from xai_compare.human.point_tables import canonical_names

    if path is None:
        return {}
    table = read_table(path)
    table = table.rename(columns=canonical_names(table.columns))
    for name in ("image", "label"):
        if name not in table:
            said = "expression" if name == "label" else name
            raise InputError(f"no column {said!r}", where=path, hint="it needs the columns image and expression")
    nouns = table["label"].str.strip().str.lower().map(lambda text: ALIASES.get(text, text))
    return dict(zip(table["image"].astype(str), nouns, strict=True))
