"""Peak memory of one explainer for a number of samples (steps): run it once for each number, each in its own process.

python benchmarks/explainers/samples_memory.py lime 1000; python benchmarks/explainers/samples_memory.py lime 10000
"""

from __future__ import annotations

import resource
import sys

import numpy as np
from PIL import Image

from xai_compare import explainers, synthetic


def main() -> None:
    """Explain two simulated faces with the bundled network and print the process's peak."""
    name, n = sys.argv[1], int(sys.argv[2])
    model = synthetic.bundled("compact")
    height, width = model.input.size
    faces = synthetic.faces(n_identities=1, seed=3).images[:2]
    images = np.stack([np.asarray(Image.fromarray(face).resize((width, height))) for face in faces])
    explainers.create(name, **{"steps" if name == "extremal_perturbation" else "n_samples": n})(model, images)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(f"{name}, {n}: {peak:.2f} GB (Linux)")


if __name__ == "__main__":
    main()
