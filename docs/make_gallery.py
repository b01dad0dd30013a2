"""Draw the gallery: ``python docs/make_gallery.py FOLDER`` runs a small study of simulated faces there, and draws it.

The study is the bundled default without its photograph, so that no person's face is in a picture.
"""

from __future__ import annotations

import io
import sys
from pathlib import Path

import pandas as pd
from PIL import Image

import xai_compare as xc
from xai_compare.errors import InputError
from xai_compare.report.figure_files import png_of
from xai_compare.report.section import SECTIONS
from xai_compare.study import Study
from xai_compare.synthetic import bundled_study

DOCS = Path(__file__).parent
WIDTH = 900
HEAD = """\
# Gallery

Every figure is drawn from a run that is there, by one line; `xai-compare figures RUN --out DIR` writes them for print.
The pictures here are made by `python docs/make_gallery.py FOLDER`: simulated faces and clicks, two small networks.

```python
import xai_compare as xc

run = xc.Run.open("runs/default")
```
"""


def small_study(folder: Path) -> Study:
    """The bundled default without its photograph and its slowest explainer, and with every further stage."""
    study = bundled_study(folder).model_dump(mode="json", exclude_none=True)
    labels = pd.read_csv(study["images"]["manifest"])
    kept = labels[labels["dataset"] == "simulated"]
    study["images"]["manifest"] = str(Path(study["images"]["manifest"]).with_name("simulated.csv"))
    kept.to_csv(study["images"]["manifest"], index=False)
    study["models"] = [model for model in study["models"] if model["name"] != "photographic"]
    study["explainers"] = ["cam", "grad_cam", {"lime": {"n_samples": 500}}]
    return Study.parse({**study, "name": "gallery (simulated)", "tests": True, "multiverse": True})


def draw(run: xc.Run) -> list[str]:
    """The first figure of each section, as WebP, and what the page says of it."""
    parts = []
    (DOCS / "gallery").mkdir(exist_ok=True)
    for name in SECTIONS.names():
        try:
            figures = getattr(run.plot, name)()
        except InputError:  # The run has nothing to draw for it.
            continue
        if not figures:
            continue
        picture = Image.open(io.BytesIO(png_of(figures[0]))).convert("RGB")
        picture.thumbnail((WIDTH, 1600))
        picture.save(DOCS / "gallery" / f"{name}.webp", quality=80)
        told = figures.pictures[0]
        line = f"`run.plot.{name}()`" + (f", the first of {len(figures)}" if len(figures) > 1 else "")
        picture_line = f"![{told.title}](gallery/{name}.webp)"
        parts.append(f"\n## {SECTIONS.get(name).title}\n{line}\n\n{picture_line}\n\n{told.what} {told.how}\n")
    return parts


if __name__ == "__main__":
    place = Path(sys.argv[1])
    finished = xc.run(small_study(place), place, report=False)
    (DOCS / "gallery.md").write_text(HEAD + "".join(draw(finished)), "utf-8")
