"""How well maps agree with the masks: the IoU of every network and expression."""

from __future__ import annotations

import pandas as pd

from xai_compare.report.data import ReportData
from xai_compare.report.labels import counted
from xai_compare.report.ranking import baseline_sentence, beside_baseline, ranking_sentence
from xai_compare.report.references import EKMAN_FRIESEN, GAYA_MOREY_2024
from xai_compare.report.score_table import ScoreTable, ranking, score_frame, score_listings, score_tables
from xai_compare.report.section import SECTIONS, Headline, Section
from xai_compare.report.table import Table


@SECTIONS.register("iou")
class MaskScores(Section):
    """The IoU of every network and expression with the masks, as Table 3 of Gaya-Morey et al. 2024."""

    title = "Scores against the masks"
    lead = (
        "Intersection over union (IoU) of each mean map, cut at Otsu's threshold, with the mask of its expression: 1 "
        "if both cover the same places, 0 if they share none. Bold: the highest value of a column among an explainer's "
        "networks."
    )
    order = 40

    def applies(self, data: ReportData) -> bool:
        return bool(_tables(data))

    def tables(self, data: ReportData) -> list[Table]:
        masks = "Ekman masks" if data.mask_title == "Ekman mask" else "masks"
        return score_listings(_tables(data), data, f"IoU with the {masks}")

    def csv_tables(self, data: ReportData) -> dict[str, pd.DataFrame]:
        return {"iou_table": score_frame(_tables(data), data)}

    def headlines(self, data: ReportData) -> list[Headline]:
        ranks = ranking(_tables(data))
        if not ranks:
            return []
        best = ranks[0]
        top = "The highest mean" if len(ranks) > 1 else "The mean"
        sentences = [
            f"{top} IoU with the {data.mask_title}s is {best[1]:.2f} (mean over "
            f"{counted(len(best[2]), 'expression')}; 1: the same places, 0: none shared).",
            ranking_sentence(
                data, "iou", data.mask_name, [(name, mean) for name, mean, _ in ranks], "agrees best with the masks"
            ),
            baseline_sentence(data, "iou", data.mask_name, best[0], best[2]),
        ]
        sentence = " ".join(part for part in sentences if part)
        label = f"{top.removeprefix('The ').capitalize()} IoU with the masks"
        beside = beside_baseline(data, "iou", data.mask_name, best[0], best[2])
        return [Headline(f"{best[1]:.2f}", label, sentence, beside=beside)]

    def references(self, data: ReportData) -> list[str]:
        return [GAYA_MOREY_2024] + ([EKMAN_FRIESEN] if data.ekman else [])


def _tables(data: ReportData) -> list[ScoreTable]:
    return score_tables(data, "iou", data.mask_name)
