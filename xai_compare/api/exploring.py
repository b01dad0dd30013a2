"""Make the page to explore, of a run or of ready-made heatmaps."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

from xai_compare.api.comparing import PATTERN, compared
from xai_compare.errors import InputError

if TYPE_CHECKING:
    from xai_compare.runs import Run

NAME = "explore.html"
_OURS = b'name="generator" content="xai-compare'


def explore(
    source: Run | str | Path,
    out: str | Path | None = None,
    *,
    with_pictures: bool = False,
    masks: str | Path = "ekman",
    pattern: str = PATTERN,
    masks_name: str = "ekman",
    landmarks: str | Path | None = None,
) -> Path:
    """Write ``explore.html``: a run, or ready-made heatmaps, to look at with the mouse or the keyboard, offline.

    Args:
        source: a run or its directory, what ``xai-compare compare`` wrote, or a folder of grey heatmaps.
        out: the file to write; by default ``explore.html`` in the run's directory or beside the comparison's report,
            and for a folder of heatmaps in the current directory.
        with_pictures: whether photographs are put into a run's page; rendered faces always are.
        masks, pattern, masks_name, landmarks: for a folder of heatmaps, as `xai_compare.compare` takes them.

    Returns:
        The path of the page.

    Raises:
        InputError: if there is neither a finished run nor a heatmap, or ``out`` is a file of another kind.
    """
    from xai_compare.report import explore as pages
    from xai_compare.runs import Run

    if isinstance(source, Run):
        return pages.build(source, _place(out or source.dir / NAME), with_pictures=with_pictures)
    folder = Path(source)
    if (folder / "study.yaml").is_file():
        return explore(Run.open(folder), out, with_pictures=with_pictures)
    report = ""
    if (folder / "provenance.json").is_file() and (folder / "tables").is_dir():
        facts = facts_of(folder)
        report = "" if out else "report.html"
        out, folder, masks = out or folder / NAME, Path(facts["heatmaps"]), facts["masks"]
        pattern, landmarks, masks_name = facts["pattern"], facts["landmarks"], facts["masks_name"]
    place = _place(out or NAME)
    made = compared(folder, masks, pattern, masks_name, landmarks or None)
    title = f"Heatmaps of {folder.resolve().name}"
    return pages.build_heatmaps(place, made.maps, made.masks, made.scores, title, report=report)


def facts_of(folder: Path) -> dict[str, str]:
    """What a comparison says of its heatmaps."""
    import pandas as pd

    try:
        facts = json.loads((folder / "provenance.json").read_bytes())
        scores = pd.read_parquet(folder / "tables" / "scores.parquet")
        known = scores.loc[scores["metric"] == "iou", "b"]
        named = {"masks_name": "ekman" if known.empty else str(known.iloc[0])}
        return named | {key: str(facts[key]) for key in ("heatmaps", "masks", "pattern", "landmarks")}
    except (OSError, ValueError, KeyError, TypeError):
        hint = "name a run directory, or a folder of heatmaps"
        raise InputError("is neither a finished run nor a comparison", where=folder, hint=hint) from None


def _place(path: str | Path) -> Path:
    """Where the page goes; a file there that is none of ours stays."""
    path = Path(path)
    if path.is_dir():
        raise InputError("is a folder", where=path, hint=f"name a file, such as {path / NAME}")
    if path.is_file():
        with path.open("rb") as file:
            ours = _OURS in file.read(4096)
        if not ours:
            raise InputError("holds something else", where=path, hint="name another file with --out")
    return path
