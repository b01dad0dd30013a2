"""Render the masks of `ekman_masks/` again: ``python tools/render_ekman_masks.py [FOLDER OF PUBLISHED MASKS]``.

Writes one PNG per expression, and, where the published masks are given, ``agreement.csv``: intersection over union of
each mask, and of the union of its action units' regions, with the published picture.
"""

from __future__ import annotations

import csv
import sys
from pathlib import Path

import numpy as np
from PIL import Image

from xai_compare.ekman.definitions import data_folder
from xai_compare.ekman.pictures import read_masks
from xai_compare.ekman.regions import action_units, mask, masks, union


def _iou(a: np.ndarray, b: np.ndarray) -> float:
    return float((a & b).sum() / (a | b).sum())


def write_pictures(folder: Path) -> None:
    """Write the six masks as 8-bit grey PNG (0 outside, 255 inside), 275 high and 224 wide."""
    for name, drawn in masks().items():
        Image.fromarray(np.where(drawn, 255, 0).astype(np.uint8)).save(folder / f"{name}.png", optimize=True)


def write_agreement(folder: Path, published: dict[str, np.ndarray]) -> None:
    """Write ``agreement.csv``: how the masks and the unions of action-unit regions meet the published masks."""
    with (folder / "agreement.csv").open("w", newline="", encoding="utf-8") as file:
        rows = csv.writer(file, lineterminator="\n")
        rows.writerow(
            ["expression", "action_units", "iou_mask_published", "pixels_missing", "pixels_extra",
             "iou_union_published", "union_inside_published", "published_inside_union"]
        )  # fmt: skip
        for name, theirs in published.items():
            ours, units = mask(name), union(name)
            shared = (units & theirs).sum()
            rows.writerow(
                [name, " ".join(map(str, action_units(name))), f"{_iou(ours, theirs):.4f}", (theirs & ~ours).sum(),
                 (ours & ~theirs).sum(), f"{_iou(units, theirs):.4f}", f"{shared / units.sum():.4f}",
                 f"{shared / theirs.sum():.4f}"]
            )  # fmt: skip


if __name__ == "__main__":
    write_pictures(data_folder())
    if len(sys.argv) > 1:
        write_agreement(data_folder(), read_masks(sys.argv[1]))
