"""Files that are written whole or not at all, names that stay where they belong, and sizes that are known first.

Names and files come from strangers: a participant may be called ``../../x``, a folder of results may hold links, five
megabytes may unpack to gigabytes. Whoever writes or reads a file of that kind does it through here.
"""

from __future__ import annotations

import errno
import gzip
import hashlib
import io
import json
import math
import os
import re
import shutil
import stat
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from xai_compare.errors import InputError
from xai_compare.watches import LINK, check_place, finished

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

LIMIT_GB = "XAI_COMPARE_MAX_GB"
"""Environment variable: the most gigabytes that one file may hold once it is unpacked; 1 by default."""
FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
MAKE_ROOM = "make room and run the same command again; what is done is kept"
_ORDINARY = re.compile(r"[^\W_][\w .,()+=@#~&-]*")
_WINDOWS = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_NUMBER = re.compile(r"[+-]?(\d[\d.,]*|[.,]\d+)([eE][+-]?\d+)?|[+-](inf|nan)", re.IGNORECASE)
_FORMULA = re.compile(r"'*[=+\-@\t\r]")


def digest(value: Any) -> str:
    """SHA-256 of a JSON-serialisable value."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, default=str).encode()).hexdigest()


def file_sha256(path: Path) -> str:
    """Hexadecimal SHA-256 of a file's bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def slug(*names: str) -> str:
    """A file name for a source: readable, safe on every system, and unlike for unlike names.

    >>> slug("VGG16", "lime")
    'VGG16--lime'
    """
    readable = "--".join(re.sub(r"[^A-Za-z0-9._-]+", "_", name).strip(".") for name in names)
    exact = "--".join(names)
    return readable[:100] if readable == exact and len(exact) <= 100 else f"{readable[:80]}-{digest(names)[:8]}"


def safe_name(name: str) -> str:
    """``name`` itself where it is an ordinary file name, else what is readable of it with a piece of its hash.

    >>> safe_name("p 07"), safe_name("../../OUTSIDE")
    ('p 07', '_.._OUTSIDE-b121b4b4')
    """
    ordinary = _ORDINARY.fullmatch(name) and len(name.encode()) <= 100 and name[-1] not in " ."
    return name if ordinary and not _WINDOWS.fullmatch(name) else slug(name)


def is_text(name: str) -> bool:
    r"""Whether the name of a file is UTF-8; Python keeps other bytes of it as halves of characters.

    >>> is_text("Zoë.jpg"), is_text("\udcff.jpg")
    (True, False)
    """
    return not any("\ud800" <= letter <= "\udfff" for letter in name)


def below(root: Path, name: str | Path, *, links: bool = False) -> Path:
    """``root / name``, which must lie below ``root`` once dots and links are followed; ``links`` may lead elsewhere.

    Raises:
        InputError: if it leaves ``root``, or cannot be followed.
    """
    follow = os.path.abspath if links else os.path.realpath
    try:
        inside = Path(follow(root / name)).is_relative_to(follow(root))
    except (OSError, ValueError, RuntimeError):  # The last where links lead in a circle.
        inside = False
    if not inside:
        raise InputError(f"{str(name)[:80]!r} leaves the folder", where=root, hint="name a file inside it")
    return root / name


def stays_below(name: str) -> bool:
    """Whether a path in a file of ours is a plain one below its folder.

    >>> stays_below("tables/a.csv"), stays_below("../a"), stays_below("/a")
    (True, False, False)
    """
    return not Path(name).is_absolute() and "\0" not in name and ".." not in Path(name).parts


def is_plain(path: Path) -> bool:
    """Whether this is a regular file, and no link."""
    return path.is_file() and not path.is_symlink()


def refuse_links(folder: Path, but: Iterable[str] = ()) -> None:
    """Refuse a folder of results in which something is a link: what is written there would land elsewhere.

    The folder itself may be one, for the user named it; ``but`` are names in it that hold nothing of ours.

    Raises:
        InputError: naming the link.
    """
    for place, folders, files in os.walk(folder):
        if Path(place) == folder:
            folders[:] = [name for name in folders if name not in but]
        for name in (*folders, *files):
            path = Path(place, name)
            if path.is_symlink():
                raise InputError(LINK, where=path, hint="remove it")


def make_room(path: Path, *, folder: bool = False) -> None:
    """Remove a folder from where a file of ours belongs, or a file from where a folder belongs; make its parent."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if folder and path.exists() and not path.is_dir():
        path.unlink()
    elif not folder and path.is_dir():
        path.unlink() if path.is_symlink() else shutil.rmtree(path)


def raise_full(error: Exception, path: Path) -> None:
    """Name the file where there is no more room for it.

    Raises:
        OSError: if that is what the error is about.
    """
    number = getattr(error, "errno", None)
    # safetensors and pyarrow have errors of their own.
    words = {code: os.strerror(code) for code in FULL}
    known = number if number in FULL else next((code for code, text in words.items() if text in str(error)), None)
    if known is not None:
        raise OSError(known, words[known], str(path)) from error


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """A path to write to, of the same ending and folder, which becomes ``path`` if the block ends well.

    So no cut file ever stands under its final name, and a link that stands there is replaced, not followed.

    Raises:
        OSError: naming ``path`` where the disk is full.
    """
    make_room(path)
    check_place(path)
    part = path.with_name(f".{path.stem[:100]}.{os.getpid()}.part{path.suffix}")
    part.unlink(missing_ok=True)
    try:
        yield part
        part.replace(path)
        finished(path)
    except Exception as error:
        raise_full(error, path)
        raise
    finally:
        part.unlink(missing_ok=True)


def write_atomically(path: Path, content: str | bytes) -> None:
    """Write text (UTF-8) or bytes to ``path`` so that the file is there whole or not at all."""
    with atomic(path) as part, part.open("wb") as file:
        file.write(content.encode() if isinstance(content, str) else content)
        file.flush()
        os.fsync(file.fileno())


@contextmanager
def appending(path: Path) -> Iterator[BinaryIO]:
    """A file to append to; its folder is made, and a link that stands there is replaced, not followed.

    Raises:
        OSError: naming ``path`` where the disk is full.
    """
    make_room(path)
    check_place(path)
    if path.is_symlink():
        path.unlink()
    finished(path, grows=True)
    how = os.O_WRONLY | os.O_APPEND | os.O_CREAT | getattr(os, "O_NOFOLLOW", 0)
    try:
        with os.fdopen(os.open(path, how, 0o666), "ab") as file:
            yield file
    except OSError as error:
        raise_full(error, path)
        raise


def _quoted(cell: Any) -> Any:
    # A spreadsheet runs a cell that begins so; an apostrophe makes it text. Those that begin with apostrophes get one
    # more, so that reading takes exactly one away.
    formula = isinstance(cell, str) and len(cell) > 1 and _FORMULA.match(cell) and not _NUMBER.fullmatch(cell)
    return f"'{cell}" if formula else cell


def unquoted(cell: str) -> str:
    """A cell of a file of `write_csv` as it was.

    >>> unquoted("'=SUM(A1)"), unquoted("'tis")
    ('=SUM(A1)', "'tis")
    """
    return cell[1:] if cell[:1] == "'" and _FORMULA.match(cell) else cell


def write_csv(table: pd.DataFrame, path: Path, *, index: bool = False, **how: Any) -> None:
    """Write a table as CSV, whole or not at all; text that a spreadsheet would run gets a leading apostrophe."""
    import pandas as pd

    kept = table.copy(deep=False)
    for place, (_, column) in enumerate(table.items()):
        if not pd.api.types.is_numeric_dtype(column) and not pd.api.types.is_datetime64_any_dtype(column):
            texts = column.astype(object)
            quoted = texts.map(_quoted)
            if not all(a is b for a, b in zip(texts, quoted, strict=True)):
                kept.isetitem(place, quoted.to_numpy())
    if not isinstance(kept.columns, pd.MultiIndex):
        kept.columns = [_quoted(name) for name in kept.columns]
    if index and kept.index.nlevels == 1:
        kept.index = kept.index.map(_quoted) if kept.index.dtype == object else kept.index
    with atomic(path) as part:
        kept.to_csv(part, index=index, **how)


def limit_bytes() -> int:
    """The most bytes that one file may hold once it is unpacked."""
    text = os.environ.get(LIMIT_GB, "1")
    try:
        value = float(text)
        if not 0 < value < math.inf:
            raise ValueError
    except ValueError:
        raise InputError(f"{LIMIT_GB} must be a number of gigabytes, not {text!r}") from None
    return int(value * 1e9)


def check_regular(path: Path, most: int | None = None) -> int:
    """The size of a file on disk, in bytes.

    Raises:
        InputError: if it is a pipe, a device or a folder, is not there, or is larger than the limit.
    """
    try:
        about = path.stat()
    except (OSError, ValueError) as error:
        raise InputError(f"cannot be read ({getattr(error, 'strerror', None) or error})", where=path) from None
    if not stat.S_ISREG(about.st_mode):
        raise InputError(
            "cannot be read (it is no regular file)", where=path, hint="name a file, not a folder, pipe or device"
        )
    refuse_size(about.st_size, path, most)
    return about.st_size


def refuse_size(size: float, path: Path, most: int | None = None) -> None:
    """Refuse what takes more bytes than ``most``, or than the limit.

    Raises:
        InputError: if it does.
    """
    limit = most or limit_bytes()
    if size > limit:
        hint = f"if that is meant, allow more gigabytes: {LIMIT_GB}=8" if most is None else None
        raise InputError(f"holds more than {limit:,} bytes", where=path, hint=hint)


def read_bytes(path: Path, most: int | None = None) -> bytes:
    """A file's bytes, unpacked if it ends in ``.gz``; no more memory is taken than the limit allows.

    Raises:
        InputError: if it cannot be read, is no regular file, or holds more than ``most`` (the limit by default).
    """
    check_regular(path, most)
    try:
        if path.suffix != ".gz":
            return path.read_bytes()
        check_gzip(path, most)
        return gzip.decompress(path.read_bytes())
    except (OSError, EOFError, zlib.error) as error:
        raise InputError(f"cannot be read ({error})", where=path) from error


def check_gzip(path: Path, most: int | None = None) -> None:
    """Unpack a file without keeping it, and refuse one that holds more than the limit; its own word is four bytes."""
    size = 0
    with gzip.open(path) as file:
        while part := file.read(1 << 20):
            size += len(part)
            refuse_size(size, path, most)


class Unpacked(io.RawIOBase):
    """The bytes of a ``.gz`` file as a stream, which ends in an error once they are more than the limit."""

    def __init__(self, path: Path) -> None:
        self._file, self._path, self._size = gzip.open(path), path, 0  # noqa: SIM115 - closed with the stream

    def readable(self) -> bool:
        """Always."""
        return True

    def readinto(self, buffer: Any) -> int:
        """Read some bytes.

        Raises:
            InputError: if they are too many.
        """
        part = self._file.read(len(buffer))
        buffer[: len(part)] = part
        self._size += len(part)
        refuse_size(self._size, self._path)
        return len(part)

    def close(self) -> None:
        """Close the file."""
        self._file.close()
        super().close()


def check_zip(path: Path, most: int | None = None) -> None:
    """Refuse an archive (``.npz`` too) that unpacks to more than the limit; each member gives no more than it declares.

    Raises:
        InputError: if it does, or is no regular file.
        zipfile.BadZipFile: if it is no archive.
    """
    check_regular(path, most)
    with zipfile.ZipFile(path) as archive:
        refuse_size(sum(member.file_size for member in archive.infolist()), path, most)


def load_npz(path: Path) -> Mapping[str, np.ndarray]:
    """The arrays of an ``.npz``, read when asked for; nothing in it is unpickled.

    Raises:
        InputError: if an array promises more than its member holds, or all are more than the limit allows.
        OSError, ValueError, zipfile.BadZipFile: if it cannot be read.
    """
    import numpy as np

    check_zip(path)
    with zipfile.ZipFile(path) as archive:
        for member in archive.infolist():
            with archive.open(member) as file:
                version = np.lib.format.read_magic(file)
                read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
                shape, _, dtype = read(file)
            if math.prod(shape) * dtype.itemsize > member.file_size:
                raise InputError(f"{member.filename} promises more numbers than it holds", where=path)
    return np.load(path, allow_pickle=False)
