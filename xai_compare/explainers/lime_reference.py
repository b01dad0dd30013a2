"""LIME by the lime package, for comparison with ours."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable

import numpy as np
from lime.lime_image import LimeImageExplainer


def lime_package(
    image: np.ndarray,
    labels: np.ndarray,
    value: Callable[[np.ndarray], np.ndarray],
    *,
    n_samples: int,
    kernel_width: float,
    alpha: float,
    seed: int,
    batch_size: int,
) -> tuple[np.ndarray, np.ndarray, np.ndarray, float]:
    """Coefficients, masks, values and R^2 of the lime package's `LimeImageExplainer`.

    Args:
        image: uint8 ``(h, w, 3)``; its superpixels are ``labels`` ``(h, w)``, from 0 up, and off is black.
        value: the explained quantity ``(n,)`` of uint8 ``(n, h, w, 3)`` pictures.
        seed: for the package's ``RandomState``.

    Returns:
        ``(segments,)``, ``(n_samples, segments)``, ``(n_samples,)`` and a number.
    """
    from sklearn.linear_model import Ridge

    explainer = LimeImageExplainer(kernel_width=kernel_width, random_state=seed % 2**32)
    kept: list[tuple[np.ndarray, np.ndarray]] = []
    inner = explainer.data_labels

    def remembering(*args: object, **kwargs: object) -> tuple[np.ndarray, np.ndarray]:
        kept.append(inner(*args, **kwargs))
        return kept[-1]

    explainer.data_labels = remembering
    # The package draws a progress bar that cannot be switched off.
    with contextlib.redirect_stderr(io.StringIO()):
        found = explainer.explain_instance(
            image,
            lambda pictures: value(pictures)[:, None],
            labels=(0,),
            top_labels=None,
            hide_color=0,
            num_features=100000,
            num_samples=n_samples,
            batch_size=batch_size,
            segmentation_fn=lambda _: labels,
            model_regressor=Ridge(alpha=alpha, fit_intercept=True),
        )
    coefficients = np.zeros(int(labels.max()) + 1)
    for segment, weight in found.local_exp[0]:
        coefficients[segment] = weight
    masks, values = kept[0]
    return coefficients, masks, values[:, 0], float(found.score)
