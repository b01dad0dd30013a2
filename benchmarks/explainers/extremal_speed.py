"""Extremal perturbations: wall time and objective against torchray's 800 steps.

Single pictures differ much with small changes of the start, so distributions are compared: rewards and area
violations of all pictures, with a rank test.
"""

from __future__ import annotations

import warnings

import numpy as np
from common import arguments, faces, network, timed
from scipy.stats import wilcoxon

from xai_compare import explainers


def main() -> None:
    """Print one block per network."""
    args = arguments(__doc__ or "", batch=32, steps=800)
    warnings.simplefilter("ignore")
    for name in args.networks:
        model = network(name, args.data, args.device)
        images = faces(args.data, args.pictures, model.input.size)
        targets = model.predict(images).argmax(1)
        peer = explainers.create("extremal_perturbation", engine="reference", steps=args.steps)
        ours = explainers.create("extremal_perturbation", batch_size=args.batch)
        slow, told = timed(lambda: peer.explain(model, images, targets))  # noqa: B023
        fast, found = timed(lambda: ours.explain(model, images, targets))  # noqa: B023
        each = (slow / len(images), fast / len(images))
        print(f"{name}: torchray {each[0]:.1f} s a picture, ours {each[1]:.2f} s: x{slow / fast:.1f}")
        for key in ("reward", "violation", "area"):
            a, b = told.extras[key][:, 0], found.extras[key][:, 0]
            p = wilcoxon(a, b).pvalue if len(a) > 5 else np.nan
            print(f"  {key:9s} torchray {a.mean():.4f} (median {np.median(a):.4f}), "
                  f"ours {b.mean():.4f} ({np.median(b):.4f}), paired p = {p:.3f}", flush=True)  # fmt: skip


if __name__ == "__main__":
    main()
