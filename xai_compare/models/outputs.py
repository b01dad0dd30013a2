"""Which of a network's outputs are its answer: one tensor of several, and of its columns those that are expressions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from xai_compare.errors import InputError, nearest

if TYPE_CHECKING:
    from xai_compare.models.model import Model

DECLARABLE = ("logits", "probabilities", "log_probabilities", "sigmoid", "independent_logits")
"""What ``output`` of a specification may say."""


class ChosenOutputs(nn.Module):
    """A network of which one output, and some of its columns, are the answer.

    Args:
        network: returns a tensor, or a tuple, list or mapping of some.
        take: number or name of the tensor; None where it returns one.
        columns: numbers of the columns that are kept; None for all.
    """

    def __init__(self, network: nn.Module, take: int | str | None = None, columns: Sequence[int] | None = None) -> None:
        super().__init__()
        self.network, self.take = network, take
        self.register_buffer("columns", None if columns is None else torch.tensor(list(columns)), persistent=False)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """Outputs ``(n, columns)`` of a prepared batch."""
        out = self.network(batch)
        out = out if self.take is None else out[self.take]
        if out.ndim == 4 and tuple(out.shape[2:]) == (1, 1):
            out = out.flatten(1)
        return out if self.columns is None else out[:, self.columns]


def with_outputs(spec: Mapping[str, Any], where: str) -> dict[str, Any]:
    """A specification with ``outputs`` and ``ignore`` written as ``classes``; None stands for what is no expression.

    Raises:
        InputError: if they contradict one another, or ``ignore`` names what is no output.

    >>> with_outputs({"outputs": ["happy", "sad", "valence"], "ignore": ["valence"]}, "model 'm'")
    {'classes': ['happy', 'sad', None]}
    """
    spec = dict(spec)
    names, ignored = spec.pop("outputs", None), spec.pop("ignore", None) or []
    if names is None and not ignored:
        return spec
    if names is not None and spec.get("classes") is not None:
        raise InputError("it has both `outputs` and `classes`", where=where, hint="keep one; `ignore` goes with either")
    listed = names if names is not None else spec.get("classes")
    if not isinstance(listed, (list, tuple)) or not isinstance(ignored, (list, tuple)):
        raise InputError("`outputs` and `ignore` must be lists of names", where=where)
    for name in ignored:
        if name not in listed:
            hint = nearest(str(name), [str(known) for known in listed])
            raise InputError(f"`ignore` names {name!r}, which is no output", where=where, hint=hint)
    spec["classes"] = [None if name in ignored else name for name in listed]
    return spec


def chosen(model: Model, take: object = None) -> Model:
    """The network with one tensor ``(n, classes)`` as its answer, its ignored columns left out.

    Args:
        model: as its source gives it; ignored outputs stand among its classes as None's place holders.
        take: number or name of the output, where it returns several.

    Raises:
        InputError: if it returns several and ``take`` names none of them.
    """
    where = f"model {model.name!r}"
    with torch.no_grad():
        out: Any = model.module(model.prepare(_blank(model)))
    if isinstance(out, (tuple, list, Mapping)):
        known = {str(key): key for key in (out if isinstance(out, Mapping) else range(len(out)))}
        shapes = ", ".join(f"{name} {tuple(getattr(out[key], 'shape', ('?',)))[1:]}" for name, key in known.items())
        if take is None or str(take) not in known:
            what = f"the network returns {len(known)} outputs ({shapes})"
            raise InputError(what, where=where, hint=f"say which one answers, such as `take: {next(iter(known), 0)}`")
        take = known[str(take)]
        out = out[take]
    elif take is not None:
        raise InputError("the network returns one output", where=where, hint="leave `take` out")
    columns = [k for k, name in enumerate(model.classes) if name is not None and not ignored_name(name)]
    whole = len(columns) == len(model.classes)
    flat = isinstance(out, torch.Tensor) and out.ndim == 4 and tuple(out.shape[2:]) == (1, 1)
    if isinstance(out, torch.Tensor) and out.ndim in (2, 4) and out.shape[1] != len(model.classes):
        return model  # Refused in a line of its own, with both numbers.
    if whole and take is None and not flat:
        return model
    if not columns:
        raise InputError("no output is an expression", where=where, hint="name at least one under `classes`")
    module = ChosenOutputs(model.module, take, None if whole else columns)
    source = dict(model.source) if whole else {**model.source, "ignored_outputs": len(model.classes) - len(columns)}
    return replace(model, module=module, classes=tuple(model.classes[k] for k in columns), source=source)


def remark_on_outputs(model: Model) -> str | None:
    """What a reader must know of how a network is fed and read, where it is not the usual; None where it is."""
    return "; ".join(remarks_on(model)) or None


def remarks_on(model: Model) -> list[str]:
    """The parts of `remark_on_outputs`."""
    remarks = []
    if (read := model.source.get("outputs_read_as")) is not None:
        remarks.append(f"its outputs were read as {str(read).replace('_', ' ')} (`output: {read}` settles it)")
    if ignored := model.source.get("ignored_outputs"):
        over = "a softmax over the others" if model.output == "logits" else "the others as they are"
        remarks.append(f"{ignored} outputs are no expressions and left out; probabilities are {over}")
    if (cut := model.source.get("crop_left_out")) is not None:
        remarks.append(
            f"its processor cuts the middle {cut:.3g} of a picture out, which is left out: the study cuts the face"
        )
    return remarks


IGNORED = "(no expression"


def ignored_name(name: str) -> bool:
    """Whether a class is the place of an output that is no expression."""
    return name.startswith(IGNORED)


def _blank(model: Model) -> Any:
    import numpy as np

    return np.zeros((2, *model.input.size, 3), np.uint8)
