"""One converter per Keras layer: from its configuration and weights to a torch module on channels-first tensors."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.nn import functional

Converter = Callable[[Any, list[int]], nn.Module]
CONVERTERS: dict[str, Converter] = {}
"""By the name of the Keras layer: ``converter(layer, ranks of the inputs) -> module``."""


class Unsupported(Exception):  # noqa: N818
    """A layer, or a setting of one, that has no conversion."""


def converts(*names: str) -> Callable[[Converter], Converter]:
    """Register a converter for the Keras layers called ``names``."""

    def register(converter: Converter) -> Converter:
        CONVERTERS.update(dict.fromkeys(names, converter))
        return converter

    return register


def _need(holds: bool, layer: Any, what: str) -> None:
    if not holds:
        raise Unsupported(f"{type(layer).__name__} {layer.name!r}: {what}")


def _tensor(variable: Any) -> torch.Tensor:
    return torch.from_numpy(np.array(variable.value.detach().cpu().numpy(), dtype=np.float32))


def _axis(axis: int, rank: int) -> int:
    """Where axis ``axis`` of a channels-last tensor is once the channels come first."""
    axis %= rank
    return axis if rank != 4 else (0, 2, 3, 1)[axis]


class Same(nn.Module):
    """TensorFlow's "same" padding: as many outputs as ceil(input / stride), the odd pixel below and to the right."""

    def __init__(self, kernel: Any, stride: Any, dilation: Any = (1, 1), value: float = 0.0) -> None:
        super().__init__()
        self.windows = tuple((int((k - 1) * d + 1), int(s)) for k, s, d in zip(kernel, stride, dilation, strict=True))
        self.value = value

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Pad float ``(n, c, h, w)``."""
        (top, bottom), (left, right) = (
            self._ends(size, *window) for size, window in zip(x.shape[2:], self.windows, strict=True)
        )
        return functional.pad(x, (left, right, top, bottom), value=self.value)

    @staticmethod
    def _ends(size: int, window: int, stride: int) -> tuple[int, int]:
        total = max((-(-size // stride) - 1) * stride + window - size, 0)
        return total // 2, total - total // 2


class SameAverage(nn.Module):
    """Average pooling with "same" padding, in which padded pixels do not count, as TensorFlow defines it.

    Where the padding is uneven, Keras' torch backend repeats the edge instead; a network in which that matters
    therefore fails the comparison with Keras and runs on Keras' operations.
    """

    def __init__(self, pool: Any, stride: Any) -> None:
        super().__init__()
        self.pad = Same(pool, stride)
        self.pool, self.stride = tuple(pool), tuple(stride)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Pool float ``(n, c, h, w)``."""
        inside = functional.avg_pool2d(self.pad(torch.ones_like(x[:1, :1])), self.pool, self.stride)
        return functional.avg_pool2d(self.pad(x), self.pool, self.stride) / inside


class GlobalPool(nn.Module):
    """The mean, or the largest value, over height and width."""

    def __init__(self, largest: bool, keep: bool) -> None:
        super().__init__()
        self.largest, self.keep = largest, keep

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Pool float ``(n, c, h, w)`` to ``(n, c)`` or, if kept, ``(n, c, 1, 1)``."""
        return x.amax((2, 3), self.keep) if self.largest else x.mean((2, 3), self.keep)


class Rearrange(nn.Module):
    """Reshape as Keras does, which sees channels last."""

    def __init__(self, target: tuple[int, ...]) -> None:
        super().__init__()
        self.target = target

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Reshape ``(n, ...)`` to ``(n, *target)``."""
        x = x.permute(0, 2, 3, 1) if x.ndim == 4 else x
        x = x.reshape(x.shape[0], *self.target)
        return x.permute(0, 3, 1, 2) if x.ndim == 4 else x


_COMBINE: dict[str, Callable[[torch.Tensor, torch.Tensor], torch.Tensor]] = {
    "Add": torch.add,
    "Average": torch.add,
    "Maximum": torch.maximum,
    "Multiply": torch.mul,
    "Subtract": torch.sub,
}


class Combine(nn.Module):
    """Add, multiply, average, subtract or take the largest of several tensors, elementwise."""

    def __init__(self, kind: str) -> None:
        super().__init__()
        self.kind = kind

    def forward(self, *parts: torch.Tensor) -> torch.Tensor:
        """Combine tensors of broadcastable shapes."""
        out = reduce(_COMBINE[self.kind], parts)
        return out / len(parts) if self.kind == "Average" else out


class Join(nn.Module):
    """Concatenate along one axis."""

    def __init__(self, axis: int) -> None:
        super().__init__()
        self.axis = axis

    def forward(self, *parts: torch.Tensor) -> torch.Tensor:
        """Join tensors that differ in that axis only."""
        return torch.cat(parts, self.axis)


class Affine(nn.Module):
    """``x * scale + offset``, per channel or the same for all."""

    scale: torch.Tensor
    offset: torch.Tensor

    def __init__(self, scale: torch.Tensor, offset: torch.Tensor, rank: int) -> None:
        super().__init__()
        shape = (1, -1, 1, 1) if rank == 4 else (1, -1)
        self.register_buffer("scale", scale.reshape(shape))
        self.register_buffer("offset", offset.reshape(shape))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Scale float ``(n, c, ...)``."""
        return x * self.scale + self.offset


ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "relu6": nn.ReLU6,
    "elu": nn.ELU,
    "selu": nn.SELU,
    "gelu": nn.GELU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "silu": nn.SiLU,
    "hard_silu": nn.Hardswish,
    "hard_sigmoid": nn.Hardsigmoid,
    "mish": nn.Mish,
    "softplus": nn.Softplus,
    "softsign": nn.Softsign,
}


def activation(function: Any, layer: Any, rank: int) -> nn.Module | None:
    """The torch module of a Keras activation function; None for the linear one."""
    name = getattr(function, "__name__", str(function))
    if name == "linear":
        return None
    if name == "softmax":
        return nn.Softmax(1 if rank == 4 else -1)
    _need(name in ACTIVATIONS, layer, f"activation {name}")
    return ACTIVATIONS[name]()


def _sequence(layer: Any, rank: int, *modules: nn.Module | None) -> nn.Module:
    """The modules in a row, with the layer's own activation after them."""
    kept = [module for module in modules if module is not None]
    last = activation(layer.activation, layer, rank) if getattr(layer, "activation", None) is not None else None
    kept += [last] if last is not None else []
    return kept[0] if len(kept) == 1 else nn.Sequential(*kept) if kept else nn.Identity()


def _conv(
    layer: Any, kernel: torch.Tensor, groups: int, *, bias: bool = True, one_by_one: bool = False
) -> tuple[nn.Module | None, nn.Module]:
    """Padding and convolution; symmetric padding of stride 1 is left to the convolution itself."""
    _need(layer.padding in ("same", "valid"), layer, f"padding {layer.padding}")
    bias = bias and layer.use_bias
    size = (kernel.shape[2], kernel.shape[3])
    stride, dilation = ((1, 1), (1, 1)) if one_by_one else (_pair(layer.strides), _pair(layer.dilation_rate))
    same = layer.padding == "same"
    overlap = ((size[0] - 1) * dilation[0], (size[1] - 1) * dilation[1])
    inside = same and stride == (1, 1) and overlap[0] % 2 == 0 == overlap[1] % 2
    padding = (overlap[0] // 2, overlap[1] // 2) if inside else (0, 0)
    conv = nn.Conv2d(kernel.shape[1] * groups, kernel.shape[0], size, stride, padding, dilation, groups, bias=bias)
    conv.weight = nn.Parameter(kernel.contiguous())
    if bias:
        conv.bias = nn.Parameter(_tensor(layer.bias))
    return (Same(size, stride, dilation) if same and not inside else None), conv


def _pair(value: Any) -> tuple[int, int]:
    first, second = (value, value) if isinstance(value, int) else value
    return int(first), int(second)


def _kernel(variable: Any) -> torch.Tensor:
    return _tensor(variable).permute(3, 2, 0, 1)


def _depthwise_kernel(variable: Any) -> torch.Tensor:
    kernel = _tensor(variable)
    return kernel.permute(2, 3, 0, 1).reshape(-1, 1, *kernel.shape[:2])


@converts("Conv2D")
def _conv2d(layer: Any, ranks: list[int]) -> nn.Module:
    return _sequence(layer, 4, *_conv(layer, _kernel(layer.kernel), layer.groups))


@converts("DepthwiseConv2D")
def _depthwise(layer: Any, ranks: list[int]) -> nn.Module:
    return _sequence(layer, 4, *_conv(layer, _depthwise_kernel(layer.kernel), int(layer.kernel.shape[2])))


@converts("SeparableConv2D")
def _separable(layer: Any, ranks: list[int]) -> nn.Module:
    groups = int(layer.depthwise_kernel.shape[2])
    depthwise = _conv(layer, _depthwise_kernel(layer.depthwise_kernel), groups, bias=False)
    return _sequence(layer, 4, *depthwise, *_conv(layer, _kernel(layer.pointwise_kernel), 1, one_by_one=True))


@converts("Dense")
def _dense(layer: Any, ranks: list[int]) -> nn.Module:
    _need(ranks == [2], layer, "not on vectors")
    kernel = _tensor(layer.kernel)
    linear = nn.Linear(kernel.shape[0], kernel.shape[1], bias=layer.use_bias)
    linear.weight = nn.Parameter(kernel.T.contiguous())
    if layer.use_bias:
        linear.bias = nn.Parameter(_tensor(layer.bias))
    return _sequence(layer, 2, linear)


@converts("BatchNormalization")
def _batch_norm(layer: Any, ranks: list[int]) -> nn.Module:
    axis = layer.axis[0] if isinstance(layer.axis, (list, tuple)) else layer.axis
    _need(ranks[0] in (2, 4) and axis % ranks[0] == ranks[0] - 1, layer, "not over channels")
    mean = _tensor(layer.moving_mean)
    made = (nn.BatchNorm2d if ranks[0] == 4 else nn.BatchNorm1d)(len(mean), eps=layer.epsilon)
    state = {"running_mean": mean, "running_var": _tensor(layer.moving_variance)}
    state["weight"] = _tensor(layer.gamma) if layer.scale else torch.ones_like(mean)
    state["bias"] = _tensor(layer.beta) if layer.center else torch.zeros_like(mean)
    made.load_state_dict(state, strict=False)
    return made


@converts("MaxPooling2D", "AveragePooling2D")
def _pooling(layer: Any, ranks: list[int]) -> nn.Module:
    pool, stride = tuple(layer.pool_size), tuple(layer.strides)
    largest = type(layer).__name__ == "MaxPooling2D"
    if layer.padding == "same" and not largest:
        return SameAverage(pool, stride)
    made = nn.MaxPool2d(pool, stride) if largest else nn.AvgPool2d(pool, stride)
    return nn.Sequential(Same(pool, stride, value=-torch.inf), made) if layer.padding == "same" else made


@converts("ReLU")
def _relu(layer: Any, ranks: list[int]) -> nn.Module:
    limit, slope = layer.max_value, float(layer.negative_slope or 0.0)
    _need(not layer.threshold and (limit is None or (limit == 6 and not slope)), layer, "threshold or limit")
    return nn.ReLU6() if limit is not None else nn.LeakyReLU(slope) if slope else nn.ReLU()


@converts("Softmax")
def _softmax(layer: Any, ranks: list[int]) -> nn.Module:
    _need(isinstance(layer.axis, int), layer, "several axes")
    return nn.Softmax(_axis(layer.axis, ranks[0]))


@converts("Flatten")
def _flatten(layer: Any, ranks: list[int]) -> nn.Module:
    _need(ranks[0] in (2, 4), layer, f"rank {ranks[0]}")
    return Rearrange((-1,))


@converts("Reshape")
def _reshape(layer: Any, ranks: list[int]) -> nn.Module:
    target = tuple(int(side) for side in layer.target_shape)
    _need(ranks[0] in (2, 4) and len(target) in (1, 3), layer, "neither vector nor map")
    return Rearrange(target)


@converts("UpSampling2D")
def _upsampling(layer: Any, ranks: list[int]) -> nn.Module:
    _need(layer.interpolation == "nearest", layer, layer.interpolation)
    return nn.Upsample(scale_factor=tuple(float(side) for side in layer.size))


@converts("Rescaling")
def _rescaling(layer: Any, ranks: list[int]) -> nn.Module:
    scale, offset = (torch.as_tensor(np.asarray(v, np.float32)) for v in (layer.scale, layer.offset))
    return Affine(scale, offset, ranks[0])


@converts("Normalization")
def _normalization(layer: Any, ranks: list[int]) -> nn.Module:
    _need(not layer.invert and layer.axis in ((-1,), (ranks[0] - 1,)), layer, "not over channels")
    mean, variance = (torch.as_tensor(np.asarray(v.detach().cpu(), np.float32)) for v in (layer.mean, layer.variance))
    scale = 1 / variance.sqrt().clamp(min=1e-7)
    return Affine(scale, -mean * scale, ranks[0])


@converts("Add", "Multiply", "Average", "Maximum", "Subtract")
def _combine(layer: Any, ranks: list[int]) -> nn.Module:
    _need(len(set(ranks)) == 1, layer, "tensors of different ranks")
    return Combine(type(layer).__name__)


@converts("Concatenate")
def _concatenate(layer: Any, ranks: list[int]) -> nn.Module:
    _need(len(set(ranks)) == 1, layer, "tensors of different ranks")
    return Join(_axis(layer.axis, ranks[0]))


def _zero_padding(layer: Any) -> nn.Module:
    (top, bottom), (left, right) = layer.padding
    return nn.ZeroPad2d((left, right, top, bottom))


CONVERTERS |= {
    "Activation": lambda layer, ranks: activation(layer.activation, layer, ranks[0]) or nn.Identity(),
    "ELU": lambda layer, ranks: nn.ELU(float(layer.alpha)),
    "GlobalAveragePooling2D": lambda layer, ranks: GlobalPool(False, bool(layer.keepdims)),
    "GlobalMaxPooling2D": lambda layer, ranks: GlobalPool(True, bool(layer.keepdims)),
    "LeakyReLU": lambda layer, ranks: nn.LeakyReLU(float(layer.negative_slope)),
    "ZeroPadding2D": lambda layer, ranks: _zero_padding(layer),
    **dict.fromkeys(
        # What only training sees.
        ("ActivityRegularization", "AlphaDropout", "Dropout", "GaussianDropout", "GaussianNoise", "SpatialDropout2D"),
        lambda layer, ranks: nn.Identity(),
    ),
}
