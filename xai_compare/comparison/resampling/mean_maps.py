"""What the replicates of a group are made of: weighted mean maps, and the inner products of single maps.

A map in hand is one image's; a score is taken on the mean map, so its uncertainty comes from which images happened
to be there. Resampling images only reweighs the mean, which makes all replicates of a mean map one matrix product,
and all replicates of a correlation between mean maps a few products with a small Gram matrix.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from xai_compare.comparison.arrays import Floats

_MEMORY = 8 * 2**20
"""Numbers that a block of maps may hold while inner products are taken."""


def weighted_means(
    rows: npt.NDArray[Any],
    weights: npt.NDArray[Any],
    out: npt.NDArray[Any] | None = None,
    chunk: int = 64,
    sizes: npt.NDArray[np.int64] | None = None,
) -> npt.NDArray[Any]:
    """Return weighted means (k, pixels) of rows (m, pixels), in the precision of the rows.

    Args:
        rows: float32 or float64.
        weights: (k, m), not negative, each row with a positive sum.
        out: an earlier result of the same pixels, whose memory is used again.
        chunk: rows added at a time.
        sizes: (m,) of how many maps each row is the sum; one, if left out.
    """
    weights = weights.astype(rows.dtype)
    fits = out is not None and out.dtype == rows.dtype and len(out) >= len(weights)
    total = out[: len(weights)] if out is not None and fits else np.empty((len(weights), rows.shape[1]), rows.dtype)
    np.matmul(weights[:, :chunk], rows[:chunk], out=total)
    for first in range(chunk, len(rows), chunk):
        total += weights[:, first : first + chunk] @ rows[first : first + chunk]
    # Dividing last keeps sums of whole numbers exact, so that ties between pixels survive.
    total /= (weights if sizes is None else weights * sizes.astype(rows.dtype)).sum(1, keepdims=True)
    return total


def gram(maps: npt.NDArray[Any]) -> tuple[Floats, Floats]:
    """Return the inner products (m, m) of maps (m, h, w) less their own means, and these means (m,); float64.

    One product for all maps, some pixels at a time so that memory stays bounded. Products of the maps themselves
    follow by adding ``pixels * outer(means, means)``, which loses nothing; the other way round would.
    """
    rows = maps.reshape(len(maps), -1)
    step = max(256, _MEMORY // max(len(rows), 1))
    parts = [slice(start, start + step) for start in range(0, rows.shape[1], step)]
    means = sum(rows[:, part].sum(1, dtype=np.float64) for part in parts) / rows.shape[1]
    products = np.zeros((len(rows), len(rows)))
    for part in parts:
        centred = rows[:, part] - means[:, None]
        products += centred @ centred.T
    return products, np.asarray(means)
