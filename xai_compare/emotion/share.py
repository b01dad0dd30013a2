"""How much each modality contributes to what a head says."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, cast

import numpy as np
import pandas as pd

from xai_compare.comparison.resampling.bootstrap import REPLICATES
from xai_compare.comparison.resampling.resamples import resample_counts
from xai_compare.emotion.fusion import Fusion
from xai_compare.emotion.sampling import ClipArrays, Scaler
from xai_compare.emotion.training import predict
from xai_compare.errors import InputError


def modality_drops(
    net: Fusion, test: ClipArrays, training: ClipArrays, scaler: Scaler, labels: np.ndarray, head: str
) -> pd.DataFrame:
    """The fall in log probability of each clip's label when a modality is replaced by its mean over training clips.

    Args:
        net: trained on ``training``.
        test: the clips.
        training: whose mean stands in: of frames the mean picture, or the mean features.
        scaler: of the training.
        labels: int ``(clips,)``, class indices of the head; negative for none.
        head: a head of classes.

    Returns:
        ``clip`` (place in ``test``), ``modality``, ``fall`` in nats; negative where a modality misleads.

    Raises:
        InputError: if the head is not one of classes.
    """
    if net.heads.get(head, 0) < 2:
        raise InputError(f"the network has no head {head!r} of classes", hint=f"it has {', '.join(net.heads)}")
    known = np.flatnonzero(np.asarray(labels) >= 0)
    whole = _log_probability(net, test, scaler, labels, head, known)
    rows = []
    for name in net.modalities:
        values = getattr(training, name)
        mean = np.broadcast_to(values.mean(0, keepdims=True), getattr(test, name).shape).astype(values.dtype)
        changed = replace(test, **cast(dict[str, Any], {name: mean}))
        without = _log_probability(net, changed, scaler, labels, head, known)
        rows.append(pd.DataFrame({"clip": known, "modality": name, "fall": whole - without}))
    return pd.concat(rows, ignore_index=True)


def modality_share(
    falls: pd.DataFrame, people: Sequence[str], n: int = REPLICATES, seed: int = 0, level: float = 0.95
) -> pd.DataFrame:
    """The mean fall of each modality and its share of all falls, with intervals over people.

    Args:
        falls: as from `modality_drops`; several folds one after another, their ``clip`` made places in ``people``.
        people: whose each clip is.
        n, seed, level: of the bootstrap.

    Returns:
        ``modality, fall, fall_low, fall_high, share, share_low, share_high, n``. A share is a modality's mean fall over
        the sum of all mean falls that are positive; it is NaN where none is.
    """
    wide = falls.pivot(index="clip", columns="modality", values="fall")
    wide = wide[list(dict.fromkeys(falls["modality"]))]
    names, place = np.unique(np.asarray(people, str)[wide.index], return_inverse=True)
    sums = np.zeros((len(names), wide.shape[1] + 1))
    np.add.at(sums, place, np.column_stack([wide.to_numpy(), np.ones(len(wide))]))
    drawn = np.vstack([np.ones((1, len(names))), resample_counts(len(names), n, seed)]) @ sums
    means = drawn[:, :-1] / drawn[:, -1:]
    positive = np.maximum(means, 0)
    with np.errstate(invalid="ignore"):
        shares = positive / positive.sum(1, keepdims=True)
    ends = [(1 - level) / 2, (1 + level) / 2]
    rows = []
    for k, name in enumerate(wide.columns):
        fall, share = np.quantile(means[1:, k], ends), np.nanquantile(shares[1:, k], ends)
        rows.append((name, means[0, k], *fall, shares[0, k], *share, len(wide)))
    return pd.DataFrame(
        rows, columns=["modality", "fall", "fall_low", "fall_high", "share", "share_low", "share_high", "n"]
    )


def _log_probability(
    net: Fusion, data: ClipArrays, scaler: Scaler, labels: np.ndarray, head: str, known: np.ndarray
) -> np.ndarray:
    probabilities = predict(net, data, scaler)[head]
    return np.log(np.maximum(probabilities[known, np.asarray(labels)[known]], np.finfo(float).tiny))
