"""From a specification to a network that has been run once."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from xai_compare.errors import InputError, first_line, nearest
from xai_compare.models.behaviour import WithoutDropout, checked
from xai_compare.models.engine import BATCH
from xai_compare.models.model import Model
from xai_compare.models.outputs import chosen, with_outputs
from xai_compare.models.request import Request
from xai_compare.models.sources import COMMON, SOURCES, Source, runs_code
from xai_compare.time_limit import time_limit

OWN_OUTPUTS = ("ensemble",)
"""Kinds of sources whose outputs are made here, and are what the network says."""


def load(
    spec: Mapping[str, Any],
    base: Path | None = None,
    device: str = "cpu",
    *,
    batch_size: int = BATCH,
    allow_code: bool = False,
) -> Model:
    """Load the network that ``spec`` describes, and run it once on noise.

    Args:
        spec: exactly one source key (``zoo``, ``keras``, ``torchvision``, ``timm``, ``hf``, ``onnx``, ``export``,
            ``torchscript``, ``factory``, ``bundled``), ``classes``
            (the expression of each output, usual aliases allowed), optionally ``name``, ``input`` (``size`` in
            pixels, one number or [height, width]; ``channels`` rgb or grey; ``range``: the values of black and
            white; ``mean`` and ``std``, per channel, applied after the range) and the keys of the source:
            ``weights`` (a state dict; ``random``; or ``pretrained``, which alone may download), ``seed``,
            ``options`` and ``output`` of a factory.
        base: the folder that relative paths start from; by default the current one.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:N"``.
        batch_size: pictures in one forward pass (`Model.batch_size`).
        allow_code: whether a factory, TorchScript or ``torch.export`` file may run; a specification is data,
            and may not allow this to itself.

    Raises:
        InputError: whatever is wrong with the specification, the files or the network's outputs, in one line.

    A key whose value is None counts as not given. No pickled object is ever loaded, and no layer that carries code.

    >>> load({"bundled": "compact"}).classes
    ('anger', 'disgust', 'fear', 'happiness', 'sadness', 'surprise')
    >>> load({"zoo": "songnet", "weights": "random", "seed": 0, "classes": ["anger", "fear"]}).input.size
    (224, 224)
    """
    if not isinstance(spec, Mapping):
        raise InputError(f"a model must be described by keys and values, not {spec!r}")
    base = Path() if base is None else Path(base)
    where = torch_device(device)
    given = {key: value for key, value in spec.items() if value is not None}
    request, builder = _read(with_outputs(given, f"model {str(spec.get('name', 'unnamed'))!r}"), base)
    permit(request.spec, request.where, allow_code)
    with time_limit("reading the network", request.where):
        model = replace(builder.build(request), batch_size=batch_size)
    _check_weights(model)
    model.to(where)
    if request.spec.get("dropout") in (False, "off"):  # YAML reads `off` as false.
        model = replace(model, module=WithoutDropout(model.module))
    return _tried(model, request)


def permit(spec: Mapping[str, Any], where: str, allow_code: bool) -> None:
    """Refuse a specification that asks for code to be run, unless this was allowed.

    Raises:
        InputError: if it does.
    """
    code = runs_code(spec)
    if code and not allow_code:
        hint = "if you trust it, say --allow-code (allow_code=True from Python)"
        raise InputError(f"it asks to run code ({code}), which was not allowed", where=where, hint=hint)


def torch_device(name: str) -> torch.device:
    """The device called ``auto``, ``cpu``, ``cuda`` or ``cuda:N``; auto prefers CUDA.

    Raises:
        InputError: for another name, or a CUDA device that is not here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind, _, index = str(name).partition(":")
    if kind not in ("cpu", "cuda") or (index and not (kind == "cuda" and index.isdigit())):
        raise InputError(f"unknown device {name!r}", hint="known: auto, cpu, cuda, cuda:N")
    if kind == "cuda" and int(index or 0) >= torch.cuda.device_count():
        raise InputError(f"there is no device {name!r} here", hint="use auto or cpu")
    return torch.device(name)


def _read(spec: Mapping[str, Any], base: Path) -> tuple[Request, Source]:
    named = [key for key in spec if key in SOURCES]
    name = str(spec.get("name") or (spec[named[0]] if len(named) == 1 else "unnamed"))
    where = f"model {name!r}"
    if len(named) > 1:
        raise InputError(f"it has {len(named)} sources: {', '.join(named)}", where=where, hint="keep exactly one")
    sources = [SOURCES.get(key) for key in named] or list(SOURCES.all().values())
    known = {*COMMON, *SOURCES, *(key for source in sources for key in source.KEYS)}
    for key in spec:
        if key not in known:
            raise InputError(f"unknown key {key!r}", where=where, hint=nearest(str(key), sorted(known)))
    if not named:
        raise InputError("it has no source", where=where, hint=f"name one of {', '.join(SOURCES)}")
    return Request(named[0], spec[named[0]], spec, base, name), sources[0]


def _check_weights(model: Model) -> None:
    for name, value in model.module.state_dict().items():
        if isinstance(value, torch.Tensor) and value.is_floating_point() and not torch.isfinite(value).all():
            raise InputError(
                f"the weights {name} are not finite (NaN or infinity)",
                where=f"model {model.name!r}",
                hint="the training may have diverged; use an earlier checkpoint",
            )


def _tried(model: Model, request: Request) -> Model:
    """The network as it is to be read, once it ran on made-up pictures and behaved."""
    trusted = model.source.get("kind") in OWN_OUTPUTS
    try:
        return checked(chosen(model, request.spec.get("take")), request.spec.get("output"), trusted)
    except (RuntimeError, ValueError, TypeError, AssertionError, IndexError) as error:
        if isinstance(error, InputError):
            raise
        height, width = model.input.size
        raise InputError(
            f"the network does not run on {model.input.channels} pictures of {height}x{width} ({first_line(error)})",
            where=request.where,
            hint="check input.size and input.channels",
        ) from error
