"""A Keras network rebuilt from torch's own layers, channels first: several times faster than Keras' operations.

The conversion knows the layers of convolutional classifiers. What it does not know, it refuses with `Unsupported`,
and the caller falls back on `KerasGraph`; what it builds, the caller compares with Keras' own prediction.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from xai_compare.models.keras.graph import Alias, Call, Plan
from xai_compare.models.keras.layers import CONVERTERS, Unsupported


class NativeGraph(nn.Module):
    """Torch layers under the names of the Keras layers they replace.

    Takes float32 ``(n, c, h, w)`` and gives float32 ``(n, classes)``; feature maps are ``(n, c, h, w)``.
    """

    def __init__(self, plan: Plan) -> None:
        """Convert every operation of ``plan``.

        Raises:
            Unsupported: naming the first operation, or argument, that has no conversion.
        """
        super().__init__()
        slots = _Slots()
        self.start = slots[plan.input]
        steps: list[tuple[str, tuple[int, ...], int]] = []
        for step in plan.steps:
            if isinstance(step, Alias):
                slots.alias(step.name, step.of)
                continue
            steps.append((step.name, tuple(slots[i] for i in step.inputs), slots.fresh(step.outputs[0])))
            if step.name not in self._modules:
                self.add_module(step.name, convert(step))
        self.end = slots[plan.output]
        self.steps = _with_last_uses(steps, self.end)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """The outputs ``(n, classes)`` of a prepared batch."""
        values = {self.start: batch}
        for name, inputs, output, done in self.steps:
            values[output] = self._modules[name](*(values[i] for i in inputs))  # type: ignore[misc]
            for slot in done:
                del values[slot]
        return values[self.end]


def _with_last_uses(
    steps: list[tuple[str, tuple[int, ...], int]], end: int
) -> tuple[tuple[str, tuple[int, ...], int, tuple[int, ...]], ...]:
    """Each step with the values that no later one reads, which may be dropped then.

    Kept to the end, the feature maps of a deep network would need several times the memory of the largest of them.
    """
    last = {slot: i for i, (_, inputs, _) in enumerate(steps) for slot in inputs if slot != end}
    return tuple((*step, tuple(slot for slot, i in last.items() if i == at)) for at, step in enumerate(steps))


class _Slots(dict[int, int]):
    """Small numbers for the ids of symbolic tensors, so that the graph does not hold on to Keras."""

    count = 0

    def __missing__(self, key: int) -> int:
        return self.fresh(key)

    def fresh(self, key: int) -> int:
        """A number not used before; a nested network that runs twice makes its tensors anew each time."""
        self[key] = self.count
        self.count += 1
        return self[key]

    def alias(self, name: int, of: int) -> None:
        """Give ``name`` the number of ``of``."""
        self[name] = self[of]


def convert(call: Call) -> nn.Module:
    """The torch module that computes what one call of a Keras layer computes, channels first.

    Raises:
        Unsupported: if there is none.
    """
    layer = call.operation
    kind = type(layer).__name__
    if not type(layer).__module__.startswith("keras.") or kind not in CONVERTERS:
        raise Unsupported(f"{kind} {layer.name!r}")
    if getattr(layer, "data_format", "channels_last") not in ("channels_last", None):
        raise Unsupported(f"channels-first {layer.name!r}")
    if len(call.outputs) != 1 or _extra_arguments(call.arguments):
        raise Unsupported(f"{layer.name!r} with special arguments")
    ranks = [len(tensor.shape) for tensor in call.arguments.keras_tensors]
    return CONVERTERS[kind](layer, ranks)


def _extra_arguments(arguments: Any) -> bool:
    """Whether a call has anything besides tensors and the inference flag."""
    named = {k: v for k, v in arguments.kwargs.items() if v is not None and not (k == "training" and v is False)}
    return bool(named) or any(
        not hasattr(value, "shape")
        for arg in arguments.args
        for value in (arg if isinstance(arg, (list, tuple)) else [arg])
    )
