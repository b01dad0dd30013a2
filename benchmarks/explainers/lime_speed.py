"""LIME: wall time at equal error to a long reference, against the lime package, and the time beyond bare passes.

The package runs the network the usual way: eager, contiguous, batches of 10. Errors are root mean squares over
superpixels, against a reference of many independent masks whose own sampling variance is taken off; two methods are
compared by the geometric mean over pictures of the ratio of their errors. The reference runs in float32. Where tens of
thousands of masks would take hours, ``--design code --reference 2000`` takes our own estimate from other masks instead.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from common import arguments, faces, network, timed

from xai_compare import explainers
from xai_compare.models import Model
from xai_compare.models.engine import ResolvedPrecision

STEPS = (150, 200, 250, 300, 350, 400, 450, 500, 550, 600, 700, 850, 1000)
REFERENCES = {"random": {"design": "random", "surrogate": "linear"}, "code": {}}


def squares(found: explainers.Explanation, truth: explainers.Explanation) -> np.ndarray:
    """Mean squared error ``(pictures,)`` over superpixels, less the reference's own variance."""
    every = []
    for one, other, error, segments in zip(
        found.maps, truth.maps, truth.extras["standard_error"], truth.extras["segments"], strict=True
    ):
        at = np.unique(segments, return_index=True)[1]
        every.append(np.mean((one.ravel()[at] - other.ravel()[at]) ** 2 - error.ravel()[at] ** 2))
    return np.maximum(every, 1e-12)


def ratio(one: np.ndarray, other: np.ndarray) -> float:
    """Geometric mean over pictures of the ratio of errors."""
    return float(np.exp(np.mean(np.log(one / other)) / 2))


def coverage(found: explainers.Explanation, truth: explainers.Explanation) -> float:
    """Share of superpixels whose reference lies within the nominal 90 % of the estimate."""
    hits = []
    for i, segments in enumerate(truth.extras["segments"]):
        at = np.unique(segments, return_index=True)[1]
        off = (found.maps[i] - truth.maps[i]).ravel()[at]
        error = np.hypot(found.extras["standard_error"][i], truth.extras["standard_error"][i]).ravel()[at]
        hits.append(np.abs(off) <= 1.645 * error)
    return float(np.concatenate(hits).mean())


def bare(model: Model, image: np.ndarray, n: int, precision: ResolvedPrecision) -> float:
    """Seconds of n passes of the same engine, and nothing else."""
    picture, run = model.prepare(image[None])[0], model.engine.forward(precision)
    x = picture.expand(model.batch_size, *picture.shape).contiguous(memory_format=torch.channels_last)
    with torch.no_grad():
        run(x)
        return min(timed(lambda: [run(x) for _ in range(-(-n // len(x)))])[0] for _ in range(2))


def main() -> None:
    """Print one block per network, and keep the errors for the figure."""
    args = arguments(
        __doc__ or "", reference=40000, design="random", first=150, samples=1000, batch=32, precision="auto", out=""
    )
    rows = []
    for name in args.networks:
        model = network(name, args.data, args.device)
        images = faces(args.data, args.pictures, model.input.size)
        targets = model.predict(images).argmax(1)
        model.batch_size = args.batch
        long = {"n_samples": args.reference, "seed": 99, "precision": "fp32", **REFERENCES[args.design]}
        truth = explainers.create("lime", **long).explain(model, images, targets)
        package = explainers.create("lime", engine="reference", n_samples=args.samples)
        model.batch_size = 10
        seconds, told = timed(lambda: package.explain(model, images, targets))  # noqa: B023
        model.batch_size = args.batch
        wanted = squares(told, truth)
        print(
            f"{name}: {len(images)} pictures, reference of {args.reference} {args.design} masks; the package at "
            f"{args.samples}: {seconds / len(images):.2f} s a picture, error {np.sqrt(wanted.mean()):.4f}",
            flush=True,
        )
        rows.append({"network": name, "method": "lime package", "passes": args.samples, "ratio": 1.0})
        speeds = []
        for n in (n for n in STEPS if n >= args.first):
            fast = explainers.create("lime", n_samples=n, precision=args.precision)
            fast.explain(model, images[:1], targets[:1])
            took, found = timed(lambda: fast.explain(model, images, targets))  # noqa: B023
            bits = set(found.extras["bits"])
            passes = bare(model, images[0], n, "bf16" if 16.0 in bits else "fp32") * len(images)
            error = ratio(squares(found, truth), wanted)
            speeds.append((error, seconds / took))
            rows.append(
                {
                    "network": name,
                    "method": "ours",
                    "passes": n,
                    "ratio": error,
                    "coverage": coverage(found, truth),
                    "speed": seconds / took,
                }
            )
            print(
                f"  ours, {n:4d}: {took / len(images):.3f} s, error x{error:.2f} of the package's, covered "
                f"{rows[-1]['coverage']:.1%}, speed x{seconds / took:.1f}, beyond bare passes "
                f"{took / passes - 1:+.0%}, {'/'.join(f'{b:.0f}' for b in sorted(bits))} bits",
                flush=True,
            )
            if error < 0.85:
                break
        for (above, slow), (below, quick) in itertools.pairwise([(np.inf, np.inf), *speeds]):
            if above > 1 >= below:
                share = 1.0 if not np.isfinite(above) else (above - 1) / (above - below)
                at = quick if share == 1.0 else slow + share * (quick - slow)
                print(f"  at equal error: x{at:.1f}", flush=True)
    if args.out:
        pd.DataFrame(rows).to_csv(Path(args.out), index=False)


if __name__ == "__main__":
    main()
