"""Extremal perturbations: wall time and objective against torchray's 800 steps.

Single pictures differ much with small changes of the start, so distributions are compared: rewards, areas and
violations of all pictures, each the mean of several starts (both engines see the picture with noise of one grey level,
another for each start), with a rank test and the mean difference's interval. Where torchray takes too long, its time is
taken from the difference between two short runs and scaled to 800 steps (they all cost the same), and the objective is
not compared.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable

import numpy as np
import torch
from common import arguments, faces, network, timed
from scipy.stats import wilcoxon
from torch.utils.benchmark import Timer

from xai_compare import explainers
from xai_compare.explainers.methods.extremal_perturbation import FAST_STEPS, lengths
from xai_compare.explainers.perturbation import Pyramid
from xai_compare.explainers.smooth_masks import SmoothMasks
from xai_compare.models import Model

FULL = 800


def main() -> None:
    """Print one block per network."""
    args = arguments(__doc__ or "", batch=32, starts=1, steps=FULL, scaled=20, few=1)
    warnings.simplefilter("ignore")
    for name in args.networks:
        model = network(name, args.data, args.device)
        small = min(model.input.size) < 100
        steps = args.steps if small else args.scaled
        images = faces(args.data, args.pictures, model.input.size)
        compare(name, model, images, steps, args.starts, args.batch, len(images) if small else args.few)
        limits(model, images, args.batch)


def compare(name: str, model: Model, images: np.ndarray, steps: int, starts: int, batch: int, few: int) -> None:
    """Time, and where torchray runs in full, objective."""
    targets = model.predict(images).argmax(1)
    peer, half = (
        explainers.create("extremal_perturbation", engine="reference", steps=n) for n in (steps, max(steps // 2, 1))
    )
    ours = explainers.create("extremal_perturbation")
    model.batch_size = batch
    ours.explain(model, images[:1], targets[:1])
    slow, fast, told, found = 0.0, 0.0, [], []
    for start in range(starts):
        seen = images if not start else noisy(images, start)
        seconds, one = timed(lambda: peer.explain(model, seen[:few], targets[:few]))  # noqa: B023
        if steps < FULL:
            seconds -= timed(lambda: half.explain(model, seen[:few], targets[:few]))[0]  # noqa: B023
            seconds *= FULL / (steps - max(steps // 2, 1))
        slow, told = slow + seconds / few, [*told, one.extras]
        seconds, one = timed(lambda: ours.explain(model, seen, targets))  # noqa: B023
        fast, found = fast + seconds / len(seen), [*found, one.extras]
    scaled = "" if steps == FULL else f" (scaled from {steps} steps of {few})"
    print(
        f"{name}: {len(images)} pictures, {starts} starts, {torch.get_num_threads()} threads: torchray "
        f"{slow / starts:.2f} s a picture{scaled}, ours {fast / starts:.3f} s: "
        f"x{slow / fast:.1f}",
        flush=True,
    )
    if steps < FULL:
        print("  objective not compared")
        return
    for key in ("reward", "violation", "area"):
        a, b = (np.mean([extras[key][:, 0] for extras in side], 0) for side in (told, found))
        more = b - a
        width = 1.96 * more.std(ddof=1) / len(more) ** 0.5 if len(more) > 1 else np.nan
        p = wilcoxon(more).pvalue if len(more) > 5 else np.nan
        print(
            f"  {key:9s} torchray {a.mean():.4f} (median {np.median(a):.4f}), ours {b.mean():.4f} "
            f"({np.median(b):.4f}), difference {more.mean():+.4f} +- {width:.4f}, "
            f"paired p = {p:.3f}",
            flush=True,
        )


def noisy(images: np.ndarray, seed: int) -> np.ndarray:
    """The pictures with each value changed by -1, 0 or 1."""
    noise = np.random.default_rng(seed).integers(-1, 2, images.shape)
    return (images.astype(int) + noise).clip(0, 255).astype(np.uint8)


def limits(model: Model, images: np.ndarray, batch: int) -> None:
    """Where a step's time goes: forward and backward of each part alone."""
    size = model.input.size
    pictures = model.prepare(images[:batch])
    step, sigma = lengths(explainers.create("extremal_perturbation").options, size)
    masks = SmoothMasks(size, step, sigma, 1)
    pyramid, net = Pyramid(pictures, "blur", 8, 20.0), model.engine.network
    which = torch.arange(len(pictures), device=pictures.device)
    parameters = torch.rand(len(pictures), *masks.lattice, device=pictures.device)
    flat = masks.fine(masks.coarse(parameters)).detach()
    parts = {
        "network": (net, pyramid.apply(flat, which)),
        "masks": (lambda p: masks.fine(masks.coarse(p)), parameters),
        "pictures": (lambda m: pyramid.apply(m, which), flat),
    }
    seconds = {
        part: Timer(
            "gradient(run, x)", globals={"gradient": gradient, "run": run, "x": x}, num_threads=torch.get_num_threads()
        )
        .timeit(5)
        .mean
        / len(pictures)
        for part, (run, x) in parts.items()
    }
    whole = sum(seconds.values())
    shares = ", ".join(f"{part} {1e3 * s:.2f} ms ({s / whole:.0%})" for part, s in seconds.items())
    starts = explainers.create("extremal_perturbation").options.starts
    print(f"  a step ({FAST_STEPS} of them, {starts} starts), forward and backward: {shares}", flush=True)


def gradient(run: Callable[[torch.Tensor], torch.Tensor], x: torch.Tensor) -> torch.Tensor:
    """The derivative of the sum of what ``run`` makes of ``x``."""
    x = x.detach().requires_grad_()
    return torch.autograd.grad(run(x).sum(), x)[0]


if __name__ == "__main__":
    main()
