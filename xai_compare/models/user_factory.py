"""A network made by the user's own Python function: the one source of networks that runs code, so only where allowed.

The function lies in a file beside the study, or another package registers it under the entry point
``xai_compare.factories``. A module of Python itself or of an installed package is never a factory: what a study names
may not reach, say, ``subprocess``.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import re
import sys
import sysconfig
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from xai_compare.errors import InputError
from xai_compare.files import file_sha256
from xai_compare.models.checkpoint import load_weights, read_state_dict
from xai_compare.models.model import Model
from xai_compare.models.request import Request, seeded
from xai_compare.models.sources import OWN_FACTORIES
from xai_compare.registry import Registry


def _is_function(thing: Any) -> str:
    return "" if callable(thing) else "is not a function"


FACTORIES: Registry[Callable[..., object]] = Registry("factory", "xai_compare.factories", check=_is_function)
"""Functions that installed packages offer as factories, by name."""

_NAME = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")
_HINT = "name FILE:FUNCTION of a file beside the study, or a factory that an installed package registers"


def from_factory(request: Request) -> Model:
    """``factory: "file:function"``, called with ``options`` as keywords; returns a torch module or a Model.

    ``file`` (with or without ``.py``) lies in ``folder``, beside the study without one; a name without a colon is a
    function that an installed package registers under the entry point ``xai_compare.factories``. ``weights`` may name
    a state dict to lay in, ``seed`` seeds torch during the call, ``output`` says ``logits`` (default) or
    ``probabilities``.
    """
    folder_name = request.spec.get("folder")
    folder = (request.base if folder_name is None else request.base / Path(str(folder_name)).expanduser()).resolve()
    with _importable(folder):
        function, code = _function(request, folder)
        built = _call(function, request)
    module = built.module if isinstance(built, Model) else built
    source: dict[str, Any] = {"kind": "factory", "factory": str(request.value), "code": code}
    if options := request.spec.get("options"):
        source["options"] = dict(options)
    if request.seed is not None:
        source["seed"] = request.seed
    if weights := request.spec.get("weights"):
        path = request.path(weights, "weights file")
        source |= load_weights(module, read_state_dict(path), path)
        source |= {"file": str(path), "sha256": file_sha256(path)}
    if isinstance(built, Model):
        return _relabelled(built, request, source)
    return Model(request.name, request.classes, module, request.input({}), output=request.output, source=source)


def _relabelled(made: Model, request: Request, source: Mapping[str, Any]) -> Model:
    """A Model says its own classes and input; the specification may give it a name, and other classes."""
    for key in ("input", "output"):
        if key in request.spec:
            raise InputError(f"the factory's Model has its own {key}", where=request.where, hint=f"leave `{key}` out")
    classes = request.classes if "classes" in request.spec else made.classes
    return Model(
        request.name, classes, made.module, made.input, made.output, made.activations, {**made.source, **source}
    )


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Make the modules in ``folder`` importable, after all others."""
    place = str(folder)
    sys.path.append(place)
    try:
        yield
    finally:
        sys.path.remove(place)


def _function(request: Request, folder: Path) -> tuple[Callable[..., object], dict[str, str]]:
    """The function, and what the provenance says of its code: the file and its hash, or the package's entry point."""
    named = str(request.value)
    if named in OWN_FACTORIES:
        place, _, name = named.partition(":")
        return getattr(importlib.import_module(place), name), {"entry_point": named}
    if isinstance(request.value, str) and ":" not in named and named in FACTORIES:
        factory = FACTORIES.get(named)
        return factory, {"entry_point": f"{factory.__module__}:{getattr(factory, '__qualname__', named)}"}
    name, _, function = named.partition(":")
    name = name.removesuffix(".py")
    if not (isinstance(request.value, str) and _NAME.fullmatch(name) and function.isidentifier()):
        what = f"factory must read 'file:function', not {request.value!r}"
        raise InputError(what, where=request.where, hint=_HINT)
    file = folder.joinpath(*name.split(".")).with_suffix(".py")
    if not file.is_file():
        raise InputError(f"there is no factory file {file}", where=request.where, hint=_HINT)
    if any(file.resolve().is_relative_to(place) for place in _installed()):
        raise InputError(f"{file} belongs to an installed package", where=request.where, hint=_HINT)
    module = _imported(file, name, request)
    made = getattr(module, function, None)
    if not callable(made):
        raise InputError(f"{file} has no function {function!r}", where=request.where)
    return made, {"file": str(file), "sha256": file_sha256(file)}


def _installed() -> list[Path]:
    """Where Python keeps its own modules and those of installed packages."""
    names = ("stdlib", "platstdlib", "purelib", "platlib")
    return [Path(place).resolve() for name, place in sysconfig.get_paths().items() if name in names]


def _imported(file: Path, name: str, request: Request) -> ModuleType:
    """The module of a file, under a name that no other module has."""
    unique = f"xai_compare_factory_{hashlib.sha256(str(file).encode()).hexdigest()[:12]}_{name.replace('.', '_')}"
    spec = importlib.util.spec_from_file_location(unique, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[unique] = module  # Dataclasses, for one, look themselves up there.
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        del sys.modules[unique]
        what = f"factory file {file} cannot be imported ({type(error).__name__}: {error})"
        raise InputError(what, where=request.where) from error
    return module


def _call(function: Callable[..., object], request: Request) -> nn.Module | Model:
    options = request.spec.get("options") or {}
    if not isinstance(options, Mapping) or not all(isinstance(key, str) for key in options):
        raise InputError(f"options must be names and values, not {options!r}", where=request.where)
    try:
        with seeded(request.seed):
            built = function(**options)
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            f"factory {request.value!r} failed ({type(error).__name__}: {error})", where=request.where
        ) from error
    if not isinstance(built, (nn.Module, Model)):
        raise InputError(
            f"factory {request.value!r} returned a {type(built).__name__}, not a torch module or a Model",
            where=request.where,
        )
    return built
