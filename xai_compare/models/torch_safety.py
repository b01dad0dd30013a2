"""What a file of ``torch.export`` or TorchScript would run, read before torch sees it.

Neither loader of torch is safe with a foreign file. ``torch.export.load`` unpickles tensors marked ``use_pickle``,
opaque objects and example inputs without restriction, loads compiled libraries, evaluates symbolic sizes as Python
(sympy's ``sympify``), writes names into generated code, and calls whatever function of ``torch`` or ``operator`` the
graph names (torch 2.15, ``torch/export/pt2_archive/_package.py`` and ``torch/_export/serde/serialize.py``).
``torch.jit.load`` has an unpickler of its own that makes no Python objects, but a script may write files with
``torch.save``. So what is known to be harmless is listed here, and anything else is refused.
"""

from __future__ import annotations

import io
import json
import re
import warnings
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from xai_compare.errors import InputError, first_line

_EXPORT_MEMBERS = re.compile(
    r"archive_format|archive_version|byteorder|version|\.data/\w+|\.format/\w+|models/model\.json|extra/.*"
    r"|data/weights/(weight_\d+|model_weights_config\.json)|data/constants/(tensor_\d+|model_constants_config\.json)"
    r"|data/sample_inputs/model\.pt"
)
_CONFIGS = ("data/weights/model_weights_config.json", "data/constants/model_constants_config.json")
_INPUTS = "data/sample_inputs/model.pt"
_GRAPH = "models/model.json"
_IDENTIFIER = re.compile(r"([A-Za-z0-9_]+(\.[A-Za-z0-9_]+)*)?")
_SIZE_TOKEN = re.compile(r"\s+|\d+(\.\d+)?|'[a-z]+\d+'|[-+*/(),<>=!&|~%]+|([A-Za-z]\w*)", re.ASCII)
_SIZE_WORDS = re.compile(
    r"[suzfi]+\d+|True|False|oo|int_oo|Eq|Ne|Lt|Le|Gt|Ge|Max|Min|Abs|And|Or|Not|Mod|PythonMod|FloorDiv|CleanDiv|CeilDiv"
    r"|CeilToInt|FloorToInt|IntTrueDiv|FloatTrueDiv|PowByNatural|FloatPow|LShift|RShift|ModularIndexing|Where|Identity"
    r"|ToFloat|TruncToInt|RoundToInt|Integer|Float|Rational|Piecewise|ceiling|floor|sqrt|Symbol|Add|Mul|Pow|true|false|(non)?(positive|negative|zero)|integer|real|finite|extended_real|commutative"
)
_OPERATORS = re.compile(
    r"torch\.ops\.(aten|prims|quantized_decomposed)\.(?!from_file\b|save\b)\w+\.\w+"
    r"|torch\.ops\.higher_order\.(cond|scan|map_impl|while_loop|wrap_with_set_grad_enabled|wrap_with_autocast)"
    r"|torch\.sym_(int|float|max|min|not|sum|ite|sqrt)|torch\._sym_sqrt|math\.(ceil|floor|trunc|sqrt)"
    r"|_operator\.(add|sub|mul|truediv|floordiv|mod|pow|neg|pos|and_|or_|xor|invert|eq|ne|lt|le|gt|ge|getitem|not_|abs"
    r"|lshift|rshift)"
)
_TREES = {None, "builtins.tuple", "builtins.list", "builtins.dict"}
# Texts that become no code: operators get them as arguments, or nobody reads them.
_TEXTS = {"as_string", "as_strings", "torch_version", "guards_code", "verifiers"}
_WRITES = re.compile(rb"\b(save|from_file)\b|__torch__\.torch\.classes\b|\bops\.(?!aten\b|prim\b|torchvision\b)\w+")


def check_export(data: bytes, path: Path) -> None:
    """Refuse a file of ``torch.export`` that holds a pickle, a compiled library, or a graph that names foreign code.

    Args:
        data: the file's bytes; the same must be given to torch afterwards.
        path: of the file, for the message.

    Raises:
        InputError: saying which member, or what in the graph, is refused.
    """
    members = _members(data, path, "torch.export")
    for name in members:
        if not _EXPORT_MEMBERS.fullmatch(name):
            raise _refused(f"it holds {name!r}, which is none of the members that are only data", path)
    for name in _CONFIGS:
        if name not in members:
            raise _refused(f"it has no {name}, so its tensors are in a pickle", path)
        for tensor in _json(members[name], name, path).get("config", {}).values():
            _check_payload(tensor, name, path)
    _check_inputs(members.get(_INPUTS, b""), path)
    if _GRAPH not in members:
        raise _refused(f"it has no {_GRAPH}", path)
    for keys, value in _strings(_json(members[_GRAPH], _GRAPH, path)):
        _check_text(keys, value, path)


def check_script(data: bytes, path: Path) -> None:
    """Refuse a TorchScript file whose code writes files, maps files, or uses compiled classes.

    Raises:
        InputError: saying what is refused.
    """
    for name, code in _members(data, path, "TorchScript").items():
        if name.startswith("code/") and name.endswith(".py") and (found := _WRITES.search(code)):
            word = found.group().decode()
            raise _refused(f"its code ({name}) names {word!r}, which may touch files or run compiled code", path)


def _members(data: bytes, path: Path, kind: str) -> dict[str, bytes]:
    """Name to content, as torch's own reader sees them."""
    try:
        reader = torch._C.PyTorchFileReader(io.BytesIO(data))
        names = reader.get_all_records()
        with zipfile.ZipFile(io.BytesIO(data)) as seen:
            others = [name.split("/", 1)[-1] for name in seen.namelist() if "/" in name]
            loose = [name for name in seen.namelist() if "/" not in name]
        members = {
            name: reader.get_record(name) for name in names if kind == "torch.export" or name.startswith("code/")
        }
    except (RuntimeError, zipfile.BadZipFile, OSError, ValueError) as error:
        raise InputError(
            f"the file cannot be read as {kind} ({first_line(error)})", where=path, hint="save it again with this torch"
        ) from None
    # Two readers that see different members could be shown different files.
    if loose or len(set(names)) != len(names) or sorted(names) != sorted(others):
        raise _refused("its members are not those of one archive", path)
    return members


def _json(content: bytes, name: str, path: Path) -> dict[str, Any]:
    try:
        read = json.loads(content)
    except (ValueError, RecursionError):
        read = None
    if not isinstance(read, dict):
        raise _refused(f"{name} cannot be read", path)
    return read


def _check_payload(tensor: Any, name: str, path: Path) -> None:
    file = tensor.get("path_name") if isinstance(tensor, dict) else None
    if not isinstance(file, str) or not re.fullmatch(r"(weight|tensor)_\d+", file):
        raise _refused(f"{name} names {file!r}, which is no tensor", path)
    if tensor.get("use_pickle") is not False:
        raise _refused(f"{file} is a pickle", path)


def _check_inputs(content: bytes, path: Path) -> None:
    """Torch unpickles what it cannot read safely, so that must be tried first."""
    if not content:
        return
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            torch.load(io.BytesIO(content), weights_only=True, map_location="cpu")
    except Exception:
        raise _refused("its example inputs are a pickle of more than tensors", path) from None


def _strings(value: Any, keys: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    """Every text of a JSON value, keys included, with the keys that lead to it."""
    if isinstance(value, str):
        yield keys, value
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item, keys)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield (*keys, "key"), key
            yield from _strings(item, (*keys, key))


def _check_text(keys: tuple[str, ...], text: str, path: Path) -> None:
    last = keys[-1] if keys else ""
    if last in ("target", "as_operator"):
        known = bool(_OPERATORS.fullmatch(text))
    elif last == "expr_str" or keys[-2:] == ("range_constraints", "key"):
        known = _is_size(text)
    elif last in ("in_spec", "out_spec"):
        known = _is_tree(text)
    elif last in _TEXTS or keys[-2:-1] == ("metadata",):
        known = True
    else:
        known = bool(_IDENTIFIER.fullmatch(text))
    if not known:
        raise _refused(f"its graph names {text[:60]!r}, which is not known to be harmless", path)


def _is_size(text: str) -> bool:
    place = 0
    while place < len(text):
        token = _SIZE_TOKEN.match(text, place)
        if token is None or (token.group(2) and not _SIZE_WORDS.fullmatch(token.group(2))):
            return False
        place = token.end()
    return bool(text)


def _is_tree(text: str) -> bool:
    """Whether a tree specification is of tuples, lists and dictionaries only: others import what they name."""
    if not text:
        return True
    try:
        _, tree = json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return False
    waiting = [tree]
    while waiting:
        node = waiting.pop()
        if not isinstance(node, dict) or node.get("type") not in _TREES or "__enum__" in str(node.get("context")):
            return False
        children = node.get("children_spec")
        if not isinstance(children, list):
            return False
        waiting += children
    return True


def _refused(what: str, path: Path) -> InputError:
    return InputError(
        f"{what}: loading it could run foreign code",
        where=path,
        hint="export the network again with plain tensors, or build it in a Python factory and say --allow-code",
    )
