"""Draw `xai_compare/faces/mean_face.png` anew: the mean of 200 simulated neutral faces on the standard face."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from xai_compare import faces, synthetic

PEOPLE = 200
FILE = Path(faces.__file__).parent / "mean_face.png"


def main() -> None:
    """Render, warp each onto the standard face, and average."""
    drawn = synthetic.faces(n_identities=PEOPLE, expressions=["neutral"], seed=11, size=(224, 224))
    mean = faces.standardize(drawn.images, drawn.landmarks).mean(0)
    Image.fromarray(mean.round().astype(np.uint8)).save(FILE, optimize=True)


if __name__ == "__main__":
    main()
