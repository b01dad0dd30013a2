"""The Monte-Carlo Bayes ceiling of simulated clips: how often the best possible judge would be right."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from xai_compare.emotion.blocks import MODALITIES
from xai_compare.emotion.evaluation import ABLATIONS
from xai_compare.emotion.protocols import CLASSES
from xai_compare.synthetic.clips import LEAKED, SEEN, SimulatedClips, draw_shown, shown_given_reported
from xai_compare.synthetic.eye_sequences import draw_log_likelihoods, log_likelihood

MODALITY_SETS = tuple(setting.modalities for setting in ABLATIONS[:7])
"""Those of the paper's Table VI: all, each alone, each pair."""


def posterior(
    modalities: Sequence[str], seen: np.ndarray, leaked: np.ndarray, eyes: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """How probable each self-report and each seen expression is, given some modalities: float64 ``(n, 7)`` each.

    The self-reports are equally likely beforehand, and what mouth, brows and eyes show is independent given the
    self-report: the log likelihoods of what is given simply add up, and Bayes' rule is a softmax of their sum.

    A judge who is given the face knows exactly what mouth and brows show, which no network can surpass.

    Args:
        modalities: those that are given.
        seen, leaked: int ``(n,)``; used if ``face`` is given.
        eyes: float64 ``(n, 7)``, log likelihoods of eye and fixation, as far as they are given.
    """
    log_p = np.array(eyes, float)
    with np.errstate(divide="ignore"):
        if "face" in modalities:
            log_p = (
                log_p
                + np.log(shown_given_reported(SEEN))[:, seen].T
                + np.log(shown_given_reported(LEAKED))[:, leaked].T
            )
    p = np.exp(log_p - log_p.max(1, keepdims=True))
    p /= p.sum(1, keepdims=True)
    if "face" in modalities:
        return p, np.eye(len(CLASSES))[seen]
    return p, p @ shown_given_reported(SEEN)


def ceilings(
    sets: Sequence[Sequence[str]] = MODALITY_SETS,
    *,
    n: int = 200_000,
    steps: int = 32,
    seed: int = 0,
) -> pd.DataFrame:
    """The Bayes ceiling of both tasks for each set of modalities, from ``n`` simulated draws.

    Returns:
        ``modalities, task, war, standard_error``; ``task`` is ``er`` or ``fer``.
    """
    rng = np.random.default_rng([seed, 22])
    reported = rng.integers(0, len(CLASSES), n)
    seen, leaked = draw_shown(reported, SEEN, rng), draw_shown(reported, LEAKED, rng)
    rows = []
    for modalities in sets:
        eyes = draw_log_likelihoods(reported, steps, rng, modalities)
        for task, p in zip(("er", "fer"), posterior(modalities, seen, leaked, eyes), strict=True):
            # The mean of the largest posterior has the same expectation as the share right, and less variance.
            best = p.max(1)
            rows.append((" + ".join(modalities), task, best.mean(), best.std() / np.sqrt(n)))
    return pd.DataFrame(rows, columns=["modalities", "task", "war", "standard_error"])


def ideal_predictions(clips: SimulatedClips, modalities: Sequence[str] = MODALITIES) -> tuple[np.ndarray, np.ndarray]:
    """What the best possible judge says of these very clips: class indices of self-report and of seen expression."""
    eyes = log_likelihood(
        clips.eye if "eye" in modalities else None, clips.fixation if "fixation" in modalities else None
    )
    eyes = np.broadcast_to(eyes, (len(clips), len(CLASSES)))
    report, seen = posterior(modalities, clips.seen, clips.leaked, eyes)
    return report.argmax(1), seen.argmax(1)
