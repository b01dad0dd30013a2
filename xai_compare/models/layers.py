"""Where a network keeps its feature maps, and whether its head is one that class activation mapping can read.

Both questions are answered by running the network, never by recognizing its name.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from xai_compare.errors import InputError
from xai_compare.models.behaviour import made_up
from xai_compare.models.model import Model

_POOLING = (
    nn.MaxPool2d,
    nn.AvgPool2d,
    nn.LPPool2d,
    nn.FractionalMaxPool2d,
    nn.AdaptiveAvgPool2d,
    nn.AdaptiveMaxPool2d,
    nn.Upsample,
)
_TRANSPARENT = (nn.Identity, nn.Dropout, nn.Dropout2d, nn.AlphaDropout)
_TOLERANCE = 1e-3
_STRETCH = 2.0


@dataclass(frozen=True)
class CamHead:
    """Global average pooling followed by at most one linear layer: what CAM needs (Zhou et al. 2016, eq. 1-2).

    For the output ``F`` of the module named ``layer``,
    ``logits == mean over (h, w) of maps(F) + bias`` up to rounding.

    Attributes:
        layer: name of the module whose output is pooled.
        weight: float32 ``(classes, channels)``; the identity when the pooled maps are the class maps themselves.
        bias: float32 ``(classes,)``.
        relu: whether the network rectifies the module's output before it pools (torchvision's DenseNet does, in
            place and outside any module).
        channels_last: axis order of the module's output.
    """

    layer: str
    weight: torch.Tensor
    bias: torch.Tensor
    relu: bool = False
    channels_last: bool = False

    def maps(self, features: torch.Tensor) -> torch.Tensor:
        """Class activation maps, float32 ``(n, classes, h, w)``, of the layer's 4-D output for ``n`` pictures."""
        features = features.permute(0, 3, 1, 2) if self.channels_last else features
        features = features.clamp(min=0) if self.relu else features
        return torch.einsum("kc,nchw->nkhw", self.weight.to(features), features)


@dataclass(frozen=True)
class _Seen:
    name: str
    module: nn.Module
    out: torch.Tensor


def feature_layer(model: Model) -> str:
    """Name, as in ``model.module.get_submodule(name)``, of the last module that gives a spatial feature map.

    Spatial means 4-D with more than one position. Pooling is looked through, so the answer is the map that is
    pooled, and a module that runs more than once in a pass is never the answer; of several modules that return the
    same tensor it is the outermost, whose hook sees the final values.

    Raises:
        InputError: if there is no such module, or tokens follow the last map, as in a vision transformer.

    >>> from xai_compare.models import load
    >>> feature_layer(load({"bundled": "residual"}))
    'features'
    """
    with _frozen(model):
        layers = _spatial(model)
        kept = [seen for seen in layers if not isinstance(seen.module, _TRANSPARENT)]
        pooled = {id(seen.out) for seen in kept if _pools(seen.module)}
        names = [seen.name for seen in kept if id(seen.out) not in pooled]
        if not names and (repeated := _spatial(model, repeated=True)):
            raise InputError(
                "each layer that gives a feature map runs more than once in a pass",
                where=f"model {model.name!r}",
                hint=f"use an explainer that needs none, such as lime; {repeated[-1].name} is the last of them",
            )
        if not names:
            raise InputError(
                "the network has no convolutional feature map at its end",
                where=f"model {model.name!r}",
                hint="use an explainer that needs none, such as lime or extremal_perturbation",
            )
        for name in reversed(names):
            if carries_all(model, name):
                return name
    raise InputError(
        "no layer carries all of the output: branches are joined, or something goes past each of them",
        where=f"model {model.name!r}",
        hint=f"name one with `layer`, such as {', '.join(names[:-4:-1])}; its map then shows that branch only",
    )


def carries_all(model: Model, name: str) -> bool:
    """Whether all that the outputs know of a picture goes through one module.

    Every picture of a batch is given what the module made of the first. If the outputs still differ, something goes
    past it: a branch beside it, a skip path, or the map by which an attention map is multiplied. (Zeros instead
    would hide the last of these, for a product with zeros is zero.) Of a module that runs several times, the last
    time is meant.
    """
    batch, calls = model.prepare(made_up(model.input.size)), _calls(model, name)
    seen = 0

    def first_for_all(module: nn.Module, args: object, out: torch.Tensor) -> torch.Tensor | None:
        nonlocal seen
        seen += 1
        return out[:1].expand_as(out).clone() if seen == calls else None

    with torch.no_grad():
        own = model.checked(model.module(batch))
        handle = model.module.get_submodule(name).register_forward_hook(first_for_all)
        try:
            out = model.checked(model.module(batch))
        finally:
            handle.remove()
    # A network that hardly tells the made-up pictures apart is judged by what it does tell, if that is not rounding.
    spread = float((own - own[:1]).abs().max())
    rounding = 1e-5 * float(own.abs().max())
    return float((out - out[:1]).abs().max()) <= max(_TOLERANCE * spread, rounding)


def ambiguous(model: Model, name: str) -> bool:
    """Whether a module runs several times in a pass, and what it makes the last time does not carry all of the output.

    So does a layer that two pictures of a Siamese network share: neither of its maps is the map.
    """
    return _calls(model, name) > 1 and not carries_all(model, name)


def _calls(model: Model, name: str) -> int:
    """How often a module runs in a pass and gives a tensor."""
    calls = 0

    def count(module: nn.Module, args: object, out: object) -> None:
        nonlocal calls
        calls += isinstance(out, torch.Tensor)

    handle = model.module.get_submodule(name).register_forward_hook(count)
    try:
        with torch.no_grad():
            model.module(random_batch(model))
    finally:
        handle.remove()
    return calls


def cam_head(model: Model) -> CamHead | None:
    """The head of ``model`` if it is global average pooling and at most one linear layer, else None.

    The weights are the derivatives of the logits by the features, and the claim is then checked on features of both
    signs and two magnitudes and on random pictures, so that no architecture is misjudged: whatever stands between
    the maps and the logits, it is accepted only if it acts as an average and a linear layer.

    >>> from xai_compare.models import load
    >>> head = cam_head(load({"bundled": "compact"}))
    >>> head.layer, tuple(head.weight.shape)
    ('features', (6, 80))
    """
    if model.output == "probabilities":
        return None
    with _frozen(model):
        layers = [seen for seen in _spatial(model) if not isinstance(seen.module, _TRANSPARENT)]
        tried: set[int] = set()
        for seen in reversed(layers):
            if id(seen.out) in tried:
                continue
            tried.add(id(seen.out))
            if (head := _read_head(model, seen)) is not None:
                return head
            if len(tried) == 2 or not _pools(seen.module):
                break
    return None


def _pools(module: nn.Module) -> bool:
    return isinstance(module, _POOLING) or (
        not any(True for _ in module.parameters()) and "pool" in type(module).__name__.lower()
    )


def random_batch(model: Model, n: int = 2, seed: int = 0) -> torch.Tensor:
    """A prepared float32 batch ``(n, channels, height, width)`` of uniform noise; leaves the global seeds alone."""
    noise = np.random.default_rng(seed).integers(0, 256, (n, *model.input.size, 3), dtype=np.uint8)
    return model.prepare(noise)


def channels_last(model: Model, shape: Sequence[int]) -> bool | None:
    """Whether a 4-D output of ``shape`` is a map ``(n, h, w, c)``, or None if it is no map at all.

    Networks mix axis orders (Swin works on ``(n, h, w, c)``, the convolution before it does not), so each output is
    judged by its shape: the order that the model declares if its h / w is near the picture's, else the other one.
    """
    if len(shape) != 4:
        return None
    declared = model.activations == "channels_last"
    for last in (declared, not declared):
        h, w = (shape[1], shape[2]) if last else (shape[2], shape[3])
        stretch = h / max(w, 1) * model.input.size[1] / model.input.size[0]
        if 1 / _STRETCH <= stretch <= _STRETCH:
            return last
    return None


@contextmanager
def _frozen(model: Model) -> Iterator[None]:
    """Ask for no gradients by the parameters, and give back what was asked for before."""
    asked = [p for p in model.module.parameters() if p.requires_grad]
    for parameter in asked:
        parameter.requires_grad_(False)
    try:
        yield
    finally:
        for parameter in asked:
            parameter.requires_grad_(True)


def _spatial(model: Model, repeated: bool = False) -> list[_Seen]:
    """Modules that return a spatial map, in the order in which they finish; none if tokens come after the last.

    With ``repeated``, those that run more than once in a pass, else the others.
    """
    seen: list[_Seen] = []
    calls: Counter[str] = Counter()
    on_tokens: list[str] = []

    def note(name: str) -> Callable[..., None]:
        def hook(module: nn.Module, args: object, out: object) -> None:
            calls[name] += 1
            if isinstance(args, tuple) and args and _tokens(args[0]):
                on_tokens.append(name + ".")
            if isinstance(out, torch.Tensor):
                seen.append(_Seen(name, module, out))

        return hook

    handles = [m.register_forward_hook(note(name)) for name, m in model.module.named_modules() if name]
    try:
        with torch.no_grad():
            model.module(random_batch(model))
    finally:
        for handle in handles:
            handle.remove()

    # What a module makes of tokens inside, such as heads of attention, is no map however much it looks like one.
    inner = tuple(set(on_tokens))
    maps = [_positions(s.out, model) > 1 and not s.name.startswith(inner) for s in seen]
    last = max((i for i, is_map in enumerate(maps) if is_map), default=-1)
    if any(_tokens(s.out) for s in seen[last + 1 :]):
        return []
    return [s for s, is_map in zip(seen, maps, strict=True) if is_map and (calls[s.name] > 1) == repeated]


def _tokens(out: object) -> bool:
    return isinstance(out, torch.Tensor) and out.ndim == 3 and out.shape[1] > 1


def _positions(out: torch.Tensor, model: Model) -> int:
    last = channels_last(model, out.shape)
    if last is None:
        return 0
    return out.shape[1] * out.shape[2] if last else out.shape[2] * out.shape[3]


def _head_output(model: Model, name: str, batch: torch.Tensor, features: torch.Tensor | None) -> list[torch.Tensor]:
    """The module's own (or substituted) features, copied before anything changes them in place, and the output."""
    kept: list[torch.Tensor] = []

    def hook(module: nn.Module, args: object, out: torch.Tensor) -> torch.Tensor | None:
        kept.append(out.clone() if features is None else features)
        return None if features is None else features * 1.0

    handle = model.module.get_submodule(name).register_forward_hook(hook)
    try:
        return [model.module(batch), *kept]
    finally:
        handle.remove()


def _read_head(model: Model, seen: _Seen) -> CamHead | None:
    last = bool(channels_last(model, seen.out.shape))
    axes = (1, 2) if last else (2, 3)
    batch = random_batch(model, 1)
    ones = torch.ones_like(seen.out[:1], requires_grad=True)
    try:
        with torch.enable_grad():
            out = _head_output(model, seen.name, batch, ones)[0]
            rows = [torch.autograd.grad(out[0, k], ones, retain_graph=True)[0] for k in range(out.shape[1])]
    except RuntimeError:
        # The outputs do not depend on the map through anything differentiable: no linear head.
        return None
    with torch.no_grad():
        weight = torch.cat(rows).sum(axes)
        bias = _head_output(model, seen.name, batch, torch.zeros_like(ones))[0][0]
        for relu in (False, True):
            head = CamHead(seen.name, weight, bias, relu, last)
            if _holds(model, head, ones.shape):
                return head
    return None


def _holds(model: Model, head: CamHead, shape: torch.Size) -> bool:
    """Whether the head explains the outputs for substituted features (both signs, two sizes) and for pictures."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(shape, generator=generator).to(head.weight)
    batch = random_batch(model, 1, seed=1)
    trials = [_head_output(model, head.layer, batch, size * noise) for size in (1.0, 30.0)]
    trials += [_head_output(model, head.layer, random_batch(model, 2, seed=2), None)]
    for out, features in trials:
        expected = head.maps(features).mean((2, 3)) + head.bias
        if not torch.allclose(expected, out, rtol=0, atol=_TOLERANCE * max(float(out.abs().max()), 1e-6)):
            return False
    return True
