"""Papers that more than one section cites, and the cautions of every report."""

from __future__ import annotations

import re
from collections.abc import Iterable

from xai_compare.report.data import ReportData

GAYA_MOREY_2024 = (
    "F. X. Gaya-Morey, S. Ramis-Guarinos, C. Manresa-Yee, J. M. Buades-Rubio (2024). Unveiling the human-like "
    "similarities of automatic facial expression recognition: an empirical exploration through explainable AI. "
    "(Standard face, heatmaps, Ekman masks, IoU, dendrograms.)"
)

EKMAN_FRIESEN = (
    "P. Ekman, W. V. Friesen: the Facial Action Coding System and EMFACS. (Which action units belong to which "
    "expression.)"
)

_ALWAYS = (
    "A facial expression is not a feeling. Faces move for many reasons, and the same feeling shows differently in "
    "different people, cultures and situations (Barrett et al. 2019). Neither these networks nor this report can show "
    "what someone feels, intends or is.",
    "Do not use the tool, or scores from it, to judge individuals: not for hiring, schooling, policing, border "
    "control, insurance, lie detection, diagnosis or surveillance. In some places the law forbids inferring the "
    "emotions of people at work or at school.",
    "Means hide differences between people and between pictures. Check who the faces and the observers are before "
    "speaking of people in general.",
)
_NETWORKS = (
    "A network that attends to the same places as people or masks does not necessarily decide as people do, nor is it "
    "necessarily right; one that attends elsewhere is not necessarily wrong. Agreement of maps is agreement of places.",
    "A heatmap is what an explainer says about a network. Explainers differ and err; look at the known regions, "
    "where there are any, before trusting one.",
    "Some of what the tool can draw on is for non-commercial use only: TorchRay (CC BY-NC) and dlib's 68-point model "
    "(trained on 300-W).",
)
_MASKS = "The masks restate a theory of prototypical expressions. They are a reference, not the truth about faces."


def merged(papers: Iterable[str]) -> list[str]:
    """Each paper once, in order; what it is cited for, in brackets at its end, taken together."""
    uses: dict[str, list[str]] = {}
    for paper in papers:
        match = re.fullmatch(r"(.*) \((.*?)\.?\)", paper, re.DOTALL)
        base, use = match.groups() if match else (paper, "")
        known = uses.setdefault(base, [])
        if use and use not in known:
            known.append(use)
    return [f"{base} ({'; '.join(known)}.)" if known else base for base, known in uses.items()]


def cautions(data: ReportData) -> list[str]:
    """What a reader must bear in mind: always, and of networks and masks where there are any."""
    return [*_ALWAYS, *(_NETWORKS if data.networks else ()), *([_MASKS] if data.has_masks else [])]
