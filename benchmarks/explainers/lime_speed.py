"""LIME: wall time at equal error to a long reference, against the lime package, and the overhead beside bare passes.

The package runs the network the usual way: eager, contiguous, batches of 10. Its error at 1,000 samples, over all
superpixels and pictures and relative to each picture's spread, is what ours must reach.
"""

from __future__ import annotations

import numpy as np
import torch
from common import arguments, faces, network, timed

from xai_compare import explainers
from xai_compare.models import Model


def error(maps: np.ndarray, truth: np.ndarray) -> float:
    """Median over pictures of the root mean square error over the spread of the reference map."""
    return float(np.median(np.sqrt(((maps - truth) ** 2).mean((1, 2))) / truth.std((1, 2))))


def bare(model: Model, image: np.ndarray, n: int, batch: int) -> float:
    """Seconds of n forward passes and nothing else, in the faster of the two layouts."""
    best = np.inf
    for layout in (torch.contiguous_format, torch.channels_last):
        x = model.prepare(np.repeat(image[None], batch, 0)).contiguous(memory_format=layout)
        with torch.no_grad():
            model.module(x)
            seconds, _ = timed(lambda x=x: [model.module(x) for _ in range(-(-n // batch))])
        best = min(best, seconds)
    return best


def main() -> None:
    """Print one block per network."""
    args = arguments(__doc__ or "", reference=40000, samples=1000, batch=32)
    for name in args.networks:
        model = network(name, args.data, args.device)
        images = faces(args.data, args.pictures, model.input.size)
        targets = model.predict(images).argmax(1)
        plain = {"design": "random", "surrogate": "linear", "batch_size": args.batch}
        truth = explainers.create("lime", n_samples=args.reference, seed=1, **plain)(model, images, targets)
        package = explainers.create("lime", engine="reference", n_samples=args.samples, batch_size=10)
        seconds, maps = timed(lambda: package(model, images, targets))  # noqa: B023
        wanted = error(maps, truth)
        print(f"{name}: package, {args.samples} samples: {seconds / len(images):.2f} s a picture, error {wanted:.4f}")
        warm = explainers.create("lime", n_samples=2 * args.batch, batch_size=args.batch, compile="always")
        print(f"  compiling once: {timed(lambda: warm(model, images[:1], targets[:1]))[0]:.0f} s")  # noqa: B023
        ratio = None
        for n in (200, 300, 400, 500, 700, 1000):
            fast = explainers.create("lime", n_samples=n, batch_size=args.batch, compile="always")
            took, maps = timed(lambda: fast(model, images, targets))  # noqa: B023
            passes = bare(model, images[0], n, args.batch) * len(images)
            got = error(maps, truth)
            print(f"  ours, {n:4d}: {took / len(images):.2f} s, error {got:.4f}, speed x{seconds / took:.1f}, "
                  f"beyond plain passes {took / passes - 1:+.0%}", flush=True)  # fmt: skip
            if ratio is None and got <= wanted:
                ratio = seconds / took
        print(f"  at equal error: x{ratio:.1f}" if ratio else "  equal error was not reached")


if __name__ == "__main__":
    main()
