"""Networks saved whole by torch: ``torch.export`` and TorchScript.

Both are programs, not data: ``torch.export.load`` unpickles and evaluates what the file says, and a script may call
operators that write files. Reading their text does not find every such
call, so they are loaded only where code is allowed.
"""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import torch
from torch import nn

from xai_compare.errors import InputError, first_line
from xai_compare.files import file_sha256
from xai_compare.models.batching import Single, takes_several
from xai_compare.models.model import Model
from xai_compare.models.request import Request


def from_export(request: Request) -> Model:
    """``export: FILE.pt2``, with ``output``; size and channels come from the file.

    Raises:
        InputError: if the file cannot be read, or the network takes anything but pictures.
    """
    path = request.path(request.value, "torch.export file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            program: Any = torch.export.load(path)
            module: nn.Module = torch.export.unflatten(program)
    except Exception as error:
        raise _unreadable("torch.export", path, error) from None
    spec = request.input(_known(program, request.where))
    module.requires_grad_(True)
    if not takes_several(module, (2, spec.depth, *spec.size)):
        module = Single(module)
    _forget_shapes(module)
    return _made(request, module, spec, path)


def from_script(request: Request) -> Model:
    """``torchscript: FILE``, with ``output``; input and classes are not in the file.

    What happens inside a script cannot be watched, so CAM, Grad-CAM and rollout refuse it. Gradients reach its input.

    Raises:
        InputError: if the file cannot be read, or this torch has no TorchScript.
    """
    path = request.path(request.value, "TorchScript file")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            module: Any = torch.jit.load(str(path), map_location="cpu")
    except Exception as error:
        raise _unreadable("TorchScript", path, error) from None
    return _made(request, Script(module), request.input({}), path)


class Script(nn.Module):
    """A TorchScript network; its insides are hidden, because hooks do not see them."""

    def __init__(self, script: Any) -> None:
        super().__init__()
        self._held = [script.eval()]
        for k, parameter in enumerate(script.parameters()):
            self.register_parameter(f"p{k}", nn.Parameter(parameter.detach(), requires_grad=False))

    def _apply(self, fn: Any, recurse: bool = True) -> Script:
        super()._apply(fn, recurse)
        self._held[0]._apply(fn)
        return self

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """``(n, c, h, w)`` to ``(n, classes)``."""
        return torch.as_tensor(self._held[0](batch))


def _made(request: Request, module: nn.Module, spec: Any, path: Path) -> Model:
    source = {"kind": request.source, "file": str(path), "sha256": file_sha256(path)}
    return Model(request.name, request.classes, module, spec, request.output, source=source)


def _forget_shapes(module: nn.Module) -> None:
    """Drop the symbolic example values of the graphs: nothing needs them any more, and they cannot be copied."""
    for part in module.modules():
        graph = getattr(part, "graph", None)
        if isinstance(graph, torch.fx.Graph):
            for node in graph.nodes:
                node.meta = {}


def _known(program: Any, where: str) -> dict[str, Any]:
    """Channels and size of the program's one input."""
    names = program.graph_signature.user_inputs
    shapes = [node.meta["val"].shape for node in program.graph.nodes if node.op == "placeholder" and node.name in names]
    if len(shapes) != 1 or len(shapes[0]) != 4:
        raise InputError(
            "the network's input is not one batch of pictures", where=where, hint="export it with them only"
        )
    _, channels, height, width = shapes[0]
    known: dict[str, Any] = {}
    if isinstance(channels, int):
        known["channels"] = "grey" if channels == 1 else "rgb"
    if isinstance(height, int) and isinstance(width, int):
        known["size"] = (height, width)
    return known


def _unreadable(kind: str, path: Path, error: BaseException) -> InputError:
    what = f"the file cannot be read as {kind} ({first_line(error)})"
    return InputError(what, where=path, hint="save it again with this torch")
