"""What was written into a folder of results: a hash for each file, and the safe exchange of old results for new ones.

The list stands in the folder itself, `LIST`, in the format of ``sha256sum``, so that ``sha256sum -c`` checks it too. A
line is added whenever a file is finished, so the list of a stopped job is right as well.
"""

from __future__ import annotations

import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from threading import Lock

from xai_compare import files, watches
from xai_compare.errors import InputError

LIST = "files.sha256"
CHANGED, MISSING, FOREIGN = "does not match its checksum", "is missing", "is not among what xai-compare wrote"
OPEN = "0" * 64
"""Stands in place of the hash of a file that still grows."""
_LINE = re.compile(r"([0-9a-f]{64})  (\S.*)")
_PART = re.compile(r"\..+\.\d+\.part(\..+)?|\..+\.[0-9a-f]{32}\.partial|.+\.[0-9a-f]{32}\.partial")
"""Names of files that a stopped process had not finished: ours, and zarr's."""


def sha256(path: Path) -> str:
    """Hash of a file's bytes; ``""`` where there is no regular file."""
    return "" if path.is_symlink() or not path.is_file() else files.file_sha256(path)


class Inventory:
    """The files that were written into a folder, and the hash of each.

    Args:
        folder: the folder of results.
        ignored: which files, by their paths below it, need not be in the list.
    """

    def __init__(self, folder: Path, ignored: Callable[[str], object] = lambda name: False) -> None:
        self.folder, self.path, self.ignored = folder, folder / LIST, ignored
        self.hashes: dict[str, str] = {}
        self._torn = False
        self.damaged: list[int] = []
        self._lock = Lock()
        if not files.is_plain(self.path):
            return
        text = files.read_bytes(self.path).decode("utf-8", "surrogateescape")
        self._torn = not text.endswith("\n")
        for number, line in enumerate(text.split("\n")[: None if self._torn else -1], 1):
            match = _LINE.fullmatch(line)
            if match and files.stays_below(match[2]):
                self.hashes[match[2]] = match[1]
            else:
                self.damaged.append(number)

    @property
    def exists(self) -> bool:
        """Whether the folder has a list at all."""
        return files.is_plain(self.path)

    def note(self, path: Path, grows: bool = False) -> None:
        """Add a file, or all files of a folder, as they are now; or one that will grow until the list is settled."""
        for file in walk(path) if path.is_dir() else [path]:
            name = file.absolute().relative_to(self.folder.absolute()).as_posix()
            if name != LIST and not self.ignored(name) and (code := OPEN if grows else sha256(file)):
                self._add(name, code)

    def settle(self, *, part: bool = False) -> None:
        """Hash what grew, let go of files that are gone (unless it was ``part``), and write the list in order."""
        with self._lock:
            there = [name for name in sorted(self.hashes) if part or files.is_plain(self.folder / name)]
            kept = {name: self.hashes[name].replace(OPEN, "") or sha256(self.folder / name) or OPEN for name in there}
            lines = "".join(f"{code}  {name}\n" for name, code in kept.items())
            self.hashes, self.damaged = kept, []
            if not self.exists or self.path.read_bytes() != lines.encode("utf-8", "surrogateescape"):
                files.write_atomically(self.path, lines.encode("utf-8", "surrogateescape"))

    def whole(self, name: str) -> bool:
        """Whether a file is as it was written."""
        return self.hashes.get(name, OPEN) == sha256(self.folder / name)

    def problems(self) -> dict[str, str]:
        """What is wrong, by file: changed, missing, or not written by us."""
        if not self.exists:
            return {LIST: MISSING}
        wrong = {LIST: f"line {self.damaged[0]} is no checksum"} if self.damaged else {}
        for name, code in self.hashes.items():
            if code != OPEN and (now := sha256(self.folder / name)) != code:
                wrong[name] = CHANGED if now else MISSING
        known = {*self.hashes, LIST}
        there = (path.relative_to(self.folder).as_posix() for path in walk(self.folder))
        return wrong | {name: FOREIGN for name in there if name not in known and not self.ignored(name)}

    def _add(self, name: str, code: str) -> None:
        with self._lock:
            if self.hashes.get(name) == code:
                return
            line = f"{code}  {name}\n".encode("utf-8", "surrogateescape")
            with files.appending(self.path) as file:
                file.write(b"\n" + line if self._torn else line)
            self.hashes[name], self._torn = code, False


def walk(folder: Path) -> Iterator[Path]:
    """All files below a folder, links among them; none is followed."""
    for place, _, names in os.walk(folder):
        yield from (Path(place, name) for name in sorted(names))


@contextmanager
def listed(
    folder: Path, ignored: Callable[[str], object] = lambda name: False, *, part: bool = False
) -> Iterator[Inventory]:
    """Whatever is written into a folder of results while the block runs is added to its list.

    Files that a stopped process left half are removed first. The list is put in order if the block ends well; what is
    missing then is no longer in it, unless the block writes but a ``part`` of the results.
    """
    folder.mkdir(parents=True, exist_ok=True)
    recover(folder)
    for path in list(walk(folder)):
        if _PART.fullmatch(path.name):
            path.unlink(missing_ok=True)
    inventory = Inventory(folder, ignored)
    with watches.watched(folder, inventory.note):
        yield inventory
    inventory.settle(part=part)


@contextmanager
def staged(out: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """A folder beside ``out`` to write into; its files take their places in ``out`` if the block ends well.

    Args:
        out: the folder of results; what is in it stays until the new results are whole.
        overwrite: whether the earlier results in it, by its list, make room for the new ones then. Other files stay.

    Raises:
        InputError: if something in ``out`` is a link, or a file that is not of ours stands where one belongs.
        OSError: naming ``out`` where the disk is full.
    """
    recover(out)
    files.refuse_links(out)
    if overwrite:
        check_replaceable(out)
    target = out.resolve()
    target.parent.mkdir(parents=True, exist_ok=True)
    folder = Path(tempfile.mkdtemp(prefix=f".{target.name[:80]}.", suffix=".part", dir=target.parent))
    try:
        yield folder
        (folder / LIST).unlink(missing_ok=True)
        exchange(folder, out, Inventory(out).hashes if overwrite else ())
    except Exception as error:  # pyarrow and Pillow have errors of their own for it.
        files.raise_full(error, out)
        raise
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def check_replaceable(out: Path) -> None:
    """See that it is known which files of a folder are of ours.

    Raises:
        InputError: if it holds files, and no list of those that were written by us.
    """
    first = next(walk(out), None) if out.is_dir() and not files.is_plain(out / LIST) else None
    if first is not None:
        what = f"holds {str(first.relative_to(out))!r}, and no list ({LIST}) of the files that xai-compare wrote"
        raise InputError(what, where=out, hint="name another with --out, or remove what is in it")


def exchange(made: Path, out: Path, old: Iterable[str], listing: Mapping[str, str] | None = None) -> None:
    """Move the files of ``made`` to ``out``, whose files ``old`` are set aside and removed once all is done.

    What fails in between is taken back. A process that is killed in between leaves the old files in a folder beside
    ``out``, and the next command that writes there puts them back (`recover`).

    Args:
        made: a folder of the same file system.
        out: the folder of results.
        old: files of earlier results, as paths below it.
        listing: the hashes of the new files, if ``made`` has them; else all its files are new, and are hashed.

    Raises:
        InputError: if a file that is not among the old ones stands where a new one belongs.
    """
    files.refuse_links(out, ("inputs", ".lock"))
    out.mkdir(exist_ok=True)
    before = Inventory(out)
    names = [path.relative_to(made).as_posix() for path in walk(made)]
    for name in names:
        if (out / name).exists() and name not in before.hashes and name not in set(old):
            raise InputError("is there, and not of ours", where=out / name, hint="name another folder with --out")
    hashes = dict(listing) if listing is not None else {name: sha256(made / name) for name in names}
    gone = [name for name in dict.fromkeys([*old, *(n for n in names if n in before.hashes)]) if _held(out / name)]
    kept = {name: code for name, code in before.hashes.items() if name not in gone}
    aside = _aside(out)
    aside.mkdir()
    text = "".join(f"{code}  {name}\n" for name, code in sorted({**kept, **hashes}.items()))
    try:
        files.write_atomically(aside / "after", text)
        files.write_atomically(aside / "new", "\n".join(name for name in names if name not in gone))
        for name in gone:
            _move(out / name, aside / "files" / name)
        for name in names:
            _move(made / name, out / name)
        _prune(out, gone)
        (aside / "after").replace(out / LIST)  # From here on the new results stand.
    except BaseException:
        recover(out)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def recover(out: Path) -> None:
    """Put earlier results back that a killed exchange had set aside, or remove them if the new ones stand."""
    aside = _aside(out)
    if not aside.is_dir():
        return
    if (aside / "after").is_file() and (aside / "new").is_file():
        new = (aside / "new").read_text("utf-8").splitlines()
        for name in new:
            with suppress(IsADirectoryError, PermissionError):
                (out / name).unlink(missing_ok=True)
        for path in list(walk(aside / "files")):
            _move(path, out / path.relative_to(aside / "files"))
        _prune(out, new)
    shutil.rmtree(aside)


def _aside(out: Path) -> Path:
    target = out.resolve()
    return target.with_name(f".{files.safe_name(target.name)}.xai-compare-old")


def _held(path: Path) -> bool:
    return path.is_symlink() or path.is_file()


def _move(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    source.replace(target)


def _prune(out: Path, names: Iterable[str]) -> None:
    """Remove the folders that held these files, where nothing is left in them."""
    folders = {parent for name in names for parent in Path(name).parents if parent != Path()}
    for folder in sorted(folders, key=lambda path: -len(path.parts)):
        with suppress(OSError):
            (out / folder).rmdir()
