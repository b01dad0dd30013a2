"""What is explained: an output of the network, or the difference of two."""

from __future__ import annotations

from collections.abc import Sequence
from numbers import Integral
from typing import Any

import numpy as np
import torch

from xai_compare.errors import InputError
from xai_compare.explainers.model_outputs import preserve_state
from xai_compare.expressions import canonical
from xai_compare.models import Model

PREDICTED = "predicted"


def target_weights(model: Model, targets: Any, n: int, predicted: Sequence[int] | None) -> torch.Tensor:
    """Weights ``(n, classes)`` whose product with the outputs is the explained quantity.

    A class has a one; a pair has a one for its first and a minus one for its second class.

    Args:
        model: the network, for its classes.
        targets: a class name or index or ``"predicted"`` for all pictures; a *tuple* of two of them, the pair whose
            difference is explained; or a list (or array) with one of these for each picture.
        n: number of pictures.
        predicted: output index of the class predicted for each picture, needed where ``"predicted"`` is asked.

    Raises:
        InputError: for an unknown class, an index out of range, a pair of equal classes, or a wrong number of targets.
    """
    if _is_one(targets):
        each: list[Any] = [targets] * n
    else:
        if not isinstance(targets, (Sequence, np.ndarray)):
            raise InputError(f"targets must be class names, indices, 'predicted' or pairs, not {targets!r}")
        each = list(targets)
        if len(each) != n:
            raise InputError(f"{len(each)} targets for {n} pictures", hint="give one for each picture, or one for all")
    weights = torch.zeros(n, len(model.classes), dtype=torch.float64)
    for i, target in enumerate(each):
        guess = None if predicted is None else int(predicted[i])
        if _is_pair(target):
            first, second = (_index(model, part, guess) for part in target)
            if first == second:
                raise InputError(f"the pair {tuple(target)!r} names one class twice", hint="name two classes")
            weights[i, first], weights[i, second] = 1.0, -1.0
        else:
            weights[i, _index(model, target, guess)] = 1.0
    return weights


def resolve(model: Model, images: np.ndarray, targets: Any) -> torch.Tensor:
    """float32 weights ``(n, classes)`` of targets, see `target_weights`; ``"predicted"`` is asked of the network."""
    predicted: list[int] | None = None
    if needs_prediction(targets):
        with preserve_state(model.module):
            predicted = model.predict(images).argmax(1).tolist()
    return target_weights(model, targets, len(images), predicted).to(model.device, torch.float32)


def needs_prediction(targets: Any) -> bool:
    """Whether ``"predicted"`` occurs in ``targets``."""
    if isinstance(targets, str):
        return targets == PREDICTED
    return isinstance(targets, (Sequence, np.ndarray)) and any(needs_prediction(t) for t in targets)


def single_class(weights: torch.Tensor) -> torch.Tensor | None:
    """Output index for each row of weights ``(n, classes)``, or None if a row is a pair."""
    return None if bool((weights < 0).any()) else weights.argmax(1)


def _is_scalar(target: Any) -> bool:
    return isinstance(target, (str, Integral)) and not isinstance(target, bool)


def _is_one(targets: Any) -> bool:
    return _is_scalar(targets) or (isinstance(targets, tuple) and _is_pair(targets))


def _is_pair(target: Any) -> bool:
    return isinstance(target, (tuple, list)) and len(target) == 2 and all(_is_scalar(part) for part in target)


def _index(model: Model, target: Any, predicted: int | None) -> int:
    if not _is_scalar(target):
        raise InputError(f"a target must be a class name, an index, 'predicted' or a pair, not {target!r}")
    if isinstance(target, str):
        if target == PREDICTED:
            if predicted is None:
                raise InputError("the predicted class is not known here")
            return predicted
        return model.indices([canonical(target)])[0]
    if not 0 <= int(target) < len(model.classes):
        raise InputError(
            f"target {int(target)} is not an output",
            where=f"model {model.name!r}",
            hint=f"outputs are 0 to {len(model.classes) - 1}",
        )
    return int(target)
