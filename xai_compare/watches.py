"""Who is told of every file that is written into a folder of results."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from xai_compare.errors import InputError

Told = Callable[[Path, bool], None]
"""Is called with a file or folder, and whether it will still grow."""
LINK = "is a link, and what is written there would land elsewhere"
_WATCHES: list[tuple[Path, Told]] = []


@contextmanager
def watched(folder: Path, tell: Told) -> Iterator[None]:
    """``tell`` is called with each file that is written below ``folder`` while the block runs."""
    watch = (folder.absolute(), tell)
    _WATCHES.append(watch)
    try:
        yield
    finally:
        _WATCHES.remove(watch)


def _watches(path: Path) -> list[tuple[Path, Told]]:
    place = path.absolute()
    return [watch for watch in _WATCHES if place.is_relative_to(watch[0])]


def is_watched(folder: Path) -> bool:
    """Whether what is written into a folder is listed."""
    return bool(_watches(folder))


def finished(path: Path, *, grows: bool = False) -> None:
    """Say that a file or folder is written, for the lists of what was."""
    for _, tell in _watches(path):
        tell(path, grows)


def check_place(path: Path, root: Path | None = None) -> None:
    """Refuse to write where a folder below a root has become a link since it was opened.

    Args:
        path: the file that is to be written.
        root: a folder above it; any that is `watched`, if None.

    Raises:
        InputError: naming the link.
    """
    place = path.absolute()
    for top in [root for root, _ in _watches(path)] if root is None else [root.absolute()]:
        for folder in place.parents:
            if folder == top:
                break
            if folder.is_symlink():
                raise InputError(LINK, where=folder, hint="remove it")
