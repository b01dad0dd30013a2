"""Clicks against gaze on real photographs: how their agreement grows with the number of people.

    python benchmarks/bubbleview.py ../shared/data/osie_bubbleview [--figure FILE.png]

Clicks of BubbleView (Kim et al. 2017; blur 30 px, bubbles of 30 px) and fixations of OSIE (Xu et al. 2014) on the same
51 photographs, each as maps with Gaussians of 24 px (one degree). So many people who clicked are drawn at random, and
their mean map is correlated with that of all 15 who looked; beside it stands how far so many of those who looked
agree with the others of them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd

from xai_compare.human import read_clicks, read_fixations
from xai_compare.human.agreement import agreement_curve
from xai_compare.report.figure_files import save_png
from xai_compare.report.human.attention import growth as draw
from xai_compare.report.style import styled

SHAPE, SIGMA = (480, 640), 24.0


def measure(folder: Path, draws: int = 10) -> pd.DataFrame:
    """The three curves: clicks against gaze, gaze against gaze, clicks against clicks."""
    clicks = read_clicks(folder / "osie30x30.mat", format="bubbleview")
    gaze = read_fixations(folder / "osie-eye-official.mat", format="osie")
    images = dict.fromkeys(gaze["image"].unique(), SHAPE)
    curves = {
        "clicks against gaze": agreement_curve(clicks, gaze, images, SIGMA, draws),
        "gaze against gaze": agreement_curve(gaze, None, images, SIGMA, draws),
        "clicks against clicks": agreement_curve(clicks, None, images, SIGMA, draws),
    }
    return pd.concat([table.assign(curve=name) for name, table in curves.items()], ignore_index=True)


def main() -> None:
    """Print the table; draw the figure if asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--figure", type=Path)
    asked = parser.parse_args()
    table = measure(asked.folder)
    print(table.pivot(index="people", columns="curve", values="value").round(3).to_string())
    clicks = table[table["curve"] == "clicks against gaze"].set_index("people")["value"]
    enough = int(np.argmax(clicks.to_numpy() >= 0.95 * clicks.max()))
    print(f"\n{clicks.index[enough]} people who click reach 95 % of the agreement with gaze of {clicks.index[-1]}")
    if asked.figure:
        said = "Mean over 51 photographs; the band is the 95 % interval of the mean"
        with styled():
            figure = draw(table, "Clicks against gaze, by number of people", said, simulated=False)
        save_png(figure, asked.figure)


if __name__ == "__main__":
    main()
