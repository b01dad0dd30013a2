"""The sections of the emotion page: self-report against seen expression, and how well networks read both."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

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
from xai_compare.emotion.plan import PlanResult
from xai_compare.emotion.protocols import PROTOCOLS, partner
from xai_compare.report.data import PageData
from xai_compare.report.emotion import figures
from xai_compare.report.section import EMOTION_SECTIONS, BaseSection, RenderedSection
from xai_compare.report.style import FigureSpec
from xai_compare.report.table import Table, head_of_frame


@dataclass
class EmotionData(PageData):
    """Clips, and what a plan came to with them.

    Attributes:
        clips: as `read_clips` gives them.
        result: what was trained, if anything was.
        origin: ``"recorded"``, ``"simulated"`` or ``"partly simulated"``.
    """

    clips: Clips
    result: PlanResult | None
    origin: str

    def mark(self, table: pd.DataFrame) -> pd.DataFrame:
        """The table, with a column that says whether its data are recorded or simulated."""
        return table.assign(data=self.origin)

    def figure(self, name: str, title: str, what: str, figure: Figure) -> FigureSpec:
        """A figure of the page, kept as PNG."""
        return FigureSpec(name, title, what, "", figure, raster=True, simulated=self.clips.simulated)


@EMOTION_SECTIONS.register("gap")
class Gap(BaseSection[EmotionData]):
    """Which self-reports are seen as which expressions, how far both agree, and what the eyes have to do with it."""

    title = "Self-report and seen expression"
    order = 10

    def build(self, data: EmotionData) -> RenderedSection:
        clips = data.clips
        if not {"er", "fer"} <= set(clips.table):
            reason = "The gap is not described: it needs both labels, er and fer, in clips.csv."
            return RenderedSection(notices=[reason])
        shares = confusion(clips)
        what = (
            "Rows add up to 100 %. On the diagonal, others see what is reported. Where the seen expression was "
            "labelled by a machine and kept because it matched the self-report, the gap is understated."
        )
        drawn = figures.gap(shares[list(shares.index)], clips.simulated)
        notes = {
            "confusion": ("Gap", "Share of each self-report's clips."),
            "agreement": (
                "Agreement of self-report and seen expression",
                "Cohen's kappa is agreement beyond chance. Intervals are over people.",
            ),
            "eye_correlations": (
                "Eye features and classes",
                "The mean of each eye feature over a clip, correlated with each class. q is p after Benjamini-Hochberg "
                "correction over all rows. p treats the clips of one person as independent; the interval does not.",
            ),
        }
        tables = {"confusion": shares.rename_axis("self-report").reset_index(), "agreement": agreement(clips)}
        notices = []
        means, names = _eye_means(clips)
        if means is None:
            notices.append("Eye features are not correlated with the classes: not every clip has the same ones.")
        else:
            found = eye_correlations(clips, means, names)
            tables["eye_correlations"] = found.sort_values("q_pearson", kind="stable")
        return RenderedSection(
            [data.figure("gap", "The gap", what, drawn)], _shown(tables, notes), csv_tables=tables, notices=notices
        )


def _shown(tables: dict[str, pd.DataFrame], notes: dict[str, tuple[str, str]]) -> Sequence[Table]:
    return [head_of_frame(*notes[name], table) for name, table in tables.items()]


def _eye_means(clips: Clips) -> tuple[np.ndarray | None, tuple[str, ...]]:
    rows: list[np.ndarray] = []
    for clip in clips:
        if clip.eye is None or (rows and len(rows[0]) != clip.eye.shape[1]):
            return None, ()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # A feature without a sample is NaN, and left out later.
            rows.append(np.nanmean(clip.eye, axis=0))
    return np.array(rows, float), clips.eye_features


@EMOTION_SECTIONS.register("networks")
class Networks(BaseSection[EmotionData]):
    """Scores of every protocol and setting, differences between settings, and what each modality contributes."""

    title = "How well networks read both"
    order = 20

    def applies(self, data: EmotionData) -> bool:
        return data.result is not None

    def build(self, data: EmotionData) -> RenderedSection:
        assert data.result is not None
        drawn, parts, folds, gains = [], [], [], []
        for protocol, rows in _by_protocol(data.result.predictions):
            pooled = scores(rows, protocol, "pooled")
            parts += [pooled, scores(rows, protocol, "batches")]
            folds.append(fold_scores(rows, protocol))
            drawn.append(self._scores(data, protocol, rows, pooled))
            names = list(dict.fromkeys(rows["setting"]))
            if PROTOCOLS[protocol].kind == "classes":
                gains += [
                    {"protocol": protocol, "a": names[0], "b": b, **setting_difference(rows, names[0], b)}
                    for b in names[1:]
                ]
        tables = {
            "scores": pd.concat(parts, ignore_index=True),
            "fold_scores": pd.concat(folds, ignore_index=True),
        }
        if gains:
            tables["differences"] = pd.DataFrame(gains)
        shares = data.result.shares
        relies = (
            "How much a head relies on each modality: the modality is replaced by its mean over the training clips."
        )
        if len(shares):
            figure = figures.modalities(shares, data.clips.simulated)
            what = f"{relies} Below 0, the modality misleads the network."
            drawn.append(data.figure("modalities", "What each modality contributes", what, figure))
            tables["modality_share"] = shares
        notes = {
            "scores": (
                "Scores",
                "WAR is the share of correct answers, UAR the mean recall of the classes. `pooled` takes all clips "
                "together; `batches` averages over batches as the authors' program does, which by itself lowers the "
                "RMSE.",
            ),
            "fold_scores": ("Scores by fold", "How much the folds differ."),
            "differences": (
                "Differences between settings",
                "How much more often setting a is right than b, on the same clips. Intervals and p are over people.",
            ),
            "modality_share": ("What each modality contributes", relies),
        }
        return RenderedSection(drawn, _shown(tables, notes), csv_tables=tables)

    @staticmethod
    def _scores(data: EmotionData, protocol: str, rows: pd.DataFrame, pooled: pd.DataFrame) -> FigureSpec:
        classes = PROTOCOLS[protocol].kind == "classes"
        shown = pooled[pooled["metric"] == ("war" if classes else "rmse")].reset_index(drop=True)
        chance = rows["label"].value_counts(normalize=True).iloc[0] if classes else None
        what = "Each clip is classified by a network that was not trained on its fold."
        if classes:
            what += " The dotted line is the score of always answering the most frequent class."
        title = PROTOCOLS[protocol].title
        figure = figures.scores(shown, protocol, chance, data.clips.simulated)
        return data.figure(f"scores_{protocol}", f"{title[0].upper()}{title[1:]}", what, figure)


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
