"""Draw the house from the code's own imports: ``python docs/make_house.py``."""

from __future__ import annotations

import configparser
from pathlib import Path

import grimp
import matplotlib as mpl

mpl.use("Agg")
import matplotlib.pyplot as plt
from matplotlib.patches import FancyArrowPatch, FancyBboxPatch

ROOT = Path(__file__).resolve().parents[1]
SMALL = {"heatmaps", "agreement", "registry", "validation", "expressions", "extras", "files", "errors", "version"}
"""Modules that every room may use; arrows to them would say nothing."""
COLOURS = {
    "cli": "#cfd8e6",
    "api": "#cfd8e6",
    "report": "#e9d7c3",
    "analysis": "#e9d7c3",
    "runs": "#d5e5d2",
    "study": "#d5e5d2",
}


def rooms() -> list[str]:
    """The rooms from the highest to the lowest, as the linter holds them."""
    config = configparser.ConfigParser()
    config.read(ROOT / ".importlinter")
    return [room for room in config["importlinter:contract:rooms"]["layers"].split() if room not in SMALL]


def imports(names: list[str]) -> dict[tuple[str, str], int]:
    """How many modules of one room import from another."""
    graph = grimp.build_graph("xai_compare", exclude_type_checking_imports=True)
    counts: dict[tuple[str, str], int] = {}
    for module in graph.modules:
        room = module.split(".")[1] if "." in module else ""
        used = {other.split(".")[1] for other in graph.find_modules_directly_imported_by(module) if "." in other}
        for other in used - {room}:
            if room in names and other in names:
                counts[room, other] = counts.get((room, other), 0) + 1
    return counts


def draw(file: Path) -> None:
    """One box for each room, highest at the top; an arrow's width says how many modules import."""
    names = rooms()
    figure, axes = plt.subplots(figsize=(7.2, 8.4))
    heights = {name: len(names) - place for place, name in enumerate(names)}
    for name, height in heights.items():
        colour = COLOURS.get(name, "#f1f1ec")
        axes.add_patch(FancyBboxPatch((0, height - 0.3), 2, 0.6, boxstyle="round,pad=0.02", fc=colour, ec="#555555"))
        files = len(list((ROOT / "xai_compare" / name).rglob("*.py")))
        axes.text(1, height, f"{name}  ({files} files)", ha="center", va="center", fontsize=9)
    for (upper, lower), count in imports(names).items():
        style = {
            "arrowstyle": "-|>",
            "mutation_scale": 7,
            "color": "#33415c",
            "alpha": 0.55,
            "lw": 0.3 + 0.12 * min(count, 20),
        }
        bend = -0.35 if heights[upper] - heights[lower] > 1 else 0
        start, end = (2.05, heights[upper] - 0.08), (2.05, heights[lower] + 0.08)
        if not bend:
            start, end = (1, heights[upper] - 0.33), (1, heights[lower] + 0.33)
        axes.add_patch(FancyArrowPatch(start, end, connectionstyle=f"arc3,rad={bend}", **style))
    axes.text(1, len(names) + 0.75, "A room uses only rooms below it", ha="center", fontsize=11)
    axes.set(xlim=(-0.2, 3.2), ylim=(0.3, len(names) + 1.1))
    axes.axis("off")
    figure.savefig(file, dpi=150, bbox_inches="tight", metadata={"Software": None})


if __name__ == "__main__":
    draw(ROOT / "docs" / "house.png")
