"""A network made by the user's own Python function."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from torch import nn

from xai_compare.errors import InputError
from xai_compare.models.checkpoint import lay_in, read_state_dict
from xai_compare.models.model import Model
from xai_compare.models.provenance import file_sha256
from xai_compare.models.request import Request, seeded


def build(request: Request) -> Model:
    """``factory: "module:function"``, called with ``options`` as keywords; returns a torch module or a Model.

    The module is looked for on Python's path and then in ``folder`` (beside the study without one). ``weights`` may
    name a state dict to lay in, ``seed`` seeds torch during the call, ``output`` says ``logits`` (default) or
    ``probabilities``.
    """
    folder = request.spec.get("folder")
    with _importable(request.base if folder is None else request.base / Path(str(folder)).expanduser()):
        function = _function(request)
        made = _call(function, request)
    module = made.module if isinstance(made, Model) else made
    source: dict[str, Any] = {"kind": "factory", "factory": str(request.value)}
    if options := request.spec.get("options"):
        source["options"] = dict(options)
    if request.seed is not None:
        source["seed"] = request.seed
    if weights := request.spec.get("weights"):
        path = request.path(weights, "weights file")
        lay_in(module, read_state_dict(path), path)
        source |= {"file": str(path), "sha256": file_sha256(path)}
    if isinstance(made, Model):
        return _relabelled(made, request, source)
    return Model(request.name, request.classes, module, request.input({}), output=request.output, source=source)


def _relabelled(made: Model, request: Request, source: Mapping[str, Any]) -> Model:
    """A Model says its own classes and input; the specification may give it a name, and other classes."""
    for key in ("input", "output"):
        if key in request.spec:
            raise InputError(f"the factory's Model has its own {key}", where=request.where, mend=f"leave `{key}` out")
    classes = request.classes if "classes" in request.spec else made.classes
    return Model(
        request.name, classes, made.module, made.input, made.output, made.activations, {**made.source, **source}
    )


@contextmanager
def _importable(folder: Path) -> Iterator[None]:
    """Make the modules in ``folder`` importable, after all others."""
    place = str(folder.resolve())
    sys.path.append(place)
    try:
        yield
    finally:
        sys.path.remove(place)


def _function(request: Request) -> Callable[..., object]:
    name, _, function = str(request.value).partition(":")
    if not (name and function):
        raise InputError(f"factory must read 'module:function', not {request.value!r}", where=request.where)
    try:
        module = importlib.import_module(name)
    except Exception as error:
        raise InputError(
            f"factory module {name!r} cannot be imported ({type(error).__name__}: {error})", where=request.where
        ) from error
    found = getattr(module, function, None)
    if not callable(found):
        raise InputError(f"module {name!r} has no function {function!r}", where=request.where)
    return found


def _call(function: Callable[..., object], request: Request) -> nn.Module | Model:
    options = request.spec.get("options") or {}
    if not isinstance(options, Mapping) or not all(isinstance(key, str) for key in options):
        raise InputError(f"options must be names and values, not {options!r}", where=request.where)
    try:
        with seeded(request.seed):
            made = function(**options)
    except InputError:
        raise
    except Exception as error:
        raise InputError(
            f"factory {request.value!r} failed ({type(error).__name__}: {error})", where=request.where
        ) from error
    if not isinstance(made, (nn.Module, Model)):
        raise InputError(
            f"factory {request.value!r} returned a {type(made).__name__}, not a torch module or a Model",
            where=request.where,
        )
    return made
