"""Which picture a point belongs to, and whether it lies on it."""

from __future__ import annotations

import unicodedata
import warnings
from collections.abc import Iterable, Mapping, Sequence
from pathlib import PurePosixPath

import pandas as pd

from xai_compare.errors import InputError

PICTURE_SUFFIXES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".gif", ".webp", ".ppm", ".pgm"})

_SHOWN = 5


def match_images(names: Iterable[str], images: Iterable[str]) -> tuple[dict[str, str], dict[str, str]]:
    """Return which image each name means: ``{name: image}``, and ``{name: reason}`` for those that mean none.

    An image of exactly that name comes first. Otherwise a name means an image if one is the end of the other, folder by
    folder, and their picture suffixes are equal or one has none: ``s1/anger`` means ``faces/S1/anger.jpg``, and
    ``anger.png`` does not. Upper and lower case, composed and decomposed letters, and both slashes are alike. Where
    that fits several images, or several names that differ in their folders fit one image, none is chosen.
    """
    images = list(images)
    parts = {image: _parts(image) for image in images}
    by_stem: dict[str, list[str]] = {}
    for image in images:
        by_stem.setdefault(parts[image][0][-1], []).append(image)
    matched: dict[str, str] = {}
    reasons: dict[str, str] = {}
    for name in dict.fromkeys(names):
        own = _parts(name)
        fits = [image for image in by_stem.get(own[0][-1], []) if _compatible(own, parts[image])]
        if name in parts:
            matched[name] = name
        elif len(fits) == 1:
            matched[name] = fits[0]
        else:
            reasons[name] = f"could be {' or '.join(fits[:3])}" if fits else "no picture of that name"
    _unmatch_rivals(matched, reasons)
    return matched, reasons


def _parts(name: str) -> tuple[tuple[str, ...], str]:
    # An accented letter is one character or two, by the system that named the file: composed, they are alike.
    path = PurePosixPath(unicodedata.normalize("NFC", name.strip().replace("\\", "/").casefold()))
    suffix = path.suffix if path.suffix in PICTURE_SUFFIXES else ""
    folders = [part for part in path.parts if part not in {"/", "."}] or [""]
    stem = folders[-1].removesuffix(suffix) if suffix else folders[-1]
    return (*folders[:-1], stem), suffix


def _compatible(a: tuple[tuple[str, ...], str], b: tuple[tuple[str, ...], str]) -> bool:
    depth = min(len(a[0]), len(b[0]))
    return a[0][-depth:] == b[0][-depth:] and (a[1] == b[1] or not a[1] or not b[1])


def _unmatch_rivals(matched: dict[str, str], reasons: dict[str, str]) -> None:
    """Take back names of different pictures that fit the same image, such as a/1.jpg and b/1.jpg for 1.jpg."""
    names_of: dict[str, list[str]] = {}
    for name, image in matched.items():
        names_of.setdefault(image, []).append(name)
    for image, names in names_of.items():
        if image in names:
            rivals = [name for name in names if not _compatible(_parts(name), _parts(image))]
        else:
            longest = _parts(max(names, key=lambda name: len(_parts(name)[0])))
            rivals = names if any(not _compatible(_parts(name), longest) for name in names) else []
        for name in rivals:
            del matched[name]
            reasons[name] = f"as {' and '.join(names[:3])}, could be {image}"


def points_on_images(frame: pd.DataFrame, images: Mapping[str, tuple[int, int]]) -> pd.DataFrame:
    """Return the points that lie on one of the pictures, with ``image`` as named in ``images``.

    A picture of ``h`` by ``w`` pixels reaches from -0.5 to ``w - 0.5`` in x and to ``h - 0.5`` in y, for pixel centres
    lie at integers. ``attrs`` of the result gain ``unmatched`` {image name in the frame: reason} and, in ``dropped``,
    the points ``"of other pictures"`` and ``"outside the picture"``. Names without a picture are told in one warning.

    Args:
        frame: points, with ``image``, ``x`` and ``y``.
        images: each picture's (height, width) in pixels.

    Raises:
        InputError: if no name matches, or no point lies on a picture.
    """
    names = frame["image"].astype(str)
    image_of, reasons = match_images(names.unique(), images)
    if not image_of:
        hint = f"the pictures are {_few(sorted(images))}" if images else "no picture is given"
        what = f"none of the images that people saw is among the pictures ({_few(sorted(reasons))})"
        raise InputError(what, hint=hint)
    known = frame.assign(image=names.map(image_of))[names.isin(set(image_of))]
    height, width = (known["image"].map({image: shape[axis] for image, shape in images.items()}) for axis in (0, 1))
    inside = known["x"].ge(-0.5) & known["y"].ge(-0.5) & known["x"].lt(width - 0.5) & known["y"].lt(height - 0.5)
    if not inside.any():
        what = f"all {len(known)} points lie outside their pictures"
        raise InputError(what, hint="give x and y in pixels of the picture, from its top left corner")
    if reasons:
        warnings.warn(unmatched_line(reasons), UserWarning, stacklevel=2)
    kept = known[inside].reset_index(drop=True)
    dropped = frame.attrs.get("dropped", {}) | {
        "of other pictures": len(frame) - len(known),
        "outside the picture": int((~inside).sum()),
    }
    kept.attrs = frame.attrs | {"dropped": dropped, "unmatched": reasons}
    return kept


def unmatched_line(reasons: Mapping[str, str]) -> str:
    """Which images that people saw are left out, and why, in one line."""
    absent = sorted(name for name, why in reasons.items() if why.startswith("no picture"))
    line = f"{len(reasons)} images that people saw are left out:"
    if absent:
        line += f" {len(absent)} not among the pictures ({_few(absent)});"
    for name in sorted(set(reasons) - set(absent))[:_SHOWN]:
        line += f" {name} {reasons[name]};"
    return line.rstrip(";")


def _few(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more
