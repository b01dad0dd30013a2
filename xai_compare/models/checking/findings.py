"""Whether a variant of the input fits better than the one given, and which of several faults is named."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from xai_compare.models.checking.class_orders import Finding
from xai_compare.models.checking.probe import (
    DISTANCE,
    RATIO,
    Response,
    compare_batch_norms,
    confidence_of,
    label_likelihood,
    preference,
)
from xai_compare.models.model import Model

SURE = 3.0
"""Standard errors by which labels must prefer a variant."""
GAIN = 0.05
"""Nats per picture by which they must prefer it."""
SURE_OF_CROP, FAR_CROP = 0.5, 0.005
"""The same for crops where the batch norms' memory prefers the variant too, and by how much it must."""


def compare_variants(
    check: str, base: Response, others: list[Response], truth: np.ndarray, model: Model, rng: np.random.Generator
) -> Finding:
    """The finding of one check: whether one of the other responses fits the labels or the batch norms better."""
    if not others:
        why = "the network takes grey pictures" if model.input.channels == "grey" else "the pictures have no colour"
        return Finding(check, f"cannot be told: {why}", float("nan"), "")
    own = label_likelihood(base.logs, truth)
    best = None
    doubt = 1.0
    for other in others:
        gain, errors = preference(own, label_likelihood(other.logs, truth))
        before, after, share = compare_batch_norms(base, other, model, rng)
        against = np.isfinite(before) and after > before * RATIO and after - before > DISTANCE
        by_labels = errors >= SURE and gain >= GAIN and not (against and check != "crop")
        by_memory = np.isfinite(share) and share >= 0.95 and errors > -2.0
        if check == "crop":
            # What a crop shows changes what reaches batch norms even where it is right: labels must lean that way too.
            by_memory = by_memory and errors > SURE_OF_CROP and before - after > FAR_CROP
        doubt = min(doubt, confidence_of(-errors))
        if by_labels or by_memory:
            strength = max(gain if by_labels else 0.0, np.log(before / after) if by_memory else 0.0)
            confidence = max(confidence_of(errors) if by_labels else 0.0, float(share) if by_memory else 0.0)
            if best is None or strength > best.strength:
                name, line = other.variant.name, other.variant.line
                best = Finding(check, f"wrong: {name} fits better", confidence, line, float(strength), name)
    return best or Finding(check, "nothing else fits better", doubt, "")


def keep_strongest(findings: Sequence[Finding]) -> tuple[list[Finding], str | None]:
    """Range, normalization, channel order and grey explain one another: of those found, the strongest stays.

    Also returns the name of its variant; None where nothing was found.
    """
    strongest = max((f for f in findings if f.line), key=lambda f: f.strength, default=None)
    if strongest is None:
        return list(findings), None
    explained = f"explained by the {strongest.check}"
    rest = [f if f is strongest or not f.line else f._replace(text=explained, line="") for f in findings]
    return rest, strongest.variant
