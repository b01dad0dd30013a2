"""Whether a network is fed and read as it was trained: asked of about forty labelled pictures.

Published networks are spoilt silently by a wrong order of classes or channels, a wrong range, normalization or crop, or
by colour where grey was trained. Each of these is tried in turn, and compared with the study's own way by two measures:

- The labels. What the network says of the labelled pictures under the alternative is compared with what it says as the
  study loads it, picture by picture, after a temperature is fitted to each, so that mere loss of contrast counts for
  nothing.
- The network's own memory. Batch norms hold the mean and variance of what reached them in training. An input that is
  fed wrongly has others, whatever the labels are (no label is needed for this one).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial

import numpy as np
import pandas as pd

from xai_compare.errors import InputError
from xai_compare.models.checking.class_orders import AT_CHANCE, Finding, find_class_order
from xai_compare.models.checking.findings import compare_variants, keep_strongest
from xai_compare.models.checking.probe import Response, probe
from xai_compare.models.checking.variants import InputVariant, input_variants
from xai_compare.models.model import InputSpec, Model

CHECKS = ("class order", "channel order", "range", "normalization", "grey", "crop")


def check_model(
    model: Model, crops: Mapping[str, np.ndarray], labels: Sequence[str], given: str, *, seed: int = 0
) -> pd.DataFrame:
    """Find what is wrong with the way a network is loaded.

    Args:
        model: as the study loads it.
        crops: the same pictures cut in several ways, uint8 ``(n, h, w, 3)`` each, by the line of the study that asks
            for that crop.
        labels: the expression of each picture; those that the network does not know are left out.
        given: which of ``crops`` the study asks for.
        seed: of the bootstrap.

    Returns:
        One row for each check: ``check``, ``finding``, ``confidence`` (0..1; NaN where nothing can be told) and
        ``line``, the line of the study that fixes it, or ``""``.

    Raises:
        InputError: if fewer than ten pictures or fewer than two classes are left.
    """
    keep = np.array([label in model.classes for label in labels])
    truth = np.array([model.classes.index(label) for label in np.asarray(labels, object)[keep]], int)
    if len(truth) < 10 or len(set(truth)) < 2:
        raise InputError(
            f"{len(truth)} pictures of {len(set(truth))} of its classes cannot tell whether it is loaded right",
            where=f"model {model.name!r}",
            hint="label about forty pictures of several expressions",
        )
    pictures = {name: images[keep] for name, images in crops.items()}
    variants = input_variants(model, pictures, given)
    return check_responses(model, partial(probe, model, pictures), variants, truth, given, seed=seed)


def check_responses(
    model: Model,
    respond: Callable[[InputVariant], Response],
    variants: Sequence[InputVariant],
    truth: np.ndarray,
    given: str,
    *,
    seed: int = 0,
) -> pd.DataFrame:
    """What `check_model` finds, given a function that feeds the network.

    Args:
        model: as the study loads it.
        respond: what the network answers when it is fed as a variant says; called only for what is needed.
        variants: what may be tried instead.
        truth: int ``(n,)``, the class of each picture.
        given: the crop that the study asks for.
        seed: of the bootstrap.
    """
    rng = np.random.default_rng(seed)
    base = respond(InputVariant("", "as given", "", given, model.input))
    responses = {variant.name: respond(variant) for variant in variants if variant.check != "crop"}
    order, _ = find_class_order(base, truth, model.classes)
    found = [
        compare_variants(
            check, base, [responses[v.name] for v in variants if v.check == check], order[truth], model, rng
        )
        for check in ("channel order", "range", "normalization", "grey")
    ]
    found, better = keep_strongest(found)
    # What follows is asked of the network as it should be fed, for a wrong input spoils the rest. So does a wrong crop:
    # it is compared by the order as given first, and by another order only if that crop does not explain everything.
    base = base if better is None else responses[better]
    crops = {
        v.name: respond(replace(base.variant, check="crop", name=v.name, line=v.line, crop=v.crop))
        for v in variants
        if v.check == "crop"
    }
    crop = compare_variants("crop", base, list(crops.values()), truth, model, rng)
    order, order_finding = find_class_order(crops.get(crop.variant, base), truth, model.classes)
    if order_finding.line:
        crop = compare_variants("crop", base, list(crops.values()), order[truth], model, rng)
    by_check = {finding.check: finding for finding in (order_finding, *found, crop)}
    if order_finding.text == AT_CHANCE:
        # However it is fed it does not tell the labels apart, so what fits a little better or worse says nothing.
        by_check = {check: Finding(check, AT_CHANCE, float("nan"), "") for check in CHECKS}
    rows = [(check, by_check[check].text, by_check[check].confidence, by_check[check].line) for check in CHECKS]
    return pd.DataFrame(rows, columns=["check", "finding", "confidence", "line"])


def contradiction(labels: Sequence[str], probabilities: np.ndarray, classes: Sequence[str]) -> str:
    """A line that warns where labels at hand contradict a network's order of classes; ``""`` where they do not.

    Args:
        labels: the expression of each picture.
        probabilities: ``(n, classes)``, what the network said of them.
        classes: the order in which the study reads its outputs.

    >>> truth = np.arange(60) % 3
    >>> probabilities = np.where(np.eye(3)[truth], 0.8, 0.1)
    >>> labels = np.array(["anger", "fear", "happiness"])[truth]
    >>> contradiction(labels, probabilities, ["anger", "fear", "happiness"])
    ''
    >>> contradiction(labels, probabilities, ["fear", "anger", "happiness"]).rpartition("; ")[2]
    'try classes: [anger, fear, happiness]'
    """
    keep = np.array([label in classes for label in labels], bool)
    truth = np.array([list(classes).index(label) for label in np.asarray(labels, object)[keep]], int)
    if len(truth) < 20 or len(set(truth)) < 2:
        return ""
    logs = np.log(np.clip(np.asarray(probabilities, np.float64)[keep], 1e-7, 1))
    response = Response(InputVariant("", "as given", "", "", InputSpec((1, 1))), logs, [])
    _, finding = find_class_order(response, truth, classes)
    if not finding.text.startswith("wrong"):
        return ""
    strength = f"{finding.text}, confidence {finding.confidence:.3f}"
    return f"the labels contradict the order of its classes ({strength}); try {finding.line or 'check-model'}"
