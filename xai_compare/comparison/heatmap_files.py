"""Ready-made heatmaps and masks, from any tool, read from picture files named by a pattern."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from xai_compare.comparison.arrays import size_text
from xai_compare.comparison.score_frame import ALL_FOLDS, MEAN_OF_FOLDS, MapKey
from xai_compare.data_files import read_npy
from xai_compare.errors import InputError, nearest
from xai_compare.expressions import ALIASES, canonical, ordered
from xai_compare.files import check_regular, refuse_size

PATTERN = "{model}_{expression}_heatmap.png"
_FIELDS = ("model", "expression", "fold")
_PICTURES = (".png", ".tif", ".tiff", ".bmp", ".pgm", ".gif", ".jpg", ".jpeg", ".webp", ".npy")
_EXPRESSION = "|".join(re.escape(alias).replace("_", "[ _-]") for alias in sorted(ALIASES, key=len, reverse=True))


def read_heatmaps(folder: Path | str, pattern: str = PATTERN) -> dict[MapKey, npt.NDArray[np.generic]]:
    """Read the heatmaps of a folder, named by a pattern.

    Args:
        folder: where they lie; a pattern with ``/`` reaches into subfolders.
        pattern: a file name with ``{model}``, ``{expression}`` (any usual name of it, in any case) and, if there are
            folds, ``{fold}``. Files that do not fit it are passed over; `unmatched` lists them.

    Returns:
        {(model, expression, fold): uint8 or float32 (h, w)}, sorted by model, expression and fold; fold is ``"all"``
        without ``{fold}``. All have one size.

    Raises:
        InputError: for a folder that is not there, a faulty pattern, no match, an expression nobody knows, a file
            that cannot be read as one grey picture, two files for one map, or differing sizes.
    """
    folder = Path(folder)
    files: dict[MapKey, Path] = {}
    for path, fields in _matches(folder, pattern):
        try:
            expression = canonical(fields["expression"])
        except InputError as error:
            raise InputError(error.what, where=path, hint=error.hint) from None
        key = MapKey(fields["model"], expression, fields.get("fold", ALL_FOLDS))
        if "fold" in fields and key.fold in (ALL_FOLDS, MEAN_OF_FOLDS):
            raise InputError(f"a fold cannot be called {key.fold!r}, which stands for all of them", where=path)
        if key in files:
            raise InputError(f"the same map as {files[key].name}: {', '.join(key)}", where=path, hint="keep one")
        files[key] = path
    if not files:
        raise InputError(f"no file is named {pattern}{_example(folder)}", where=folder, hint="give another pattern")
    order = {expression: i for i, expression in enumerate(ordered(key.expression for key in files))}
    keys = sorted(files, key=lambda key: (key.a.casefold(), key.a, order[key.expression], _natural(key.fold)))
    maps = {key: read_grey(files[key]) for key in keys}
    _check_sizes({files[key]: maps[key] for key in keys})
    return maps


def unmatched(folder: Path | str, pattern: str = PATTERN) -> list[Path]:
    """Return the pictures of ``folder`` that `read_heatmaps` passes over, sorted."""
    folder = Path(folder)
    matched = {path for path, _ in _matches(folder, pattern)}
    return [path for path in _files(folder, "/" in pattern) if path not in matched]


def read_grey(path: Path) -> npt.NDArray[np.generic]:
    """Read one picture of grey values (or a ``.npy`` array) as (h, w).

    Returns:
        uint8 for 8-bit pictures, float32 for 16-bit, 32-bit and floating-point ones and for arrays. Colour pictures
        pass if their channels are equal, and an alpha channel if it is opaque.

    Raises:
        InputError: if it cannot be read, is in colour (the colours of a colour map are not values), is
            transparent, or holds values that are not finite.
    """
    try:
        check_regular(path, 1 << 60)
        if path.suffix.lower() == ".npy":
            values = read_npy(path)
        else:
            with Image.open(path) as picture:
                refuse_size(picture.width * picture.height * 8, path)
                values = _pixels(picture)
    except InputError:
        raise
    except Exception as error:  # A damaged file makes decoders raise whatever they like, tokenize's errors included.
        text = (
            "not a picture" if isinstance(error, Image.UnidentifiedImageError) else str(error) or type(error).__name__
        )
        raise InputError(f"cannot be read: {text}", where=path) from None
    if values.ndim == 3 and values.shape[2] in (2, 4):
        if values[..., -1].min() < 255:
            raise InputError("a picture with transparent pixels", where=path, hint="save the heatmap without alpha")
        values = values[..., :-1]
    if values.ndim == 3 and values.shape[2] in (1, 3) and (values == values[..., :1]).all():
        values = values[..., 0]
    if values.ndim == 3 and values.shape[2] == 3:
        raise InputError("a picture in colour", where=path, hint="save the grey heatmap, colours are not values")
    if values.ndim != 2 or values.dtype.kind not in "buif" or 0 in values.shape:
        raise InputError(f"a heatmap is (height, width) numbers, got {values.dtype} {values.shape}", where=path)
    if values.dtype.kind == "f" and not np.isfinite(values).all():
        raise InputError("holds values that are not finite", where=path)
    return values if values.dtype == np.uint8 else values.astype(np.float32)


def _pixels(picture: Image.Image) -> npt.NDArray[np.generic]:
    """Return the pixels of an opened picture, palettes, inks and single bits turned into plain 8-bit channels."""
    plain = {"P": "RGBA", "PA": "RGBA", "CMYK": "RGB", "YCbCr": "RGB", "LAB": "RGB", "HSV": "RGB", "1": "L"}
    picture.load()
    return np.asarray(picture.convert(plain[picture.mode]) if picture.mode in plain else picture)


def _matches(folder: Path, pattern: str) -> Iterator[tuple[Path, dict[str, str]]]:
    strict, loose = _expressions(pattern)
    for path in _files(folder, "/" in pattern):
        name = path.relative_to(folder).as_posix()
        # An expression may hold the separator itself ("no_expression"), so the vocabulary is tried first.
        match = strict.fullmatch(name) or loose.fullmatch(name)
        if match:
            yield path, match.groupdict()


def _expressions(pattern: str) -> tuple[re.Pattern[str], re.Pattern[str]]:
    """Return the pattern as two regular expressions: known expressions only, and any name in their place."""
    fields = re.findall(r"\{(.*?)\}", pattern)
    for field in fields:
        if field not in _FIELDS:
            raise InputError(f"unknown field {{{field}}} in the pattern {pattern}", hint=nearest(field, _FIELDS))
    for field in _FIELDS:
        if fields.count(field) != 1 and not (field == "fold" and field not in fields):
            raise InputError(f"the pattern {pattern} must hold {{{field}}} once")
    parts = re.split(r"\{(.*?)\}", pattern)

    def expression(known: str) -> re.Pattern[str]:
        groups = {"model": "[^/]+", "expression": known, "fold": "[^/]+?"}
        text = "".join(f"(?P<{part}>{groups[part]})" if i % 2 else re.escape(part) for i, part in enumerate(parts))
        return re.compile(text, re.IGNORECASE)

    return expression(_EXPRESSION), expression("[^/]+?")


def _files(folder: Path, deep: bool) -> list[Path]:
    if not folder.is_dir():
        raise InputError("no such folder", where=folder)
    paths: Iterable[Path] = folder.rglob("*") if deep else folder.iterdir()
    return sorted(path for path in paths if path.suffix.lower() in _PICTURES and path.is_file())


def _example(folder: Path) -> str:
    files = _files(folder, deep=True)
    return f" (one of {len(files)} pictures here: {files[0].relative_to(folder).as_posix()})" if files else ""


def _natural(name: str) -> list[tuple[bool, int, str]]:
    """Sort key by which fold 10 comes after fold 9."""
    return [(part.isdigit(), int(part) if part.isdigit() else 0, part) for part in re.split(r"(\d+)", name)]


def _check_sizes(pictures: dict[Path, npt.NDArray[np.generic]]) -> None:
    first, reference = next(iter(pictures.items()))
    for path, picture in pictures.items():
        if picture.shape != reference.shape:
            raise InputError(
                f"sizes differ: {size_text(picture)} pixels here, {size_text(reference)} in {first.name}",
                where=path,
                hint="bring the pictures to one size",
            )
