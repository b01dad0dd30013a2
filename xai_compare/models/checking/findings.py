"""What the two witnesses say of an alternative, and which of several faults is named."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from xai_compare.models.checking.class_orders import Row
from xai_compare.models.checking.probe import DISTANCE, RATIO, Response, likelihood, memory, preference, sure_of
from xai_compare.models.model import Model

SURE = 3.0
"""Standard errors by which labels must prefer an alternative."""
GAIN = 0.05
"""Nats per picture by which they must prefer it."""
SURE_OF_CROP, FAR_CROP = 0.5, 0.005
"""The same for crops where the batch norms' memory prefers the alternative too, and by how much it must."""


def judge(
    check: str, base: Response, others: list[Response], truth: np.ndarray, model: Model, rng: np.random.Generator
) -> tuple[str, str, float, str, float, str]:
    """The finding of one check, how strong it is, and the name of the trial that fits better."""
    if not others:
        why = "the network takes grey pictures" if model.input.channels == "grey" else "the pictures have no colour"
        return check, f"cannot be told: {why}", float("nan"), "", 0.0, ""
    own = likelihood(base.logs, truth)
    best: tuple[float, float, Response] | None = None
    doubt = 1.0
    for one in others:
        gain, sure = preference(own, likelihood(one.logs, truth))
        before, after, share = memory(base, one, model, rng)
        against = np.isfinite(before) and after > before * RATIO and after - before > DISTANCE
        by_labels = sure >= SURE and gain >= GAIN and not (against and check != "crop")
        by_memory = np.isfinite(share) and share >= 0.95 and sure > -2.0
        if check == "crop":
            # What a crop shows changes what reaches batch norms even where it is right: labels must lean that way too.
            by_memory = by_memory and sure > SURE_OF_CROP and before - after > FAR_CROP
        doubt = min(doubt, sure_of(-sure))
        if by_labels or by_memory:
            strength = max(gain if by_labels else 0.0, np.log(before / after) if by_memory else 0.0)
            confidence = max(sure_of(sure) if by_labels else 0.0, float(share) if by_memory else 0.0)
            if best is None or strength > best[0]:
                best = (float(strength), confidence, one)
    if best is None:
        return check, "nothing else fits better", doubt, "", 0.0, ""
    strength, confidence, one = best
    return check, f"wrong: {one.trial.name} fits better", confidence, one.trial.line, strength, one.trial.name


def one_fault(rows: Sequence[tuple[str, str, float, str, float, str]]) -> tuple[list[Row], str | None]:
    """Range, normalization, channel order and grey explain one another: of those found, the strongest stays.

    Also returns the name of its trial; None where nothing was found.
    """
    linked = [row for row in rows if row[3]]
    strongest = max(linked, key=lambda row: row[4]) if linked else None
    out = []
    for row in rows:
        check, finding, confidence, line = row[:4]
        if strongest is not None and line and row is not strongest:
            finding, line = f"explained by the {strongest[0]}", ""
        out.append((check, finding, confidence, line))
    return out, None if strongest is None else strongest[5]
