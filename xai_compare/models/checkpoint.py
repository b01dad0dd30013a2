"""State dicts: read without unpickling anything, unwrapped, and laid into a network or refused in one line."""

from __future__ import annotations

import logging
import pickle
import warnings
import zipfile
from collections import Counter
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file
from torch import nn

from xai_compare.errors import InputError, first_line
from xai_compare.files import check_regular, refuse_size

SUFFIXES = (".safetensors", ".pt", ".pth", ".bin", ".ckpt", ".tar")
_WRAPPERS = ("state_dict", "model_state_dict", "model", "net", "network", "module", "params", "weights")


class _Ignored:
    """Stands for what checkpoints keep beside tensors (NumPy's numbers and arrays, arguments); holds nothing."""

    def __init__(self, *args: object, **kwargs: object) -> None: ...

    def __setstate__(self, state: object) -> None: ...


# The reader looks these names up here and not in their modules, so that nothing of the modules is called.
_BESIDE: list[Any] = [
    (_Ignored, name)
    for name in (
        *(f"numpy.{core}.multiarray.{made}" for core in ("core", "_core") for made in ("scalar", "_reconstruct")),
        "numpy.dtype",
        "numpy.ndarray",
        "_codecs.encode",
        "argparse.Namespace",
    )
]

log = logging.getLogger(__name__)


def read_state_dict(path: Path) -> dict[str, torch.Tensor]:
    """The tensors of a ``.safetensors`` or torch file, by name, on the CPU.

    Wrappers such as ``{"state_dict": ...}`` are opened.

    Raises:
        InputError: if the file is unreadable, holds pickled objects (which are never loaded), or no state dict.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise InputError("weights must be a state dict", where=path, hint=f"known endings: {', '.join(SUFFIXES)}")
    check_regular(path, 1 << 60)
    try:
        content = load_file(path) if path.suffix.lower() == ".safetensors" else _read_torch(path)
    except InputError:
        raise
    except Exception as error:
        # A damaged file can raise anything at all from inside the readers.
        raise InputError(
            f"the weights cannot be read ({first_line(error)})",
            where=path,
            hint="the file may be truncated or of another format",
        ) from None
    tensors = _unwrapped(content, path)
    for name, value in tensors.items():
        if value.is_meta or value.layout != torch.strided or value.is_quantized:
            kind = "has no values (meta)" if value.is_meta else "is sparse or quantized"
            raise InputError(f"the tensor {name} {kind}", where=path, hint="save plain, dense tensors")
    return tensors


def _read_torch(path: Path) -> object:
    if zipfile.is_zipfile(path):  # Torch itself packs nothing, so what is packed may unpack to anything.
        with zipfile.ZipFile(path) as archive:
            packed = [member for member in archive.infolist() if member.compress_type != zipfile.ZIP_STORED]
        refuse_size(sum(member.file_size for member in packed), path)
    try:
        with warnings.catch_warnings():
            # An odd pickle protocol is not worth a warning: it loads as tensors or is refused.
            warnings.simplefilter("ignore", UserWarning)
            with torch.serialization.safe_globals(_BESIDE):
                return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError:
        raise InputError(
            "the file holds more than tensors, and pickled objects are never loaded because they can run code",
            where=path,
            hint="save model.state_dict(), best as .safetensors",
        ) from None


def _unwrapped(content: object, path: Path) -> dict[str, torch.Tensor]:
    for _ in range(3):
        if not isinstance(content, Mapping):
            break
        tensors = {str(k): v for k, v in content.items() if isinstance(v, torch.Tensor)}
        chosen = next((key for key in _WRAPPERS if isinstance(content.get(key), Mapping)), None)
        if chosen is None and tensors:
            return tensors
        inner = None if chosen is None else content[chosen]
        if rival := _rival(content, chosen):
            raise InputError(
                f"the file holds two sets of weights of one network: {chosen} and {rival}",
                where=path,
                hint=f"save the one that is meant by itself: torch.save(checkpoint[{rival!r}], FILE)",
            )
        content = inner
    raise InputError("the file holds no state dict", where=path, hint="save model.state_dict()")


def _rival(content: Mapping[Any, Any], chosen: str | None) -> str | None:
    """The key of other weights for the same names, such as averaged ones; None where there are none, or equal ones."""

    def named(state: object) -> dict[str, torch.Tensor]:
        tensors = state.items() if isinstance(state, Mapping) else ()
        return {str(k).removeprefix("module."): v for k, v in tensors if isinstance(v, torch.Tensor)}

    own = named(content.get(chosen))
    for key, state in content.items():
        other = named(state) if key != chosen else {}
        # Averages often keep a counter beside the weights.
        if own and own.keys() <= other.keys() and not all(torch.equal(own[name], other[name]) for name in own):
            return str(key)
    return None


def load_weights(
    module: nn.Module, tensors: Mapping[str, torch.Tensor], path: Path, ignore: tuple[str, ...] = ()
) -> dict[str, str]:
    """Copy ``tensors`` into ``module``; each must be there, and each must have its shape.

    A prefix such as ``module.`` is taken off where all names fit without it; names that begin with one of ``ignore``
    are left. Returns what the provenance says of it: ``{"prefix": "module."}``, or nothing.

    Raises:
        InputError: naming the first missing, unexpected or ill-shaped tensor.
    """
    wanted = module.state_dict()
    tensors, prefix = _without_prefix(tensors, wanted, ignore)
    tensors = {name: value for name, value in tensors.items() if not name.startswith(ignore or "\0")}
    missing = [n for n in wanted if n not in tensors and not n.endswith("num_batches_tracked")]
    unexpected = [n for n in tensors if n not in wanted]
    if missing or unexpected:
        parts = [f"{word} {few(names)}" for word, names in (("lack", missing), ("also hold", unexpected)) if names]
        raise InputError(
            f"the weights do not fit the architecture: they {' and '.join(parts)}",
            where=path,
            hint="check that the architecture is the one that was trained",
        )
    for name, value in tensors.items():
        if value.shape != wanted[name].shape:
            raise InputError(
                f"the weights do not fit the architecture: {name} is {tuple(value.shape)} in the file "
                f"and {tuple(wanted[name].shape)} in the network",
                where=path,
                hint="check the architecture, the number of classes and the channels",
            )
    module.load_state_dict(dict(tensors), strict=False)
    if prefix:
        log.info("%s: %r was taken off the names of its tensors", path, prefix)
    return {"prefix": prefix} if prefix else {}


def _without_prefix(
    tensors: Mapping[str, torch.Tensor], wanted: Mapping[str, object], ignore: tuple[str, ...] = ()
) -> tuple[dict[str, torch.Tensor], str]:
    """The tensors by the names that the network has for them, and the prefix that was taken off."""
    needed = {name for name in wanted if not name.endswith("num_batches_tracked")}

    def fits(names: Iterable[str]) -> bool:
        kept = {name for name in names if not name.startswith(ignore or "\0")}
        return needed <= kept <= wanted.keys()

    stripped, prefix = dict(tensors), ""
    while not fits(stripped):
        # A backbone is often wrapped while its head is not: what every name has is tried first, then what some have.
        heads = Counter(f"{name.partition('.')[0]}." for name in stripped if "." in name).most_common()
        for head, count in heads:
            shorter = {name.removeprefix(head): value for name, value in stripped.items()}
            if len(shorter) == len(stripped) and (count == len(stripped) or fits(shorter)):
                stripped, prefix = shorter, prefix + head
                break
        else:
            break
    # Where nothing fits, the names as they stand are the ones to speak of, unless the network has none of them.
    return (stripped, prefix) if fits(stripped) or not wanted.keys() & tensors.keys() else (dict(tensors), "")


def few(names: list[str]) -> str:
    """The first of several names, and how many more there are."""
    return names[0] if len(names) == 1 else f"{names[0]} and {len(names) - 1} more"
