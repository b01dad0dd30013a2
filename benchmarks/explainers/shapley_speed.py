"""All answers from one set of passes (Shapley, Banzhaf, LIME, interactions) against LIME alone: seconds a picture."""

from __future__ import annotations

import numpy as np
import torch
from common import arguments, faces, network, timed

from xai_compare import explainers, models

ASKED = {
    "LIME alone": ("lime", {}),
    "values and LIME's weights": ("shapley", {}),
    "with interactions": ("shapley", {"interactions": True}),
}


def main() -> None:
    """Print seconds a picture and ratios; of three runs each the least, taken in turn."""
    args = arguments(__doc__ or "", samples=1000)
    for name in args.networks:
        model = models.load({"bundled": name}) if name == "photographic" else network(name, args.data)
        images = faces(args.data, args.pictures, model.input.size)
        took: dict[str, list[float]] = {label: [] for label in ASKED}
        for _ in range(3):
            for label, (explainer, options) in ASKED.items():
                made = explainers.create(explainer, n_samples=args.samples, precision="fp32", **options)
                took[label].append(timed(lambda: made.explain(model, images))[0] / len(images))  # noqa: B023
        least = {label: float(np.min(seconds)) for label, seconds in took.items()}
        for label, seconds in least.items():
            print(f"{name}, {label}: {seconds:.3f} s a picture, {seconds / least['LIME alone']:.2f}", flush=True)


if __name__ == "__main__":
    with torch.no_grad():
        main()
