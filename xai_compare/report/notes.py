"""Fixed words of every report: section leads, citations, cautions."""

from __future__ import annotations

SECTIONS = {
    "heatmaps": ("Heatmaps", "Mean explanations on one standard face, by source and expression."),
    "overlay": ("On the mean face", "The same maps over the average face."),
    "thresholds": (
        "Against the masks",
        "What remains of a map above its threshold, and how it overlaps with the mask.",
    ),
    "iou": (
        "Scores against the masks",
        "Intersection over union (IoU) of each mean map with the mask of its expression.",
    ),
    "people": ("Networks against people", "Whether networks attend where people click or look."),
    "pairs": ("People against people", "Two ways of asking people where they look, compared with each other."),
    "known": ("Known regions", "A check of the explainers themselves, on pictures where the right answer is known."),
    "faithfulness": (
        "Are the maps faithful to the network?",
        "Whether a map shows what its network really uses can be asked of the network itself. Each explainer is tested "
        "on a sample of pictures, beside maps drawn at random.",
    ),
    "repeatable": (
        "Would the explainer say the same again?",
        "Some explainers try out random changes of a picture, or search step by step. How settled their maps are is "
        "stored with every map.",
    ),
    "dendrograms": ("Who attends alike", "Sources grouped by the correlation of their mean maps."),
}
"""Sections of the page in their order: title and lead."""

PAPERS = (
    "F. X. Gaya-Morey, S. Ramis-Guarinos, C. Manresa-Yee, J. M. Buades-Rubio (2024). Unveiling the human-like "
    "similarities of automatic facial expression recognition: an empirical exploration through explainable AI. "
    "(Standard face, heatmaps, Ekman masks, IoU, dendrograms.)",
    "S. Park, C. Wallraven (2022). Comparing facial expression recognition in humans and machines: using CAM, GradCAM, "
    "and extremal perturbation. (Dice coefficients of maps with human clicks.)",
    "A. Bruckert, L. Lévêque, M. Perreira Da Silva, P. Le Callet (2023). A dataset of gaze and mouse patterns in the "
    "context of facial expression recognition. ACM IMX. (Gaze against mouse.)",
    "V. Petsiuk, A. Das, K. Saenko (2018). RISE: randomized input sampling for explanation of black-box models. "
    "(Deletion and insertion curves.)",
    "C.-K. Yeh and others (2019). On the (in)fidelity and sensitivity of explanations. (Infidelity.)",
    "J. Adebayo and others (2018). Sanity checks for saliency maps. (Forgetting.)",
    "P. Ekman, W. V. Friesen: the Facial Action Coding System and EMFACS. (Which action units belong to which "
    "expression.)",
)

CAUTIONS = (
    "A facial expression is not a feeling. Faces move for many reasons, and the same feeling shows differently in "
    "different people, cultures and situations (Barrett et al. 2019). Neither these networks nor this report can tell "
    "what someone feels, intends or is.",
    "Do not use the tool, or scores from it, to judge individuals: not for hiring, schooling, policing, border "
    "control, insurance, lie detection, diagnosis or surveillance. In some places the law forbids inferring emotions "
    "of people at work or at school.",
    "A network that attends where people or masks do need not decide as people do, nor be right; one that attends "
    "elsewhere need not be wrong. Agreement of maps is agreement of places.",
    "A heatmap is a statement of an explainer about a network. Explainers differ and err; look at the known regions, "
    "where there are any, before trusting one.",
    "The masks restate a theory of prototypical expressions. They are a reference, not the truth about faces.",
    "Means hide differences between people and between pictures. Check who the faces and the observers are before "
    "speaking of people in general.",
    "Some of what the tool can pull in is for non-commercial use only: TorchRay (CC BY-NC) and dlib's 68-point model "
    "(trained on 300-W).",
)
