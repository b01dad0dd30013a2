"""How a loaded network behaves, found out by running it on a few made-up pictures.

What a specification says of a network is not believed: a dropout that evaluation does not stop, batch statistics, and
probabilities taken for logits all give plausible numbers that are wrong.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import torch
from torch import nn

from xai_compare.errors import InputError

if TYPE_CHECKING:
    from xai_compare.models.model import Model

Kind = Literal["logits", "probabilities", "log_probabilities", "sigmoid", "independent_logits", "tanh", "unit_interval"]
"""What the outputs of a network are: ``sigmoid`` are probabilities of each class by itself, ``independent_logits`` go
through a sigmoid each, ``unit_interval`` lie in [0, 1] for a reason that could not be read."""

SAME = 1e-3
"""Outputs that differ by more than this, as a share of the largest, differ by more than rounding."""

_MOVES = (
    "View", "UnsafeView", "ReshapeAlias", "Squeeze", "Unsqueeze", "Permute", "Transpose", "T", "Clone", "Alias",
    "ToCopy", "Slice", "Select", "Index", "IndexSelect", "Expand", "Cat", "Stack", "Split", "Unbind",
)  # fmt: skip
"""Operations of autograd that move numbers and change none."""
_LINEAR = (
    "Addmm", "Mm", "Bmm", "Addbmm", "Baddbmm", "Convolution", "MkldnnConvolution", "Mean", "Add", "Sub", "Sum",
    "NativeBatchNorm", "NativeLayerNorm", "AdaptiveAvgPool2D", "AvgPool2D",
)  # fmt: skip
"""Operations after which values in [0, 1] are an accident of the pictures, and no probabilities."""
_BOUNDED: dict[str, Kind] = {
    "Softmax": "probabilities",
    "LogSoftmax": "log_probabilities",
    "Sigmoid": "sigmoid",
    "LogSigmoid": "log_probabilities",
    "Tanh": "tanh",
}


def made_up(size: tuple[int, int]) -> np.ndarray:
    """Pictures on which networks are tried: noise, a bright disc, a slope and a dim grey; uint8 ``(4, h, w, 3)``.

    >>> made_up((8, 6)).shape
    (4, 8, 6, 3)
    """
    height, width = size
    y, x = np.mgrid[:height, :width]
    noise = np.random.default_rng(0).integers(0, 256, (height, width, 3))
    disc = np.where(np.hypot((y + 0.5) / height - 0.5, (x + 0.5) / width - 0.5) < 0.35, 200, 60)
    slope = 255 * (x + y) / max(height + width - 2, 1)
    grey = [np.repeat(one[..., None], 3, 2) for one in (disc, slope, np.full((height, width), 70))]
    return np.stack([noise, *grey]).astype(np.uint8)


@dataclass(frozen=True)
class Behaviour:
    """What was found.

    Attributes:
        kind: what the outputs are.
        deterministic: whether the same pictures give the same outputs twice.
        independent: whether a picture's outputs are the same alone and beside others.
    """

    kind: Kind
    deterministic: bool
    independent: bool


def observe(model: Model, sees_outputs: bool = True) -> Behaviour:
    """Run a network on the made-up pictures, four at once, again, and one alone.

    Args:
        model: the network, on its device.
        sees_outputs: whether the kind of the outputs is looked at; else they are what the model says.

    Raises:
        InputError: if its output is not one finite tensor ``(n, classes)``.
    """
    batch = model.prepare(made_up(model.input.size))
    with torch.no_grad():
        first, again = (model.checked(model.module(batch)).float() for _ in range(2))
        alone = model.checked(model.module(batch[1:2])).float()
    scale = max(float(first.abs().max()), 1e-6)
    deterministic = _near(first, again, scale)
    # Chance alone would make a picture's outputs differ, too.
    independent = not deterministic or _near(first[1:2], alone, scale)
    kind = _kind(model, batch, first) if sees_outputs else model.output
    return Behaviour(kind, deterministic, independent)


def checked(model: Model, declared: str | None, trusted: bool = False) -> Model:
    """The network as it is to be read, once it was seen to behave.

    Args:
        model: as its source gives it.
        declared: what the specification says of its outputs, if it says anything.
        trusted: whether its source knows what the outputs are.

    Raises:
        InputError: if it draws by chance, if pictures of a batch influence one another, or if its outputs are not what
            the specification says or cannot be told.
    """
    where = f"model {model.name!r}"
    behaviour = observe(model, sees_outputs=not trusted)
    if not behaviour.deterministic:
        raise InputError(
            "the same picture gives other outputs each time: something in it draws by chance even in evaluation",
            where=where,
            hint="a dropout must read F.dropout(x, training=self.training); or say `dropout: off`",
        )
    if not behaviour.independent:
        raise InputError(
            "a picture gives other outputs alone than beside others: its batch norms use the statistics of the batch",
            where=where,
            hint="save it with running statistics (track_running_stats=True)",
        )
    if trusted:
        return model
    return _read_as(model, behaviour.kind, declared, where)


_CONTRADICTED: dict[str, tuple[Kind, ...]] = {
    "logits": ("probabilities", "log_probabilities", "sigmoid"),
    "independent_logits": ("probabilities", "log_probabilities", "sigmoid"),
    "probabilities": ("logits", "log_probabilities", "tanh"),
    "sigmoid": ("logits", "log_probabilities", "tanh"),
    "log_probabilities": ("logits", "probabilities", "sigmoid", "tanh"),
}
"""By what a specification says, what is then seen to be otherwise."""
_CALLED = {"sigmoid": "probabilities of each class by itself", "log_probabilities": "log probabilities"}


def _read_as(model: Model, kind: Kind, declared: str | None, where: str) -> Model:
    if declared is None and kind in ("tanh", "unit_interval"):
        what = "end in a tanh" if kind == "tanh" else "all lie between 0 and 1 and do not sum to 1"
        raise InputError(
            f"the network's outputs {what}; whether they are probabilities cannot be seen",
            where=where,
            hint="say `output: sigmoid` if each is a probability by itself, `output: logits` if a softmax is to follow",
        )
    if declared is not None and kind in _CONTRADICTED[declared]:
        raise InputError(
            f"the network's outputs are {_CALLED.get(kind, kind)}, not {declared}",
            where=where,
            hint=f"say `output: {kind}`",
        )
    read: str = declared or kind
    if len(model.classes) == 1 and read == "logits":
        read = "independent_logits"  # A softmax over one output is 1 whatever the picture.
    if read == "log_probabilities":
        return replace(model, module=Exponential(model.module), output="probabilities", source=_noted(model, read))
    output: Any = "probabilities" if read == "sigmoid" else read
    return replace(model, output=output, source=_noted(model, read))


def _noted(model: Model, read: str) -> dict[str, Any]:
    """The source, with what its outputs were read as where that is not the usual."""
    return dict(model.source) if read in ("logits", "probabilities") else {**model.source, "outputs_read_as": read}


class Exponential(nn.Module):
    """A network that gives log probabilities, as one that gives probabilities."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """Probabilities ``(n, classes)`` of a prepared batch."""
        return self.network(batch).exp()


class WithoutDropout(nn.Module):
    """A network whose dropouts pass everything, whatever its forward pass asks of them."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """The network's own outputs."""
        with _NoDropout():
            return self.network(batch)


class _NoDropout(torch.overrides.TorchFunctionMode):
    def __torch_function__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = getattr(function, "__name__", "")
        if "dropout" in name and args and isinstance(args[0], torch.Tensor):
            return args[0]
        return function(*args, **(kwargs or {}))


def _near(a: torch.Tensor, b: torch.Tensor, scale: float) -> bool:
    return float((a - b).abs().max()) <= SAME * scale


def _kind(model: Model, batch: torch.Tensor, out: torch.Tensor) -> Kind:
    """What outputs are: by the last operation that made them, or by their values where it cannot be seen."""
    ones = torch.ones(len(out), device=out.device)
    several = out.shape[1] > 1
    if several and bool((out >= 0).all()) and torch.allclose(out.sum(1), ones, atol=1e-4):
        return "probabilities"
    if several and bool((out <= 0).all()) and torch.allclose(out.exp().sum(1), ones, atol=1e-4):
        return "log_probabilities"
    last = _last_operations(model, batch)
    if len(last) == 1 and (named := _BOUNDED.get(next(iter(last)))) is not None:
        # A softmax whose rows do not sum to 1 was read in part only, and each value is a probability all the same.
        return "sigmoid" if named == "probabilities" else named
    inside = bool(((out >= 0) & (out <= 1)).all())
    return "unit_interval" if inside and not last <= set(_LINEAR) else "logits"


def _last_operations(model: Model, batch: torch.Tensor) -> set[str]:
    """Names of the operations that made the outputs, as autograd calls them; empty where it recorded none."""
    with torch.inference_mode(False), torch.enable_grad():
        try:
            out = model.module(batch[:1].detach().requires_grad_())
        except RuntimeError:
            return set()
    names: set[str] = set()
    waiting = [out.grad_fn] if isinstance(out, torch.Tensor) and out.grad_fn is not None else []
    while waiting:
        node = waiting.pop()
        name = node.name().rsplit("::", 1)[-1].rstrip("0123456789").removesuffix("Backward")
        before = [parent for parent, _ in node.next_functions if parent is not None]
        if name in _MOVES and before:
            waiting += before
        else:
            names.add(name)
    return names
