"""Ways to damage an input: bytes, cells, values, arrays, names and options."""

from __future__ import annotations

import csv
import gzip
import io
import json
import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

NUMBERS = [
    "nan", "inf", "-inf", "-1", "-5", "0", "1e400", "1e-400", "9" * 30, "9" * 5000, "²", "１２", "0x10", "1_000",
    "1,5", "1.234,5", "True", "2001-99-99", "", " ", "null", "99", "-0.0", "1e9", "1:2", "NaT", "#N/A", "+-3", "1 000",
    "-5,5", "0,0", "1e400,5", "1e9,1e9", "0,0,-5,5", "nan,1,2,3", "1,1,1,1,1,1", "a.jpg,nan,5", "0.1:eye", "inf:face",
    "nan,5",
]  # fmt: skip
TEXTS = [
    "", "../../etc/passwd", "/dev/zero", "/etc/hostname", "\x00", "ä€😀", "<script>", "'\"; rm -rf ~", "a" * 5000,
    "[1,2", "{a: 1}", "!!python/object:os.system x", "!!timestamp x", "!!int ''", "&a [*a]", "true", "\r\n,,,", "=1+1",
    "{[1]: 2}", "2001-99-99", "..", "con", "a/b/c", "\ud800", "?: x", "[" * 3000, "{}", "[]", "- - - -", "%x", "*a",
]  # fmt: skip
VALUES: list[Any] = [
    None, "text", "", [], {}, [[]], -1, 0, 10**18, 10**400, 1e9, float("nan"), float("inf"), True, "\ud800", ["a"],
    {"a": {"a": 1}}, "2001-99-99", [0], -0.5, "nan", [None], [1, "b"], "../x",
]  # fmt: skip
Bytes = Callable[[bytes], bytes]


def bits(data: bytes) -> bytes:
    """Flip up to eight bits."""
    out = bytearray(data)
    for _ in range(random.randint(1, 8)):
        if out:
            out[random.randrange(len(out))] ^= 1 << random.randrange(8)
    return bytes(out)


def cut(data: bytes) -> bytes:
    """End too early."""
    return data[: random.randrange(len(data) + 1)]


def repeat(data: bytes) -> bytes:
    """Say a piece twice, somewhere else."""
    a, b = sorted(random.randrange(len(data) + 1) for _ in range(2))
    at = random.randrange(len(data) + 1)
    return data[:at] + data[a:b] + data[at:]


def zeros(data: bytes) -> bytes:
    """Put zero bytes over a piece."""
    a, b = sorted(random.randrange(len(data) + 1) for _ in range(2))
    return data[:a] + bytes(b - a) + data[b:]


def foreign(data: bytes) -> bytes:
    """Begin as a file of another kind does."""
    start = random.choice(
        [b"PK\x03\x04", b"\x89PNG\r\n\x1a\n", b"\x93NUMPY", b"MATLAB 5.0", b"PAR1", b"\x1f\x8b", b"{"]
    )
    return start + data[len(start) :]


def _text(data: bytes) -> str:
    return data.decode("utf-8", "replace")


def encoded(data: bytes) -> bytes:
    """Save a text in another encoding, or with a wrong mark."""
    how = random.choice(["utf-16", "utf-16-le", "utf-16-be", "latin-1", "utf-8-sig", "utf-32", "cp1252", "mark", "cr"])
    if how == "mark":
        return random.choice([b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf\xef\xbb\xbf", b"\xff", b"\x00"]) + data
    if how == "cr":
        return data.replace(b"\n", random.choice([b"\r", b"\r\n", b"\n\n", b"\r\r\n"]))
    return _text(data).replace("e", "é", 1).encode(how, "replace")


def value(data: bytes) -> bytes:
    """Put something odd in the place of one value of a text."""
    lines = _text(data).splitlines() or [""]
    index = 0 if random.random() < 0.15 else random.randrange(len(lines))
    mark = next((mark for mark in ("\t", ";", ": ", ",") if mark in lines[index]), " ")
    parts = lines[index].split(mark)
    parts[random.randrange(len(parts))] = random.choice(NUMBERS if random.random() < 0.6 else TEXTS)
    lines[index] = mark.join(parts)
    return ("\n".join(lines) + "\n").encode("utf-8", "surrogatepass")


def columns(data: bytes) -> bytes:
    """Swap, drop, double or negate a whole column, or fill it with one odd value."""
    text = _text(data)
    first = text.partition("\n")[0]
    mark = max("\t;,", key=first.count)
    rows = list(csv.reader(io.StringIO(text), delimiter=mark))
    width = max(map(len, rows), default=0)
    if width < 2:
        return value(data)
    a, b = random.sample(range(width), 2)
    odd, how = random.choice(NUMBERS), random.choice(["swap", "drop", "double", "negate", "fill", "scale", "name"])
    for number, row in enumerate(rows):
        if len(row) <= max(a, b):
            continue
        if how == "swap":
            row[a], row[b] = row[b], row[a]
        elif how == "drop":
            del row[a]
        elif how == "double":
            row.append(row[a])
        elif how == "name" and not number:
            row[a] = random.choice([row[b], *TEXTS])
        elif number and how == "fill":
            row[a] = odd
        elif number and how in ("negate", "scale"):
            row[a] = f"-{row[a]}" if how == "negate" else f"{row[a]}e9"
    out = io.StringIO()
    csv.writer(out, delimiter=mark, lineterminator="\n").writerows(rows)
    return out.getvalue().encode("utf-8", "surrogatepass")


def lines(data: bytes) -> bytes:
    """Shuffle, drop, double or join lines."""
    own = _text(data).splitlines() or [""]
    how = random.choice(["shuffle", "head", "drop", "double", "join", "one", "blank"])
    at = random.randrange(len(own))
    if how == "shuffle":
        random.shuffle(own)
    elif how in ("head", "drop"):
        del own[0 if how == "head" else at]
    elif how == "double":
        own.insert(at, own[random.randrange(len(own))])
    elif how == "join":
        own[at : at + 2] = ["".join(own[at : at + 2])]
    elif how == "one":
        own = own[:1]
    else:
        own[at:at] = ["", " ", "\t", ",,,,"]
    return ("\n".join(own) + "\n").encode()


def _places(content: Any) -> Iterator[tuple[Any, Any]]:
    """Every place of nested lists and mappings where a value stands."""
    for key, inner in (
        content.items() if isinstance(content, dict) else enumerate(content if isinstance(content, list) else [])
    ):
        yield content, key
        yield from _places(inner)


def json_value(data: bytes) -> bytes:
    """Put something absurd in the place of one value of JSON (or of JSON lines), nest it, or say a key twice."""
    try:
        facts = json.loads(data)
        place, key = random.choice(list(_places(facts)))
    except (ValueError, IndexError, RecursionError):
        return value(data)
    how = random.random()
    if how < 0.1:
        return b'{"a":' * 20_000 if random.random() < 0.5 else b"[" * 100_000
    if how < 0.2 and isinstance(place, dict):
        text = json.dumps(facts)
        return text.replace(f"{json.dumps(key)}:", f"{json.dumps(key)}: 1, {json.dumps(key)}:", 1).encode()
    if how < 0.3:
        del place[key]
    elif how < 0.35:
        facts = [facts]
    else:
        place[key] = random.choice(VALUES)
    return json.dumps(facts).encode()


def packed(data: bytes) -> bytes:
    """Damage what a gzip file holds, and pack it again."""
    try:
        inside = gzip.decompress(data)
    except (OSError, EOFError):
        return bits(data)
    return gzip.compress(random.choice([value, columns, lines, encoded, bits, cut])(inside), 1)


def odd_array(values: np.ndarray) -> np.ndarray:
    """An array of another type, shape or content."""
    how = random.choice(["shape", "flat", "empty", "object", "text", "complex", "nan", "inf", "huge", "type", "extra"])
    if how in ("nan", "inf", "huge"):
        out = np.array(values, float)
        out.reshape(-1)[: max(1, out.size // 2)] = {"nan": np.nan, "inf": np.inf, "huge": 1e300}[how]
        return out
    return {
        "shape": lambda: values[..., None], "flat": lambda: values.reshape(-1), "empty": lambda: values[:0],
        "object": lambda: np.array([{"a": 1}, None], object), "text": lambda: values.astype(str),
        "complex": lambda: values.astype(complex), "type": lambda: values.astype(random.choice("?bBhHqefd")),
        "extra": lambda: np.stack([values, values]),
    }[how]()  # fmt: skip


def _npz(path: Path) -> None:
    with np.load(path) as stored:
        arrays = dict(stored)
    name = random.choice(list(arrays))
    if random.random() < 0.2:
        del arrays[name]
    else:
        arrays[name] = odd_array(np.asarray(arrays[name]))
    np.savez(path, **arrays)


def _npy(path: Path) -> None:
    np.save(path, odd_array(np.load(path)), allow_pickle=True)


def _matlab(path: Path) -> None:
    from scipy.io import loadmat, savemat

    content = {name: item for name, item in loadmat(path).items() if not name.startswith("__")}
    name = random.choice(list(content))
    plain = content[name].dtype.kind in "buif"
    content[name] = (
        odd_array(content[name]) if plain else random.choice([1.0, "text", np.zeros((0, 0)), content[name].T])
    )
    savemat(path, content)


def _parquet(path: Path) -> None:
    import pandas as pd

    table = pd.read_parquet(path)
    name = random.choice(list(table))
    how = random.choice(["drop", "text", "odd", "none", "empty", "list"])
    if how == "drop":
        table = table.drop(columns=name)
    elif how == "empty":
        table = table[:0]
    else:
        filled = {"text": "x", "odd": float("inf"), "none": None, "list": 0}[how]
        table[name] = [[1]] * len(table) if how == "list" else filled
    table.to_parquet(path)


ARRAYS: dict[str, Callable[[Path], None]] = {".npz": _npz, ".npy": _npy, ".mat": _matlab, ".parquet": _parquet}
RAW: list[Bytes] = [bits, cut, repeat, zeros, foreign]
TABLE: list[Bytes] = [value, value, value, columns, columns, lines, encoded]
WAYS: dict[str, list[Bytes]] = {
    ".csv": TABLE, ".tsv": TABLE, ".txt": TABLE, ".asc": [value, value, lines, encoded], ".gz": [packed] * 4,
    ".json": [json_value] * 5, ".yaml": [value, value, value, lines, encoded], ".xml": [value, lines, encoded],
}  # fmt: skip


def stand_there(path: Path) -> str:
    """Put something else where a file stands: nothing, a folder, a pipe, a device, a link in a circle."""
    how = random.choice(["gone", "empty", "folder", "pipe", "device", "circle", "blank", "null"])
    path.unlink()
    if how in ("empty", "blank", "null"):
        path.write_bytes({"empty": b"", "blank": b" \n\n", "null": b"null"}[how])
    elif how == "folder":
        path.mkdir()
    elif how == "pipe":
        os.mkfifo(path)
    elif how in ("device", "circle"):
        path.symlink_to("/dev/zero" if how == "device" else path)
    return how


def rename(path: Path) -> str:
    """Give a file a name that is not UTF-8, very long, or of odd letters."""
    stem = random.choice(
        [b"\xff\xfe", b"a\nb", "Zoë_é€😀".encode(), b"=cmd", b"-rf", b"x" * 200, b"a b'\"", b"[a]*?", b"%s{}"]
    )
    new = path.with_name(os.fsdecode(stem) + "".join(path.suffixes[-2:]))
    path.rename(new)
    return f"called {new.name[:20]!a}"


def file(path: Path) -> str:
    """Damage one file; what was done."""
    if random.random() < 0.08:
        return stand_there(path)
    if path.suffix in ARRAYS and random.random() < 0.6:
        try:
            ARRAYS[path.suffix](path)
        except Exception as error:
            return f"no array ({type(error).__name__})"
        return "another array"
    way = random.choice([*WAYS.get(path.suffix, []), *RAW[: 3 if path.suffix in WAYS else 5]])
    path.write_bytes(way(path.read_bytes()))
    return way.__name__
