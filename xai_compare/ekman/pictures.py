"""Masks kept as pictures in a folder, one per expression."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
from PIL import Image

from xai_compare import expressions
from xai_compare.errors import InputError

INSIDE = 127
"""Grey values above this are inside the mask."""

_SUFFIXES = {".png", ".bmp", ".gif", ".jpg", ".jpeg", ".tif", ".tiff", ".webp"}
_EIGHT_BIT = {"1", "L", "LA", "P", "PA", "RGB", "RGBA"}
_HINT = "name the pictures like anger_gt.png, or give the pattern"


def read_masks(folder: Path | str, pattern: str | None = None) -> dict[str, np.ndarray]:
    """Read a folder of mask pictures, one per expression.

    Args:
        folder: the pictures; files that name no expression are passed over.
        pattern: a file name with ``{expression}`` in it, such as ``{expression}_gt.png``, whatever the case; by
            default every picture counts that has the name or a usual alias of an expression as a word of its name.

    Returns:
        bool ``(h, w)`` per expression, in the vocabulary's order; True where the grey value is above 127.

    Raises:
        InputError: if the folder is missing or has no mask, a picture cannot be read or has more than 8 bits, a file
            names two expressions, two files name the same, or the pictures differ in size.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError("no such folder of masks", where=folder)
    files: dict[str, Path] = {}
    for path in sorted(folder.iterdir()):
        name = _expression_of(path, pattern) if path.is_file() else None
        if name is None:
            continue
        if name in files:
            raise InputError(f"two masks for {name}: {files[name].name} and {path.name}", where=folder, hint=_HINT)
        files[name] = path
    if not files:
        raise InputError("no mask of an expression", where=folder, hint=_HINT)
    read = {name: _read(files[name]) for name in expressions.ordered(files)}
    first = next(iter(read))
    for name, picture in read.items():
        if picture.shape != read[first].shape:
            (h, w), (h0, w0) = picture.shape, read[first].shape
            raise InputError(f"{w}x{h} pixels, but {files[first].name} has {w0}x{h0}", where=files[name])
    return read


def _expression_of(path: Path, pattern: str | None) -> str | None:
    if pattern is not None:
        before, placeholder, after = pattern.partition("{expression}")
        if not placeholder:
            raise InputError(f"the pattern {pattern!r} has no {{expression}}", hint="write it like {expression}_gt.png")
        match = re.fullmatch(re.escape(before) + "(.+)" + re.escape(after), path.name, re.IGNORECASE)
        known = match and expressions.ALIASES.get(match[1].lower())
        return known or None
    if path.suffix.lower() not in _SUFFIXES:
        return None
    # Aliases of two letters ("an", "di") are words of other meanings too.
    words = [word.lower() for word in re.findall(r"[A-Z]?[a-z]+|[A-Z]+", path.stem)]
    named = {expressions.ALIASES[word] for word in words if len(word) > 2 and word in expressions.ALIASES}
    if len(named) > 1:
        raise InputError(f"the name holds {' and '.join(expressions.ordered(named))}", where=path, hint=_HINT)
    return named.pop() if named else None


def _read(path: Path) -> np.ndarray:
    try:
        with Image.open(path) as picture:
            if picture.mode not in _EIGHT_BIT:
                raise InputError(
                    f"not an 8-bit picture (mode {picture.mode})", where=path, hint="save it as 8-bit grey"
                )
            return np.asarray(picture.convert("L")) > INSIDE
    except (OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise InputError(f"cannot read this picture ({error})", where=path) from error
