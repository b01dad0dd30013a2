"""Compare ready-made heatmaps, from any tool, with masks and with one another."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from xai_compare.errors import InputError
from xai_compare.files import FULL
from xai_compare.inventory import check_replaceable, staged
from xai_compare.version import VERSION

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

PATTERN = "{model}_{expression}_heatmap.png"


class Comparison(NamedTuple):
    """What was compared, and the tables that came of it."""

    maps: dict[Any, np.ndarray]
    masks: dict[str, np.ndarray]
    scores: pd.DataFrame
    nulls: pd.DataFrame
    merges: pd.DataFrame


def compare(
    heatmaps: str | Path | Mapping[tuple[str, ...], np.ndarray],
    masks: str | Path | Mapping[str, np.ndarray] = "ekman",
    *,
    pattern: str = PATTERN,
    masks_name: str = "ekman",
    landmarks: str | Path | None = None,
) -> pd.DataFrame:
    """Compare heatmaps with masks and with one another.

    Args:
        heatmaps: a folder of grey pictures, one per model and expression (and fold), or maps ``(h, w)`` by
            ``(model, expression)`` or ``(model, expression, fold)``.
        masks: ``"ekman"`` for those of the package, a folder of mask pictures, or masks ``(h, w)`` by expression.
        pattern: how the files of a folder are named.
        masks_name: what the table calls the masks.
        landmarks: a table of 68 points (columns ``landmark``, ``x``, ``y``, in pixels of the heatmaps) by which they
            are moved onto the standard face; without it they are compared as they are.

    Returns:
        Scores with their nulls: metric, a, b, expression, fold, value, n, note, floor, ...

    Raises:
        InputError: if files are missing, unreadable or of different sizes.

    >>> import numpy as np
    >>> face = np.zeros((275, 224), np.float32)
    >>> face[150:200, 60:160] = 1
    >>> scores = compare({("mine", "happiness"): face}, {"happiness": face > 0}, masks_name="mouth")
    >>> scores.loc[scores.metric == "iou", ["a", "b", "value"]].to_string(index=False)
    '   a     b  value\\nmine mouth    1.0'
    """
    return compared(heatmaps, masks, pattern, masks_name, landmarks).scores


def write_comparison(
    heatmaps: Path,
    masks: str | Path,
    out: Path,
    *,
    pattern: str = PATTERN,
    masks_name: str = "ekman",
    landmarks: Path | None = None,
    overwrite: bool = False,
) -> tuple[pd.DataFrame, Path]:
    """Compare the heatmaps of a folder as `compare` does; write ``tables/``, ``figures/`` and ``report.html``.

    Returns:
        The table of scores and the report's path.

    Raises:
        InputError: as `compare`, or if ``out`` holds something and ``overwrite`` is not said.
    """
    from xai_compare import report
    from xai_compare.runs import provenance
    from xai_compare.runs.store import content, write_tables

    if out.exists() and (not out.is_dir() or any(out.iterdir())) and not overwrite:
        raise InputError("is not an empty directory", where=out, hint="name another with --out, or --overwrite")
    check_replaceable(out)
    made = compared(heatmaps, masks, pattern, masks_name, landmarks)
    facts = {
        "xai-compare": VERSION,
        "versions": provenance.versions(),
        "heatmaps": str(heatmaps.resolve()),
        "masks": str(masks) if str(masks) == "ekman" else str(Path(masks).resolve()),
        "pattern": pattern,
        "landmarks": "" if landmarks is None else str(landmarks.resolve()),
        "inputs": {path.name: content(path) for path in sorted(heatmaps.rglob("*")) if path.is_file()},
    }
    try:
        with staged(out, overwrite=overwrite) as folder:
            write_tables(folder / "tables", scores=made.scores, merges=made.merges, nulls=made.nulls)
            provenance.write(folder / "provenance.json", facts)
            title = f"Heatmaps of {heatmaps.name}"
            report.build_comparison(folder, made.maps, made.masks, made.scores, made.merges, title=title)
    except OSError as error:
        if error.errno in FULL:
            raise
        what = f"cannot be written to ({error.strerror})"
        raise InputError(what, where=out, hint="name another with --out") from None
    return made.scores, out / "report.html"


def compared(heatmaps: Any, masks: Any, pattern: str, masks_name: str, landmarks: str | Path | None) -> Comparison:
    import pandas as pd

    from xai_compare import comparison as cmp
    from xai_compare import ekman
    from xai_compare.faces import face_prior

    if isinstance(heatmaps, Mapping):
        read = {cmp.MapKey(*key, *["all"][: 3 - len(key)]): values for key, values in heatmaps.items()}
    else:
        read = cmp.read_heatmaps(heatmaps, pattern)
    maps: dict[Any, Any] = dict(cmp.with_mean_maps(read if landmarks is None else on_standard_face(read, landmarks)))
    if isinstance(masks, Mapping):
        by_expression = dict(masks)
    else:
        by_expression = ekman.masks() if str(masks) == "ekman" else ekman.read_masks(masks)
    parts = [cmp.mask_scores(maps, by_expression, b=masks_name), cmp.pair_scores(maps)]
    null_models = cmp.NullModels(
        face_prior(next(iter(maps.values())).shape), list(dict.fromkeys(key.a for key in maps))
    )
    nulls = cmp.null_table(maps, cmp.DEFAULT_METRICS, cmp.References(by_expression, masks_name), None, null_models)
    scores = cmp.with_nulls(pd.concat(parts, ignore_index=True), nulls)
    return Comparison(maps, by_expression, scores, nulls, cmp.merges_table(maps))


def on_standard_face(maps: Mapping[Any, np.ndarray], file: str | Path) -> dict[Any, np.ndarray]:
    """Move heatmaps ``(h, w)`` of one face onto the standard face, float32 ``(275, 224)``.

    Raises:
        InputError: if the table cannot be read, or is not one of the 68 landmarks of a face within the heatmaps.
    """
    import numpy as np
    import pandas as pd

    from xai_compare.data_files import read_delimited
    from xai_compare.faces import standardize

    try:
        table = read_delimited(Path(file)).apply(pd.to_numeric)
        points = table.set_index("landmark").loc[list(range(68))][["x", "y"]].to_numpy(np.float64)
    except (InputError, ValueError, KeyError, OverflowError) as error:
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
