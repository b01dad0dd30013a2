"""How well maps agree with the masks: the IoU of every network and expression."""

from __future__ import annotations

import pandas as pd

from xai_compare.report.labels import counted
from xai_compare.report.listing import Listing
from xai_compare.report.material import Material
from xai_compare.report.references import EKMAN_FRIESEN, GAYA_MOREY_2024
from xai_compare.report.score_table import ScoreTable, ranking, score_frame, score_listings, score_tables
from xai_compare.report.section import SECTIONS, Headline, Section
from xai_compare.report.telling import beside_floor, ranked


@SECTIONS.named("iou")
class MaskScores(Section):
    """The IoU of every network and expression with the masks, as Table 3 of Gaya-Morey et al. 2024."""

    title = "Scores against the masks"
    lead = (
        "Intersection over union (IoU) of each mean map, cut at Otsu's threshold, with the mask of its expression: 1 "
        "if both cover the same places, 0 if they share none. Bold is the highest of a "
        "column among an explainer's networks."
    )
    order = 40

    def applies(self, material: Material) -> bool:
        return bool(_tables(material))

    def listings(self, material: Material) -> list[Listing]:
        masks = "Ekman masks" if material.mask_title == "Ekman mask" else "masks"
        return score_listings(_tables(material), material, f"IoU with the {masks}")

    def files(self, material: Material) -> dict[str, pd.DataFrame]:
        return {"iou_table": score_frame(_tables(material), material)}

    def headlines(self, material: Material) -> list[Headline]:
        ranks = ranking(_tables(material))
        if not ranks:
            return []
        best = ranks[0]
        sentences = [
            f"The highest mean IoU with the {material.mask_title}s is {best[1]:.2f} (mean over "
            f"{counted(best[2], 'expression')}; 1 would be the same places, 0 none shared).",
            ranked(material, "iou", material.mask_name, [name for name, *_ in ranks], "comes nearest to the masks"),
            beside_floor(material, "iou", material.mask_name, best[0]),
        ]
        sentence = " ".join(part for part in sentences if part)
        return [Headline(f"{best[1]:.2f}", "Highest mean IoU with the masks", sentence)]

    def references(self, material: Material) -> list[str]:
        return [GAYA_MOREY_2024] + ([EKMAN_FRIESEN] if material.ekman else [])


def _tables(material: Material) -> list[ScoreTable]:
    return score_tables(material, "iou", material.mask_name)
