"""The warp onto the canonical face against scikit-image's PiecewiseAffineTransform + warp: ratio, largest difference.

python benchmarks/warp.py [--pictures 40]
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
from skimage.transform import PiecewiseAffineTransform
from skimage.transform import warp as skimage_warp

from xai_compare.faces import CANONICAL, SHAPE, complete, standardize


def peer(map_: np.ndarray, landmarks: np.ndarray) -> np.ndarray:
    """What the papers' scripts would write with scikit-image."""
    transform = PiecewiseAffineTransform.from_estimate(CANONICAL, complete(landmarks, map_.shape))
    return np.asarray(skimage_warp(map_, transform, output_shape=SHAPE, order=1, mode="edge"))


def seconds(work: Callable[[], object], repeats: int) -> float:
    """Median time of ``work``."""
    times = []
    for _ in range(repeats):
        began = time.perf_counter()
        work()
        times.append(time.perf_counter() - began)
    return float(np.median(times))


def main() -> None:
    """Time both on the same random pictures and landmarks, in turn."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=40)
    number = parser.parse_args().pictures
    draws = np.random.default_rng(0)
    print(f"{'picture':>12} {'scikit-image':>14} {'ours':>10} {'ratio':>7} {'largest difference':>19}")
    for height, width in ((64, 64), (224, 224), (300, 260), (480, 640)):
        maps = draws.random((number, height, width), dtype=np.float32)
        scale = np.array([width / SHAPE[1], height / SHAPE[0]])
        landmarks = CANONICAL[:68] * scale + draws.normal(0, 0.01 * width, (number, 68, 2))
        standardize(maps[:1], landmarks[:1])
        ours = seconds(lambda m=maps, p=landmarks: standardize(m, p), 5) / number
        theirs = seconds(lambda m=maps, p=landmarks: peer(m[0], p[0]), 9)
        expected = np.stack([peer(m, p) for m, p in zip(maps[:10], landmarks[:10], strict=True)])
        difference = np.abs(standardize(maps[:10], landmarks[:10]) - expected).max()
        size = f"{height} x {width}"
        print(f"{size:>12} {theirs * 1e3:11.1f} ms {ours * 1e3:7.2f} ms {theirs / ours:6.0f}x {difference:19.1e}")


if __name__ == "__main__":
    main()
