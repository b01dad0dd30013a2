"""Everything that clips came to, written into one directory: tables, figures and a page."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from xai_compare.emotion import (
    agreement,
    as_protocol,
    confusion,
    eye_correlations,
    fold_scores,
    scores,
    setting_difference,
)
from xai_compare.emotion.clips import Clips
from xai_compare.emotion.plan import PLAN, Plan, PlanResult, run_plan
from xai_compare.emotion.protocols import CAUTION, PROTOCOLS, partner
from xai_compare.errors import InputError
from xai_compare.report import embedding, style
from xai_compare.report.emotion import figures
from xai_compare.report.figure_files import save_png
from xai_compare.runs.progress import Progress, Silent
from xai_compare.version import VERSION

_OURS = ("tables", "figures", "trained", PLAN, "summary.html")


@dataclass
class _Contents:
    """What goes on the page, and into files."""

    simulated: bool
    tables: dict[str, tuple[str, str, pd.DataFrame]] = field(default_factory=dict)
    figures: dict[str, tuple[str, Figure]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


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
    out, contents = Path(out), _Contents(clips.simulated)
    strange = sorted(one.name for one in out.iterdir() if one.name not in _OURS) if out.is_dir() else []
    if strange:
        raise InputError(f"the directory holds {strange[0]!r}, which is not of ours", where=out, hint="name another")
    for name in ("tables", "figures"):
        (out / name).mkdir(parents=True, exist_ok=True)
    _gap(clips, contents)
    carried = None if plan is None else run_plan(clips, plan, out, (progress or Silent()).stage)
    if carried is not None:
        _networks(carried, contents)
    some = "simulated" in clips.table and bool(clips.table["simulated"].astype(bool).any())
    if some and not clips.simulated:
        contents.notes.append("Some of these clips are simulated: no number here is about people alone.")
    data = "simulated" if clips.simulated else "partly simulated" if some else "recorded"
    for name, (_, _, table) in contents.tables.items():
        table.assign(data=data).to_csv(out / "tables" / f"{name}.csv", index=False)
    for name, (_, figure) in contents.figures.items():
        with style.styled():
            save_png(figure, out / "figures" / f"{name}.png")
    (out / "summary.html").write_text(_page(clips, out, contents, carried), "utf-8")
    if "scores" not in contents.tables:
        return pd.DataFrame(columns=["setting", "protocol", "averaging", "metric", "value", "ci_low", "ci_high"])
    table = contents.tables["scores"][2]
    return table[table["averaging"] == "pooled"].reset_index(drop=True)


def _gap(clips: Clips, contents: _Contents) -> None:
    if not {"er", "fer"} <= set(clips.table):
        contents.notes.append("The gap is not described: it needs both labels, er and fer, in clips.csv.")
        return
    shares = confusion(clips)
    words = (
        "Rows add up to 100 %. On the diagonal others see what is reported. Where the seen expression was labelled by "
        "a machine and kept because it matched the self-report, the gap is understated."
    )
    with style.styled():
        contents.figures["gap"] = (words, figures.gap(shares[list(shares.index)], contents.simulated))
    contents.tables["confusion"] = ("Gap", words, shares.rename_axis("self-report").reset_index())
    words = "Cohen's kappa is agreement beyond chance. Intervals are over people."
    contents.tables["agreement"] = ("Agreement of self-report and seen expression", words, agreement(clips))
    means, names = _eye_means(clips)
    if means is None:
        contents.notes.append("Eye features are not correlated with the classes: not every clip has the same ones.")
        return
    found = eye_correlations(clips, means, names).sort_values("q_pearson", kind="stable")
    words = (
        "The mean of each eye feature over a clip against each class. q is the Benjamini-Hochberg value of p over all "
        "rows; p takes clips of one person as independent, the interval does not."
    )
    contents.tables["eye_correlations"] = ("Eye features and classes", words, found)


def _eye_means(clips: Clips) -> tuple[np.ndarray | None, tuple[str, ...]]:
    rows: list[np.ndarray] = []
    for clip in clips:
        if clip.eye is None or (rows and len(rows[0]) != clip.eye.shape[1]):
            return None, ()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # A feature without a sample is NaN, and left out later.
            rows.append(np.nanmean(clip.eye, axis=0))
    return np.array(rows, float), clips.eye_features


def _networks(carried: PlanResult, contents: _Contents) -> None:
    parts, folds, gains = [], [], []
    for protocol, held in _by_protocol(carried.predictions):
        parts += [scores(held, protocol, averaging) for averaging in ("pooled", "batches")]
        folds.append(fold_scores(held, protocol))
        classes = PROTOCOLS[protocol].kind == "classes"
        names = list(dict.fromkeys(held["setting"]))
        if classes:
            gains += [
                {"protocol": protocol, "a": names[0], "b": b, **setting_difference(held, names[0], b)}
                for b in names[1:]
            ]
        metric = "war" if classes else "rmse"
        shown = parts[-2][parts[-2]["metric"] == metric].reset_index(drop=True)
        chance = held["label"].value_counts(normalize=True).iloc[0] if classes else None
        with style.styled():
            drawn = figures.scores(shown, protocol, chance, contents.simulated)
        words = "Each clip is judged by the network that never saw its fold. The dotted line knows no picture at all."
        contents.figures[f"scores_{protocol}"] = (words if classes else words.split(" The dotted")[0], drawn)
    words = (
        "WAR is the share right, UAR the mean recall of the classes. `pooled` takes all clips together, `batches` "
        "averages over batches as the authors' program does, which lowers the RMSE by itself."
    )
    contents.tables["scores"] = ("Scores", words, pd.concat(parts, ignore_index=True))
    contents.tables["fold_scores"] = ("Folds apart", "How much folds differ.", pd.concat(folds, ignore_index=True))
    if gains:
        words = "How much more often setting a is right than b, on the same clips. Intervals and p are over people."
        contents.tables["differences"] = ("Differences between settings", words, pd.DataFrame(gains))
    if len(carried.shares):
        words = "How much a head leans on each modality: it is replaced by its mean over the training clips."
        with style.styled():
            drawn = figures.modalities(carried.shares, contents.simulated)
        contents.figures["modalities"] = (words + " Below 0 a modality misleads.", drawn)
        contents.tables["modality_share"] = ("What each modality contributes", words, carried.shares)


def _by_protocol(predictions: pd.DataFrame) -> list[tuple[str, pd.DataFrame]]:
    """The predictions of each protocol; of a head that was trained beside, unless its own protocol was trained too."""
    found = {str(name): part for name, part in predictions.groupby("protocol", sort=False)}
    for name in list(found):
        beside = partner(PROTOCOLS[name])
        if beside.name in found or f"{beside.head}_label" not in found[name]:
            continue
        part = found[name]
        part = part[part[f"{beside.head}_label"].notna()]
        if len(part):
            found[beside.name] = as_protocol(part, beside.name)
    return [(name, part[part["label"].notna() & (part["label"] != -1)]) for name, part in found.items()]


def _page(clips: Clips, out: Path, contents: _Contents, carried: PlanResult | None) -> str:
    people = len(set(clips.people.tolist()))
    written = sorted(str(f.relative_to(out)) for part in ("tables", "figures") for f in (out / part).iterdir())
    return embedding.template("emotion/page.html").render(
        title=out.resolve().name,
        version=VERSION,
        css=embedding.css(),
        simulated=clips.simulated,
        caution=CAUTION,
        read=f"{len(clips):,} clips of {people} people. The gaze is the filmed person's, on the video that was shown.",
        notes=contents.notes,
        figures=[embedding.figure(name, drawn, words) for name, (words, drawn) in contents.figures.items()],
        tables=[embedding.table(*one) for one in contents.tables.values()],
        networks=_sources(carried.networks) if carried is not None else "",
        written=written,
    )


def _sources(networks: list[Path]) -> str:
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
