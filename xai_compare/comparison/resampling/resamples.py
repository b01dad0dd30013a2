"""Which images are drawn: resamples with replacement, images left out one at a time, and bins of very many images."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence

import numpy as np
import numpy.typing as npt

from xai_compare.comparison.arrays import Floats, ratio
from xai_compare.errors import InputError

Images = int | Sequence[str]
MANY = 600
"""Images of a group beyond which bins of images are drawn."""
BINS = 500
LEFT_OUT = 30
"""Groups of images, at most, that are left out one at a time for a jackknife."""
_DRAWN = 2**20


def resample_counts(images: Images, n: int, seed: int) -> npt.NDArray[np.int64]:
    """How often each image occurs in each of ``n`` resamples.

    Args:
        images: how many there are, or the name of each map's image. Distinct names are drawn with replacement, maps
            of one image together (the same picture under several folds is not several pictures). The draws depend
            on ``seed`` and the set of names only, so sources that saw the same images are resampled alike, and
            their comparison is paired; other sets are drawn independently. With a number, the seed alone decides.
        n: number of resamples.
        seed: of the draws.

    Returns:
        int64 (n, maps).
    """
    if isinstance(images, int):
        names, place, source = images, np.arange(images), [seed]
    else:
        distinct, place = np.unique(np.asarray(images, dtype=str), return_inverse=True)
        digest = hashlib.blake2b("\0".join(distinct).encode(), digest_size=8).digest()
        names, source = len(distinct), [seed, int.from_bytes(digest, "little")]
    if names < 1 or n < 1:
        raise InputError(f"cannot draw {n} resamples of {names} images")
    generator = np.random.default_rng(source)
    counts = np.empty((n, names), dtype=np.int64)
    step = max(1, _DRAWN // names)
    for start in range(0, n, step):
        rows = min(step, n - start)
        drawn = generator.integers(names, size=(rows, names)) + names * np.arange(rows)[:, None]
        counts[start : start + rows] = np.bincount(drawn.ravel(), minlength=rows * names).reshape(rows, names)
    return counts[:, place]


def jackknife_counts(images: Sequence[str], among: Iterable[str]) -> npt.NDArray[np.int64]:
    """Which maps are left where groups of images are left out, one group at a time: the counts of a jackknife.

    Args:
        images: the name of each map's image.
        among: names of all images, of several sources perhaps; up to `LEFT_OUT` each is a group of its own.

    Returns:
        int64 (groups, maps) of 0 and 1; ones throughout where a group holds all of the source's images, or none.
    """
    names = sorted(set(among))
    groups = min(len(names), LEFT_OUT)
    place = {name: i % groups for i, name in enumerate(names)}
    counts = (np.array([place[str(image)] for image in images])[None] != np.arange(groups)[:, None]).astype(np.int64)
    counts[counts.sum(1) == 0] = 1
    return counts


def jackknife_variance(left_out: Floats) -> Floats:
    """The jackknife's variance (k,) of scores (k, groups) with groups left out; groups that are NaN do not count.

    It leans to the safe side (Efron & Stein 1981, *Annals of Statistics* 9).
    """
    known = np.isfinite(left_out)
    count = known.sum(1)
    middle = ratio(np.where(known, left_out, 0).sum(1), count)
    away = np.where(known, left_out - middle[:, None], 0)
    return np.asarray(ratio(count - 1, count) * (away**2).sum(1))


def bin_of(image: str) -> int:
    """Return into which of `BINS` bins an image falls, by a hash of its name: the same bin for every source."""
    return int(hashlib.sha256(image.encode()).hexdigest(), 16) % BINS


def bins_of(images: Sequence[str], values: Floats) -> tuple[list[str], Floats, Floats]:
    """Return what is drawn instead of images, its sums of values, and how many values they are sums of.

    Up to `MANY` images that is the images themselves. Of more it is `BINS` bins of them, so that neither memory nor
    time grows with the square of their number; the variance of a mean is the same in expectation.

    Args:
        images: (m,) distinct names.
        values: (m,) a number for each.
    """
    if len(images) <= MANY:
        return list(images), values, np.ones(len(images))
    places = np.array([bin_of(image) for image in images])
    sums, sizes = (np.bincount(places, weights, BINS).astype(np.float64) for weights in (values, None))
    return [f"bin {number}" for number in range(BINS)], sums, sizes


def distinct(images: Images) -> int:
    return images if isinstance(images, int) else len(set(images))
