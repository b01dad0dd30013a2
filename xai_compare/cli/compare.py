"""`xai-compare compare`: ready-made heatmaps, from any tool, compared with masks and with one another."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xai_compare.cli.app import Overwrite, RequiredOut, app, check_there, show, tell
from xai_compare.errors import InputError
from xai_compare.version import VERSION

if TYPE_CHECKING:
    from collections.abc import Mapping

    import numpy as np
    import pandas as pd


@app.command()
def compare(
    heatmaps: Annotated[Path, typer.Argument(help="Folder of grey heatmaps.")],
    out: RequiredOut,
    masks: Annotated[
        str, typer.Option(help="Folder of mask pictures, or 'ekman' for the masks of the package.")
    ] = "ekman",
    masks_name: Annotated[str, typer.Option(help="What the tables call the masks.")] = "ekman",
    pattern: Annotated[
        str, typer.Option(help="How the files are named: {model}, {expression}, {fold}.")
    ] = "{model}_{expression}_heatmap.png",
    landmarks: Annotated[
        Path | None,
        typer.Option(
            help="CSV (landmark from 0 to 67, x, y) of the face that the heatmaps show, if they are not on the "
            "standard face: they are moved onto it."
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Compare ready-made heatmaps, from any tool, with masks and with one another."""
    check_there(heatmaps, folder=True)
    from xai_compare.comparison import wide

    scores, page = compare_heatmaps(
        heatmaps, masks, out, pattern=pattern, masks_name=masks_name, landmarks=landmarks, overwrite=overwrite
    )
    table = wide(scores, "iou", b=masks_name)
    show(table.reset_index(names="model"), "IoU of the thresholded mean map with the mask", digits=4)
    tell(f"Report: {page}")


def compare_heatmaps(
    folder: Path,
    masks: str | Path,
    out: Path,
    *,
    pattern: str = "{model}_{expression}_heatmap.png",
    masks_name: str = "ekman",
    landmarks: Path | None = None,
    overwrite: bool = False,
) -> tuple[pd.DataFrame, Path]:
    """Compare the heatmaps of a folder with masks and with one another.

    Args:
        folder: grey pictures, one per model and expression (and fold).
        masks: a folder of mask pictures, or ``"ekman"`` for those of the package.
        out: the directory for ``tables/``, ``figures/`` and ``report.html``.
        pattern: how the files are named.
        masks_name: what the tables call the masks.
        landmarks: a table of 68 points (columns ``landmark``, ``x``, ``y``, in pixels of the heatmaps) by which they
            are moved onto the standard face; without it they are compared as they are.
        overwrite: whether an earlier comparison in ``out`` may be replaced.

    Returns:
        The table of scores and the report's path.

    Raises:
        InputError: if files are missing, unreadable or of different sizes, or ``out`` holds something.
    """
    import pandas as pd

    from xai_compare import ekman, report
    from xai_compare.comparison import (
        DEFAULT_METRICS,
        NullModels,
        References,
        mask_scores,
        merges_table,
        null_table,
        pair_scores,
        read_heatmaps,
        with_mean_maps,
        with_nulls,
    )
    from xai_compare.faces import face_prior
    from xai_compare.runs import provenance
    from xai_compare.runs.store import content, write_tables

    read: Mapping[Any, Any] = read_heatmaps(folder, pattern)
    maps: dict[Any, Any] = dict(with_mean_maps(read if landmarks is None else on_standard_face(read, landmarks)))
    found: dict[str, Any] = ekman.masks() if str(masks) == "ekman" else ekman.read_masks(masks)
    if out.exists() and (not out.is_dir() or any(out.iterdir())) and not overwrite:
        raise InputError("is not an empty directory", where=out, hint="name another with --out, or --overwrite")
    scores = pd.concat([mask_scores(maps, found, b=masks_name), pair_scores(maps)], ignore_index=True)
    null_models = NullModels(face_prior(next(iter(maps.values())).shape), list(dict.fromkeys(key.a for key in maps)))
    nulls = null_table(maps, DEFAULT_METRICS, References(found, masks_name), None, null_models)
    scores = with_nulls(scores, nulls)
    merges = merges_table(maps)
    try:
        write_tables(out / "tables", scores=scores, merges=merges, nulls=nulls)
    except OSError as error:
        raise InputError(
            f"cannot be written to ({error.strerror})", where=out, hint="name another with --out"
        ) from None
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    facts = {
        "xai-compare": VERSION,
        "versions": provenance.versions(),
        "heatmaps": str(folder.resolve()),
        "masks": str(masks) if str(masks) == "ekman" else str(Path(masks).resolve()),
        "pattern": pattern,
        "landmarks": "" if landmarks is None else str(landmarks.resolve()),
        "inputs": {path.name: content(path) for path in files},
    }
    provenance.write(out / "provenance.json", facts)
    return scores, report.build_comparison(out, maps, found, scores, merges, title=f"Heatmaps of {folder.name}")


def on_standard_face(maps: Mapping[Any, np.ndarray], file: Path) -> dict[Any, np.ndarray]:
    """Move heatmaps ``(h, w)`` of one face onto the standard face, float32 ``(275, 224)``.

    Raises:
        InputError: if the table cannot be read, or is not one of the 68 landmarks of a face within the heatmaps.
    """
    import numpy as np
    import pandas as pd

    from xai_compare.faces import standardize

    try:
        table = pd.read_csv(file, sep=None, engine="python")
        points = table.set_index("landmark").loc[list(range(68))][["x", "y"]].to_numpy(np.float64)
    except (OSError, ValueError, KeyError, pd.errors.ParserError) as error:
        hint = "write the columns landmark (0 to 67), x and y, in pixels of the heatmaps"
        raise InputError(
            f"no table of 68 landmarks ({' '.join(str(error).split())[:80]})", where=file, hint=hint
        ) from None
    height, width = next(iter(maps.values())).shape
    if points.shape != (68, 2) or not np.isfinite(points).all():
        raise InputError("it does not name each of the 68 landmarks once", where=file, hint="landmark, x, y: 68 rows")
    middle = points.mean(0)
    if not (0 <= middle[0] < width and 0 <= middle[1] < height):
        what = (
            f"the face's middle, ({middle[0]:.0f}, {middle[1]:.0f}), lies outside heatmaps of {height} x {width} pixels"
        )
        raise InputError(what, where=file, hint="give the landmarks in pixels of the heatmaps")
    keys = list(maps)
    moved = standardize(np.stack([np.asarray(maps[key], np.float32) for key in keys]), np.stack([points] * len(keys)))
    return dict(zip(keys, moved, strict=True))
