"""Ready-made heatmaps, from any tool: compared with masks and with one another."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from xai_compare import __version__, ekman, report
from xai_compare.comparison import mask_scores, merges_table, pair_scores, read_heatmaps, with_mean_maps
from xai_compare.errors import InputError
from xai_compare.runs import provenance
from xai_compare.runs.scoring import write_tables


def compare_heatmaps(
    folder: Path,
    masks: str | Path,
    out: Path,
    *,
    pattern: str = "{model}_{expression}_heatmap.png",
    masks_name: str = "ekman",
    overwrite: bool = False,
) -> tuple[pd.DataFrame, Path]:
    """Compare the heatmaps of a folder with masks and with one another.

    Args:
        folder: grey pictures, one per model and expression (and fold).
        masks: a folder of mask pictures, or ``"ekman"`` for those of the package.
        out: the directory for ``tables/``, ``figures/`` and ``report.html``.
        pattern: how the files are named.
        masks_name: what the tables call the masks.
        overwrite: whether an earlier comparison in ``out`` may be replaced.

    Returns:
        The table of scores and the report's path.

    Raises:
        InputError: if files are missing, unreadable or of different sizes, or ``out`` holds something.
    """
    maps: dict[Any, Any] = dict(with_mean_maps(read_heatmaps(folder, pattern)))
    found: dict[str, Any] = ekman.masks() if str(masks) == "ekman" else ekman.read_masks(masks)
    if out.exists() and (not out.is_dir() or any(out.iterdir())) and not overwrite:
        raise InputError("is not an empty directory", where=out, mend="name another with --out, or --overwrite")
    scores = pd.concat([mask_scores(maps, found, b=masks_name), pair_scores(maps)], ignore_index=True)
    merges = merges_table(maps)
    try:
        write_tables(out / "tables", scores=scores, merges=merges)
    except OSError as error:
        raise InputError(
            f"cannot be written to ({error.strerror})", where=out, mend="name another with --out"
        ) from None
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    facts = {
        "xai-compare": __version__,
        "versions": provenance.versions(),
        "heatmaps": str(folder.resolve()),
        "masks": str(masks) if str(masks) == "ekman" else str(Path(masks).resolve()),
        "pattern": pattern,
        "inputs": {path.name: provenance.sha256(path) for path in files},
    }
    provenance.write(out / "provenance.json", facts)
    return scores, report.build_comparison(out, maps, found, scores, merges, title=f"Heatmaps of {folder.name}")
