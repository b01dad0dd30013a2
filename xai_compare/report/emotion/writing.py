"""Everything that clips came to, written into one directory: tables, figures and a page."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from xai_compare.emotion.clips import Clips
from xai_compare.emotion.plan import PLAN, Plan, run_plan
from xai_compare.emotion.protocols import CAUTION
from xai_compare.errors import InputError
from xai_compare.files import refuse_links
from xai_compare.inventory import LIST, listed
from xai_compare.report.builder import build_sections
from xai_compare.report.emotion.sections import EmotionData
from xai_compare.report.page import write_page
from xai_compare.report.section import EMOTION_SECTIONS
from xai_compare.runs.progress import Progress, Silent
from xai_compare.version import VERSION

_OURS = (LIST, "tables", "figures", "trained", PLAN, "summary.html")


def write(clips: Clips, out: str | Path, plan: Plan | None = None, progress: Progress | None = None) -> pd.DataFrame:
    """Describe the gap of a set of clips, train and test the networks of a plan, and write all that came of it.

    Args:
        clips: as `read_clips` gives them.
        out: the directory: ``tables/``, ``figures/``, ``trained/``, ``summary.html``. A plan that was stopped goes on.
        plan: what is trained; nothing if None, so that only the gap is described.
        progress: is told what is done.

    Returns:
        The pooled scores, as `scores` gives them; without rows if nothing was trained.

    Raises:
        InputError: as `run_plan`; if the directory holds anything else, such as a run.
    """
    out = Path(out)
    refuse_links(out)
    strange = sorted(file.name for file in out.iterdir() if file.name not in _OURS) if out.is_dir() else []
    if strange:
        raise InputError(f"the directory holds {strange[0]!r}, which is not of ours", where=out, hint="name another")
    with listed(out):
        return _write(clips, out, plan, progress)


def _write(clips: Clips, out: Path, plan: Plan | None, progress: Progress | None) -> pd.DataFrame:
    result = None if plan is None else run_plan(clips, plan, out, (progress or Silent()).stage)
    some = "simulated" in clips.table and bool(clips.table["simulated"].astype(bool).any())
    origin = "simulated" if clips.simulated else "partly simulated" if some else "recorded"
    left_out: list[str] = []
    sections = build_sections(EmotionData(clips, result, origin), out, left_out, EMOTION_SECTIONS)
    mixed = "Some of these clips are simulated: no number here is about people alone."
    people = len(set(clips.people.tolist()))
    write_page(
        out / "summary.html",
        "emotion/page.html",
        sections,
        title=out.resolve().name,
        kind=f"Self-report and seen expression, by xai-compare {VERSION}",
        notices=[mixed] if origin == "partly simulated" else [],
        left_out=left_out,
        simulated=clips.simulated,
        caution=CAUTION,
        read=f"{len(clips):,} clips of {people} people. The gaze is the filmed person's, on the video that was shown.",
        networks=_study_lines(result.networks) if result is not None else "",
        written=sorted(str(file.relative_to(out)) for name in ("tables", "figures") for file in (out / name).iterdir()),
    )
    table = next((section.csv_tables["scores"] for section in sections if "scores" in section.csv_tables), None)
    if table is None:
        return pd.DataFrame(columns=["setting", "protocol", "averaging", "metric", "value", "ci_low", "ci_high"])
    return table[table["averaging"] == "pooled"].reset_index(drop=True)


def _study_lines(networks: list[Path]) -> str:
    """The lines of a study that take the heads of the first network as sources."""
    if not networks:
        return ""
    place = networks[0].resolve()
    lines = [
        f'  - {{name: emert-{head}, factory: "xai_compare.emotion.saving:saved_head", '
        f"options: {{folder: {place}, head: {head}}}}}"
        for head in ("er", "fer")
    ]
    return "\n".join(["models:", *lines])


def check_only_gap(clips: Clips) -> None:
    """Check that there is a gap to describe, where nothing else is asked for.

    Raises:
        InputError: if a label is missing.
    """
    for name in ("er", "fer"):
        if name not in clips.table:
            raise InputError(f"there is no column {name!r}", where=clips.where, hint="the gap needs both labels")
