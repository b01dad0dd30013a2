"""A format of human data."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from xai_compare.human.formats import register


@register("toy_clicks", yields="clicks")
def toy_clicks(path: Path) -> pd.DataFrame:
    """Lines such as ``anna@anger0.png:30,40``."""
    rows = []
    for line in path.read_text("utf-8").splitlines():
        who, _, rest = line.partition("@")
        image, _, place = rest.partition(":")
        x, _, y = place.partition(",")
        rows.append((who, image, x, y))
    return pd.DataFrame(rows, columns=["participant", "image", "x", "y"])
