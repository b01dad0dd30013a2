"""How well maps agree with the masks: the IoU of every network and expression."""

from __future__ import annotations

import pandas as pd

from xai_compare.report.labels import counted, who
from xai_compare.report.listing import Listing
from xai_compare.report.material import Material
from xai_compare.report.references import EKMAN_FRIESEN, GAYA_MOREY_2024
from xai_compare.report.score_figure import score_table_figure
from xai_compare.report.score_table import ScoreTable, ranking, score_frame, score_listings, score_tables
from xai_compare.report.section import SECTIONS, Headline, Section
from xai_compare.report.style import Picture


@SECTIONS.named("iou")
class MaskScores(Section):
    """The IoU of every network and expression with the masks, as Table 3 of Gaya-Morey et al. 2024."""

    title = "Scores against the masks"
    lead = "Intersection over union (IoU) of each mean map with the mask of its expression."
    order = 40

    def applies(self, material: Material) -> bool:
        return bool(_tables(material))

    def figures(self, material: Material) -> list[Picture]:
        tables = _tables(material)
        people = " People stand below the average and do not enter it." if len(tables[-1].references) else ""
        return [
            score_table_figure(
                tables,
                material,
                name="iou_table",
                title="How well maps agree with the masks (IoU)",
                subtitle="Mean maps cut at Otsu's threshold; 1 = same places, 0 = none shared; bold = best of column",
                what="Each number says how far the places a network uses for an expression overlap with the mask of "
                "that expression. They are scores of mean maps, recomputed here.",
                how="Read along a row to see for which expressions a network looks where theory looks; read down a "
                f"column to compare networks. Averages leave out undefined values (–).{people}",
            )
        ]

    def listings(self, material: Material) -> list[Listing]:
        masks = "Ekman masks" if material.mask_title == "Ekman mask" else "masks"
        return score_listings(_tables(material), material, f"IoU with the {masks}")

    def files(self, material: Material) -> dict[str, pd.DataFrame]:
        return {"iou_table": score_frame(_tables(material), material)}

    def headlines(self, material: Material) -> list[Headline]:
        ranks = ranking(_tables(material))
        if not ranks:
            return []
        best, worst = ranks[0], ranks[-1]
        sentence = (
            f"{who(material, best[0])} comes nearest to the {material.mask_title}s, with an IoU of {best[1]:.2f} "
            f"(mean over {counted(best[2], 'expression')}; 1 would be the same places, 0 none shared)"
        )
        if len(ranks) > 1:
            sentence += f"; {who(material, worst[0])} is farthest from them, with {worst[1]:.2f}"
        return [Headline(f"{best[1]:.2f}", "Nearest to the masks (mean IoU)", f"{sentence}.")]

    def references(self, material: Material) -> list[str]:
        return [GAYA_MOREY_2024] + ([EKMAN_FRIESEN] if material.ekman else [])


def _tables(material: Material) -> list[ScoreTable]:
    return score_tables(material, "iou", material.mask_name)
