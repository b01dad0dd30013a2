"""Which pictures a study is about, as the folders they lie in say it."""

from __future__ import annotations

import glob
from os.path import commonpath
from pathlib import Path

import pandas as pd
from PIL import Image

from xai_compare.errors import InputError
from xai_compare.expressions import canonical
from xai_compare.files import is_text
from xai_compare.images.manifest import COLUMNS, Manifest, existing


def read_folder(folder: str | Path) -> Manifest:
    """Read a folder of pictures: one sub-folder per expression (``anger/``, ``Happy/`` ...), or none.

    Without sub-folders no picture has a label. Pictures beside sub-folders of expressions are skipped.

    Raises:
        InputError: if the folder is missing, a sub-folder is no expression, or there is no picture.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise InputError("no such folder", where=folder)
    _refuse_odd_names(folder)
    records = []
    for place in sorted(p for p in folder.iterdir() if p.is_dir() and not p.name.startswith((".", "__"))):
        pictures = [file for file in sorted(place.rglob("*")) if _is_picture(file)]
        try:
            expression = canonical(place.name)
        except InputError as error:
            raise InputError(f"the folder's name is no expression ({error.hint})", where=place) from None
        records += [(file, expression) for file in pictures]
    loose = [file for file in sorted(folder.iterdir()) if file.is_file() and _is_picture(file)]
    if not records:
        records, loose = [(file, "") for file in loose], []
    if not records:
        hint = "put pictures into it, or into one sub-folder per expression"
        raise InputError("no picture found", where=folder, hint=hint)
    manifest = _labelled(records, folder)
    skipped = [(file.name, "lies beside the sub-folders of expressions") for file in loose]
    return Manifest(manifest.rows, [*manifest.skipped, *skipped])


def read_pattern(pattern: str) -> Manifest:
    """Read the pictures that a pattern of file names means, such as ``"faces/*.jpg"`` or ``"faces/**/*.png"``.

    Their labels are the names of the folders they lie in if all of these are expressions; otherwise there are none.

    Raises:
        InputError: if there is no picture.
    """
    named = [Path(file) for file in sorted(glob.glob(pattern, recursive=True))]  # noqa: PTH207
    files = [file for file in named if file.is_file() and _is_picture(file)]
    if not files:
        raise InputError("no picture found", where=pattern, hint="give a pattern such as 'faces/*.jpg'")
    try:
        labels = [canonical(file.absolute().parent.name) for file in files]
    except InputError:
        labels = [""] * len(files)
    root = Path(commonpath([file.parent for file in files]))
    return _labelled(list(zip(files, labels, strict=True)), root)


def _labelled(records: list[tuple[Path, str]], root: Path) -> Manifest:
    rows = [{"image": file.relative_to(root).as_posix(), "expression": label} for file, label in records]
    return existing(pd.DataFrame(rows).reindex(columns=COLUMNS, fill_value=""), root, root, False)


def _is_picture(file: Path) -> bool:
    return file.suffix.lower() in Image.registered_extensions() and not file.name.startswith(".")


def _refuse_odd_names(folder: Path) -> None:
    for path in sorted(folder.rglob("*")):
        if not is_text(path.name):
            raise InputError(f"the name {path.name!r} is not UTF-8", where=folder, hint="rename it")
