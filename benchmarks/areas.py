"""Areas and landmarks against the hand outlines of the London set: overlap per area, landmark error.

    python benchmarks/areas.py ../shared/data/london

The London set (DeBruine & Jones 2017) has 189 points on each neutral picture, placed by hand. Landmarks are dlib's.
Areas are compared without their margin, on every second picture; those between them served to fit what 68 landmarks do
not tell, such as the height of a brow. The error of the landmarks, on all pictures, is the distance to the point placed
by hand for the same place, in percent of the distance between the pupils.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from skimage.draw import polygon2mask

from xai_compare import faces
from xai_compare.human.areas import NAMES, face_areas
from xai_compare.images import read_image

_HAIR = [135, 136, 137, 138, 139, 140, 141, 142, 143]
OUTLINES = {
    "left eye": [18, 19, 20, 21, 22, 30, 29, 28],
    "right eye": [23, 24, 25, 26, 27, 33, 32, 31],
    "left brow": [71, 72, 73, 74, 75, 76, 84, 83],
    "right brow": [77, 78, 79, 80, 81, 82, 86, 85],
    "nose": [50, 51, 52, 53, 61, 62, 63, 64, 170, 55, 172, 69, 68, 67, 66, 59, 58, 57, 56],
    "mouth": [87, 88, 89, 90, 91, 92, 93, 108, 107, 106, 105, 104],
    "forehead": [134, *_HAIR, 144, 82, 81, 80, 79, 78, 77, 76, 75, 74, 73, 72, 71],
}
"""Points of the template around each area; cheeks have no outline of their own."""

SAME_PLACE = {
    36: 18, 39: 22, 42: 23, 45: 27, 37: 19, 38: 21, 43: 24, 44: 26, 41: 28, 40: 30, 47: 31, 46: 33, 48: 87, 54: 93,
    51: 90, 57: 106, 50: 89, 52: 91, 60: 94, 64: 98, 33: 55, 8: 129, 17: 71, 26: 82, 21: 76, 22: 77,
}  # fmt: skip
"""dlib's landmarks that mark the same place as a point of the template."""


def measure(folder: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
    """The overlap of each area on each picture, and the error of each landmark."""
    template = pd.read_csv(folder / "templates.csv")
    overlaps, errors = [], []
    for number, (image, own) in enumerate(template.groupby("image")):
        hand = own.set_index("point")[["x", "y"]]
        picture = read_image(folder / "images" / image)
        found = faces.detect(picture)
        if not found:
            overlaps.append({"image": image, "area": "no face found", "iou": np.nan})
            continue
        shape, landmarks = picture.shape[:2], found[0].landmarks
        areas = face_areas(landmarks, shape, margin=0)
        for name, points in OUTLINES.items() if number % 2 else ():
            by_hand = polygon2mask(shape, hand.loc[points, ["y", "x"]].to_numpy())
            if name == "forehead":
                by_hand &= ~(areas.mask("left brow") | areas.mask("right brow"))
            ours = areas.mask(name)
            both, either = (ours & by_hand).sum(), (ours | by_hand).sum()
            overlaps.append({"image": image, "area": name, "iou": both / either, "covered": both / by_hand.sum(),
                             "precise": both / max(ours.sum(), 1)})  # fmt: skip
        pupils = np.linalg.norm(hand.loc[0] - hand.loc[1])
        for mine, theirs in SAME_PLACE.items():
            away = np.linalg.norm(landmarks[mine] - hand.loc[theirs].to_numpy())
            errors.append({"image": image, "landmark": mine, "percent": 100 * away / pupils})
    return pd.DataFrame(overlaps), pd.DataFrame(errors)


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    overlaps, errors = measure(parser.parse_args().folder)
    table = overlaps.groupby("area")[["iou", "covered", "precise"]].agg(["mean", "min"]).reindex(
        [name for name in NAMES if name in OUTLINES]
    )  # fmt: skip
    lost = (overlaps["area"] == "no face found").sum()
    print(
        f"areas on {overlaps['image'].nunique()} pictures, landmarks on {errors['image'].nunique()}, no face in {lost}"
    )
    print(table.round(3).to_string())
    groups = {"eyes": range(36, 48), "mouth": range(48, 65), "nose": [33], "chin": [8], "brows": [17, 21, 22, 26]}
    print("\nlandmark error, percent of the distance between the pupils")
    for name, numbers in groups.items():
        own = errors[errors["landmark"].isin(list(numbers))]["percent"]
        print(f"{name:6} mean {own.mean():5.2f}  median {own.median():5.2f}  95 % below {own.quantile(0.95):5.2f}")
    print(f"{'all':6} mean {errors['percent'].mean():5.2f}  median {errors['percent'].median():5.2f}")


if __name__ == "__main__":
    main()
