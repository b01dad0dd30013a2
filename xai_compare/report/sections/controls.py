"""Further controls of faithfulness: edges, the face prior, another picture's map."""

from __future__ import annotations

from typing import Any

import numpy as np

from xai_compare.report.data import ReportData, pretty
from xai_compare.report.labels import counted, share
from xai_compare.report.section import SECTIONS, Section
from xai_compare.report.sections.faithfulness import beside_control
from xai_compare.report.table import Cell, Table

_NAMES = {
    "deletion": "Deletion ↓",
    "insertion": "Insertion ↑",
    "infidelity": "Infidelity ↓",
    "known_auc": "Region, AUC ↑",
    "known_energy": "Region, share ↑",
}


@SECTIONS.register("controls")
class Controls(Section):
    """Each explainer's scores beside those of maps that ignore what the network sees in the picture."""

    title = "Do the maps beat simple alternatives?"
    lead = (
        "Random maps are easy to beat. The edges of the picture, a map of where faces usually are, and the explainer’s "
        "map of another picture are harder, though they ignore what the network sees in this picture."
    )
    order = 85
    papers = (
        "J. Adebayo and others (2018). Sanity checks for saliency maps. (Edge detectors as a control.)",
        "A. Binder and others (2023). Shortcomings of top-down randomization-based sanity checks for evaluations of "
        "deep neural network explanations. CVPR.",
    )

    def applies(self, data: ReportData) -> bool:
        return not data.table("faithfulness_controls").empty

    def findings(self, data: ReportData) -> list[str]:
        table = data.table("faithfulness_controls")
        tests = table[table["p_adjusted"].notna()]
        if tests.empty:
            return []
        counts = []
        for control, rows in tests.groupby("control", sort=False):
            verdicts = [_verdict(row) for row in rows.to_dict("records")]
            better, worse = (sum(one == side for one in verdicts) for side in (1, -1))
            also = f" (worse in {worse})" if worse else ""
            counts.append(f"{share(better, len(verdicts), 'test')} against the {control}{also}")
        untested = len(table) - len(tests)
        rest = f" {counted(untested, 'comparison').capitalize()} could not be tested." if untested else ""
        return [
            "The explainers’ maps are significantly better, corrected for all these tests, in "
            f"{', '.join(counts)}.{rest}"
        ]

    def tables(self, data: ReportData) -> list[Table]:
        table = data.table("faithfulness_controls")
        scores = [score for score in _NAMES if score in set(table["score"])]
        rows = []
        for (model, explainer, control), some in table.groupby(["model", "explainer", "control"], sort=False):
            by = {str(row["score"]): row for row in some.to_dict("records")}
            cells = [beside_control(by[score], _verdict(by[score])) if score in by else Cell("–") for score in scores]
            rows.append([Cell(f"{model} · {pretty(str(explainer))}"), Cell(str(control)), *cells])
        columns = ["source", "control", *(_NAMES[score] for score in scores)]
        note = (
            "Each cell: the explainer’s maps | the control’s. Bold: better than the control, p < 0.05 corrected for "
            "all tests of this table (Holm). ×: worse by the same rule; neither: not shown. ↓: low is faithful; ↑: "
            "high is."
        )
        return [
            Table(
                "Faithfulness compared with further controls", columns, rows, range(2, len(columns)), note, folded=True
            )
        ]


def _verdict(row: dict[Any, Any]) -> int:
    """1 where the maps are shown to be better than the control, -1 where worse, 0 where neither is shown."""
    if not (float(row["p_adjusted"]) < 0.05 and np.isfinite(float(row["difference"]))):
        return 0
    return int(np.sign(float(row["difference"]))) * (-1 if row["better"] == "low" else 1)
