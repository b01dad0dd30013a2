"""Keras networks from ``.h5``, ``.hdf5`` or ``.keras`` files."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path
from typing import Any, Literal

import torch
from torch import nn

from xai_compare.errors import InputError, first_line
from xai_compare.extras import install_command
from xai_compare.files import file_sha256
from xai_compare.models.keras.graph import KerasGraph, Plan, plan
from xai_compare.models.keras.layers import Unsupported
from xai_compare.models.keras.native import NativeGraph
from xai_compare.models.keras.old_settings import check_weights, unknown_settings, without_old_settings
from xai_compare.models.keras.safety import check_file
from xai_compare.models.model import Model
from xai_compare.models.request import Request

NATIVE_TOLERANCE = 1e-4
GRAPH_TOLERANCE = 1e-5

log = logging.getLogger(__name__)


def from_keras(request: Request) -> Model:
    """``keras: FILE``; size and channels come from the network's input, the range must be given.

    The network becomes torch layers where every layer has a conversion and the result equals Keras' own prediction
    on noise to 1e-4; otherwise Keras' operations run one by one, compared in the same way. ``engine`` forces
    ``native`` or ``keras``. The provenance says which was used, and why.
    """
    path = request.path(request.value, "Keras file")
    engine = request.spec.get("engine", "auto")
    if engine not in ("auto", "native", "keras"):
        raise InputError(f"engine must be auto, native or keras, not {engine!r}", where=request.where)
    keras = import_keras(request.where)
    check_file(path, request.where)
    with without_old_settings(path) as (whole, dropped):
        network = _read(keras, whole, path)
    if dropped:
        log.info("%s: %s left out, which this Keras does not know and which change nothing", path, ", ".join(dropped))
    check_weights(network, path)
    given = getattr(network, "input_shape", None)
    shape = tuple(given[1:]) if isinstance(given, tuple) else ()
    last = _channels_last(shape, request.where)
    spec = request.input(_known(shape, last))
    height, width = spec.size
    depth = spec.depth
    if any(a is not None and a != b for a, b in zip(_chw(shape, last), (depth, height, width), strict=True)):
        raise InputError(
            f"the network takes {_words(shape)}, not {spec.channels} pictures of {height}x{width}",
            where=request.where,
            hint="leave input.size and input.channels out",
        )
    noise = torch.rand(2, depth, height, width, generator=torch.Generator().manual_seed(0))
    noise = noise * (spec.range[1] - spec.range[0]) + spec.range[0]
    expected = _prediction(keras, network, noise, last, request.where)
    graph = plan(network, request.where)
    module, source = _module(graph, noise, expected, last, engine, request.where)
    source |= {"kind": "keras", "file": str(path), "sha256": file_sha256(path)}
    source |= {"left_out": dropped} if dropped else {}
    inside: Literal["channels_first", "channels_last"] = (
        "channels_last" if last and isinstance(module, KerasGraph) else "channels_first"
    )
    return Model(request.name, request.classes, module, spec, _output(graph, expected), inside, source)


def import_keras(where: str) -> Any:
    """Import Keras on its torch backend.

    Raises:
        InputError: if it is not installed, or already runs on another backend.
    """
    if "keras" not in sys.modules:
        os.environ["KERAS_BACKEND"] = "torch"
    try:
        import keras
    except ImportError as error:
        raise InputError(f"Keras cannot be imported ({error})", where=where, hint=install_command("keras")) from error
    if keras.backend.backend() != "torch":
        raise InputError(
            f"Keras already runs on {keras.backend.backend()}",
            where=where,
            hint="set KERAS_BACKEND=torch before Keras is imported",
        )
    return keras


def _read(keras: Any, file: Path, path: Path) -> Any:
    try:
        with keras.device("cpu"):
            return keras.saving.load_model(file, compile=False, safe_mode=True)
    except Exception as error:
        if unknown := unknown_settings(path):
            what = f"Keras cannot load the network: it does not know {unknown}"
            raise InputError(what, where=path, hint="save it again with the Keras that is installed") from error
        raise InputError(
            f"Keras cannot load the network ({first_line(error)})",
            where=path,
            hint="it may be truncated, or made by a Keras that this cannot read",
        ) from error


def _channels_last(shape: tuple[int | None, ...], where: str) -> bool:
    if len(shape) == 3 and shape[2] in (1, 3):
        return True
    if len(shape) == 3 and shape[0] in (1, 3):
        return False
    raise InputError(f"the network takes {_words(shape)}, not grey or RGB pictures", where=where)


def _chw(shape: tuple[int | None, ...], last: bool) -> tuple[int | None, ...]:
    return (shape[2], shape[0], shape[1]) if last else shape


def _known(shape: tuple[int | None, ...], last: bool) -> dict[str, Any]:
    depth, height, width = _chw(shape, last)
    known: dict[str, Any] = {"channels": "grey" if depth == 1 else "rgb"}
    if height is not None and width is not None:
        known["size"] = (height, width)
    return known


def _words(shape: tuple[int | None, ...]) -> str:
    return "x".join("any" if side is None else str(side) for side in shape) or "several inputs"


def _prediction(keras: Any, network: Any, batch: torch.Tensor, last: bool, where: str) -> torch.Tensor:
    with torch.no_grad(), keras.device("cpu"):
        out = network(batch.permute(0, 2, 3, 1) if last else batch, training=False)
    if not isinstance(out, torch.Tensor):
        raise InputError("the Keras network has several outputs", where=where, hint="one is needed")
    return out.float()


def _module(
    graph: Plan, noise: torch.Tensor, expected: torch.Tensor, last: bool, engine: str, where: str
) -> tuple[nn.Module, dict[str, Any]]:
    """The fastest module that gives Keras' own prediction."""
    why = "asked for"
    if engine != "keras":
        try:
            if not last:
                raise Unsupported("channels-first network")
            native = NativeGraph(graph).eval()
            difference = _difference(native, graph, noise, expected)
            if difference <= NATIVE_TOLERANCE:
                return native, {"engine": "torch layers", "difference_from_keras": difference}
            why = f"the converted network differs by {difference:.2g}"
        except (Unsupported, RuntimeError, AttributeError, TypeError, ValueError) as error:
            why = f"no conversion for {error}"
        if engine == "native":
            raise InputError(
                f"the network cannot be converted to torch layers: {why}", where=where, hint="say `engine: auto`"
            )
        log.info("%s: runs on Keras' own operations: %s", where, why)
    wrapped = KerasGraph(graph, last).eval()
    difference = _difference(wrapped, graph, noise, expected)
    if not difference <= GRAPH_TOLERANCE and bool(torch.isfinite(expected).all()):
        raise InputError(
            f"the network cannot be taken apart: its parts differ from the whole by {difference:.2g}", where=where
        )
    return wrapped, {"engine": "keras operations", "engine_reason": why, "difference_from_keras": difference}


def _difference(module: nn.Module, graph: Plan, noise: torch.Tensor, expected: torch.Tensor) -> float:
    """The largest difference from Keras' outputs, relative to them where they exceed one."""
    with torch.no_grad():
        out = module(noise).float()
    out = out.softmax(-1) if graph.softmax else out
    if out.shape != expected.shape:
        return float("inf")
    return float(((out - expected).abs() / expected.abs().clamp(min=1)).max())


def _output(graph: Plan, expected: torch.Tensor) -> Literal["logits", "probabilities"]:
    """Logits where a softmax was taken off, or where the outputs are no probabilities to begin with."""
    if graph.softmax or bool((expected < 0).any()) or bool((expected > 1).any()):
        return "logits"
    return "probabilities"
