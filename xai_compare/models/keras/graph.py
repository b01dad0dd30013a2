"""A Keras network as a torch module whose operations are children that fire hooks.

Keras layers on the torch backend override ``__call__`` and so never fire torch's forward hooks; each operation is
therefore wrapped, and the graph is walked here.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from xai_compare.errors import InputError


@dataclass(frozen=True)
class Call:
    """One operation of the graph, applied once: a module's name, its arguments, and the ids of its results."""

    name: str
    operation: Any
    arguments: Any
    outputs: tuple[int, ...]

    @property
    def inputs(self) -> tuple[int, ...]:
        """The ids of the symbolic tensors among the arguments."""
        return tuple(id(tensor) for tensor in self.arguments.keras_tensors)


@dataclass(frozen=True)
class Alias:
    """A tensor that is another one under a second id."""

    name: int
    of: int


@dataclass(frozen=True)
class Plan:
    """A functional or sequential Keras network as a list of steps in an order that can be run.

    ``keep`` holds the network itself: the steps name its symbolic tensors by id, which must stay alive.
    """

    steps: tuple[Call | Alias, ...]
    input: int
    output: int
    shape: tuple[int | None, ...]
    softmax: bool
    keep: Any


def plan(network: Any, where: str) -> Plan:
    """Flatten ``network``, with the networks nested in it, and take off a softmax at its end.

    A last Activation or Softmax layer is left out; the last layer's own softmax activation is made linear, which
    changes ``network``.

    Raises:
        InputError: if the network was saved unbuilt, or has several inputs or outputs.
    """
    function = _function(network)
    if function is None:
        raise InputError("the Keras network has no fixed graph", where=where, hint="build it before saving")
    if len(function.inputs) != 1 or len(function.outputs) != 1:
        raise InputError(
            f"the Keras network has {len(function.inputs)} inputs and {len(function.outputs)} outputs",
            where=where,
            hint="one of each is needed",
        )
    steps: list[Call | Alias] = []
    _flatten(function, steps, {}, set())
    start, end = id(function.inputs[0]), id(function.outputs[0])
    softmax = _strip_softmax(steps, end)
    return Plan(tuple(steps), start, end, tuple(function.inputs[0].shape[1:]), softmax, network)


def _function(operation: Any) -> Any:
    """The graph behind a functional or sequential network; None for a layer."""
    inner = getattr(operation, "_functional", None)
    operation = inner if inner is not None else operation
    return operation if hasattr(operation, "_nodes_by_depth") else None


def _flatten(function: Any, steps: list[Call | Alias], names: dict[int, str], taken: set[str]) -> None:
    # A nested network is entered, not called: as one operation its layers would fire no hook, and class activation
    # mapping would find no feature map inside. Its tensors have ids of their own, which aliases join to those outside.
    # Greater depth comes first in Keras' count, so this order never reads a value before it is made.
    for depth in sorted(function._nodes_by_depth, reverse=True):
        for node in function._nodes_by_depth[depth]:
            if node.is_input:
                continue
            inner = _function(node.operation)
            if inner is None:
                name = _module_name(node.operation, names, taken)
                steps.append(Call(name, node.operation, node.arguments, tuple(id(t) for t in node.outputs)))
                continue
            given = [id(tensor) for tensor in node.arguments.keras_tensors]
            steps += [Alias(id(own), other) for own, other in zip(inner.inputs, given, strict=True)]
            _flatten(inner, steps, names, taken)
            steps += [Alias(id(other), id(own)) for other, own in zip(node.outputs, inner.outputs, strict=True)]


def _module_name(operation: Any, names: dict[int, str], taken: set[str]) -> str:
    """The operation's own name, as far as torch allows it as a module's name; the same for a shared operation."""
    if id(operation) not in names:
        name = str(operation.name).replace(".", "_") or "operation"
        while name in taken or hasattr(nn.Module, name) or hasattr(KerasGraph, name):
            name += "_"
        taken.add(name)
        names[id(operation)] = name
    return names[id(operation)]


def _strip_softmax(steps: list[Call | Alias], end: int) -> bool:
    """Take a softmax off the end of ``steps``; whether there was one."""
    # Explanations start from logits: behind a softmax that is nearly 1, gradients of the class vanish.
    for index in reversed(range(len(steps))):
        step = steps[index]
        if isinstance(step, Alias):
            end = step.of if step.name == end else end
        elif end in step.outputs:
            break
    else:
        return False
    kind = type(step.operation).__name__
    activation = getattr(getattr(step.operation, "activation", None), "__name__", None)
    if kind == "Softmax" or (kind == "Activation" and activation == "softmax"):
        steps[index] = Alias(end, step.inputs[0])
        return True
    if activation == "softmax":
        import keras

        step.operation.activation = keras.activations.linear
        return True
    return False


class Operation(nn.Module):
    """One Keras operation, behind torch's own call so that hooks fire."""

    def __init__(self, operation: Callable[..., Any]) -> None:
        super().__init__()
        self.operation = operation

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Apply the operation, as in inference."""
        return self.operation(*args, **kwargs)


class KerasGraph(nn.Module):
    """Runs Keras' own operations, in order, under their own names.

    Takes float32 ``(n, c, h, w)`` and gives float32 ``(n, classes)``; inside, feature maps are ``(n, h, w, c)``
    unless the network was built channels-first.
    """

    def __init__(self, plan: Plan, channels_last: bool) -> None:
        super().__init__()
        self.plan = plan
        self.channels_last = channels_last
        for step in plan.steps:
            if isinstance(step, Call) and step.name not in self._modules:
                self.add_module(step.name, Operation(step.operation))
        # On CPU, oneDNN crashes on the weight gradient of a strided 1x1 convolution of a channels-last map.
        self.requires_grad_(False)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """The outputs ``(n, classes)`` of a prepared batch."""
        import keras

        if torch.is_grad_enabled() and not batch.requires_grad:
            # Without gradients by parameters, feature maps have a gradient only through the input.
            batch = batch.detach().requires_grad_()
        values: dict[int, Any] = {self.plan.input: batch.permute(0, 2, 3, 1) if self.channels_last else batch}
        with keras.device(str(batch.device)):
            for step in self.plan.steps:
                if isinstance(step, Alias):
                    values[step.name] = values[step.of]
                    continue
                args, kwargs = step.arguments.fill_in(values)
                out = self._modules[step.name](*args, **kwargs)  # type: ignore[misc]
                results = out if isinstance(out, (list, tuple)) else [out]
                values.update(zip(step.outputs, results, strict=True))
        result: torch.Tensor = values[self.plan.output]
        return result
