"""Whether a network is fed and read as it was trained: asked of about forty labelled pictures.

Published networks are spoilt silently by a wrong order of classes or channels, a wrong range, normalization or crop, or
by colour where grey was trained. Each of these is tried in turn, and two witnesses are heard:

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
from xai_compare.models.checking.class_orders import find_class_order
from xai_compare.models.checking.findings import judge, one_fault
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
    shots = {name: images[keep] for name, images in crops.items()}
    return findings(model, partial(probe, model, shots), input_variants(model, shots, given), truth, given, seed=seed)


def findings(
    model: Model,
    listen: Callable[[InputVariant], Response],
    trials: Sequence[InputVariant],
    truth: np.ndarray,
    given: str,
    *,
    seed: int = 0,
) -> pd.DataFrame:
    """What `check_model` finds in answers that are at hand.

    Args:
        model: as the study loads it.
        listen: what the network answers when it is fed as a trial says; asked only for what is needed.
        trials: what may be tried instead.
        truth: int ``(n,)``, the class of each picture.
        given: the crop that the study asks for.
        seed: of the bootstrap.
    """
    rng = np.random.default_rng(seed)
    base = listen(InputVariant("", "as given", "", given, model.input))
    heard = {trial.name: listen(trial) for trial in trials if trial.check != "crop"}
    order, _ = find_class_order(base, truth, model.classes)
    rows = [
        judge(check, base, [heard[t.name] for t in trials if t.check == check], order[truth], model, rng)
        for check in ("channel order", "range", "normalization", "grey")
    ]
    input_rows, fixed = one_fault(rows)
    # What follows is asked of the network as it should be fed, for a wrong input spoils the rest. So does a wrong crop:
    # it is judged by the order as given first, and by another order only if that crop does not explain everything.
    base = base if fixed is None else heard[fixed]
    cuts = {
        t.name: listen(replace(base.trial, check="crop", name=t.name, line=t.line, crop=t.crop))
        for t in trials
        if t.check == "crop"
    }
    cut_row = judge("crop", base, list(cuts.values()), truth, model, rng)
    order, order_row = find_class_order(cuts.get(cut_row[5], base), truth, model.classes)
    if order_row[3]:
        cut_row = judge("crop", base, list(cuts.values()), order[truth], model, rng)
    found = pd.DataFrame([order_row, *input_rows, cut_row[:4]], columns=["check", "finding", "confidence", "line"])
    return found.set_index("check").loc[list(CHECKS)].reset_index()


def contradiction(labels: Sequence[str], probabilities: np.ndarray, classes: Sequence[str]) -> str:
    """A line that warns where labels at hand contradict a network's order of classes; ``""`` where they do not.

    Args:
        labels: the expression of each picture.
        probabilities: ``(n, classes)``, what the network said of them.
        classes: the order in which the study reads its outputs.
    """
    keep = np.array([label in classes for label in labels], bool)
    truth = np.array([list(classes).index(label) for label in np.asarray(labels, object)[keep]], int)
    if len(truth) < 20 or len(set(truth)) < 2:
        return ""
    logs = np.log(np.clip(np.asarray(probabilities, np.float64)[keep], 1e-7, 1))
    heard = Response(InputVariant("", "as given", "", "", InputSpec((1, 1))), logs, [])
    _, (_, finding, confidence, line) = find_class_order(heard, truth, classes)
    if not line:
        return ""
    return f"the labels contradict the order of its classes ({finding}, confidence {confidence:.3f}); try {line}"
