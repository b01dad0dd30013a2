"""What every network looks like from the inside of the package."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

import numpy as np
import torch
from torch import nn
from torch.nn import functional

from xai_compare.errors import InputError
from xai_compare.expressions import canonical
from xai_compare.models.engine import BATCH, Engine
from xai_compare.models.outputs import ignored_name, remarks_on

LUMA = (0.299, 0.587, 0.114)
"""ITU-R BT.601 weights by which RGB becomes grey, as Pillow and OpenCV do it."""


@dataclass(frozen=True)
class InputSpec:
    """What a network wants to be fed.

    Attributes:
        size: height and width in pixels.
        channels: ``"rgb"`` or ``"bgr"`` (three channels), ``"grey"`` (one channel) or ``"grey3"`` (the grey picture
            three times).
        range: the values to which 0 and 255 are mapped, linearly.
        mean, std: per-channel standardization, applied after ``range``.
    """

    size: tuple[int, int]
    channels: Literal["rgb", "bgr", "grey", "grey3"] = "rgb"
    range: tuple[float, float] = (0.0, 1.0)
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None

    @property
    def depth(self) -> int:
        """How many channels the network takes."""
        return 1 if self.channels == "grey" else 3


@dataclass
class Model:
    """An expression classifier, wherever it came from.

    Attributes:
        name: what tables and figures call it.
        classes: the vocabulary's noun for each output, in the order of the outputs.
        module: maps float32 ``(n, channels, height, width)`` to float32 ``(n, classes)``; in eval mode.
        input: what ``module`` wants to be fed.
        output: whether ``module`` returns ``"logits"``, ``"probabilities"``, or ``"independent_logits"``, which become
            probabilities of each class by itself through a sigmoid.
        activations: axis order of the feature maps inside ``module`` (Keras keeps channels last).
        source: where it came from, for the provenance (kind, file, sha256, ...).
        batch_size: pictures in one forward pass; it may be set at any time. Halved where the device's memory does not
            suffice. Results depend on it by rounding only.
    """

    name: str
    classes: tuple[str, ...]
    module: nn.Module
    input: InputSpec
    output: Literal["logits", "probabilities", "independent_logits"] = "logits"
    activations: Literal["channels_first", "channels_last"] = "channels_first"
    source: Mapping[str, Any] = field(default_factory=dict)
    batch_size: int = BATCH

    def __post_init__(self) -> None:
        self.classes = tuple(name if ignored_name(name) else canonical(name) for name in self.classes)
        twice = sorted({name for name in self.classes if self.classes.count(name) > 1})
        if twice:
            raise InputError(
                f"the classes name {', '.join(twice)} more than once",
                where=f"model {self.name!r}",
                hint="give each output its own expression",
            )
        if isinstance(self.batch_size, bool) or not isinstance(self.batch_size, int) or self.batch_size < 1:
            raise InputError(
                f"batch_size must be a whole number from 1 up, not {self.batch_size!r}", where=f"model {self.name!r}"
            )
        self.module.eval()

    def __repr__(self) -> str:
        height, width = self.input.size
        shown = f"{self.name!r}, {', '.join(self.classes)}; {height} x {width} {self.input.channels}, {self.output}"
        return f"Model({'; '.join([shown, *remarks_on(self)])})"

    @cached_property
    def engine(self) -> Engine:
        """What runs the network many times."""
        return Engine(self)

    def __getstate__(self) -> dict[str, Any]:
        # A copy of the model begins with an engine of its own.
        return {key: value for key, value in self.__dict__.items() if key != "engine"}

    @property
    def device(self) -> torch.device:
        """The device of the first parameter (CPU for a network without parameters)."""
        return next((p.device for p in self.module.parameters()), torch.device("cpu"))

    def to(self, device: str | torch.device) -> Model:
        """Move the network to ``device`` and return it."""
        self.module.to(device)
        return self

    def prepare(self, images: np.ndarray) -> torch.Tensor:
        """Turn uint8 ``(n, h, w, 3)`` RGB pictures into the network's float32 ``(n, c, H, W)`` input.

        Pictures already at the input size are only rescaled, pixel by pixel; others are resized bilinearly with
        antialiasing.

        Raises:
            InputError: if ``images`` is not uint8 ``(n, h, w, 3)``.
        """
        images = np.asarray(images)
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] != 3:
            raise InputError(f"images must be uint8 (n, h, w, 3), not {images.dtype} {images.shape}")
        batch = torch.from_numpy(np.ascontiguousarray(images)).to(self.device).permute(0, 3, 1, 2).float()
        if self.input.channels in ("grey", "grey3"):
            batch = (batch * batch.new_tensor(LUMA)[None, :, None, None]).sum(1, keepdim=True)
        if self.input.channels == "grey3":
            batch = batch.repeat(1, 3, 1, 1)
        if self.input.channels == "bgr":
            batch = batch.flip(1)
        if tuple(batch.shape[-2:]) != tuple(self.input.size):
            batch = functional.interpolate(batch, self.input.size, mode="bilinear", antialias=True)
        low, high = self.input.range
        # In place: the batch is new, and large ones are slow to allocate.
        batch.mul_((high - low) / 255.0).add_(low)
        if self.input.mean is not None:
            batch.sub_(batch.new_tensor(self.input.mean)[None, :, None, None])
        if self.input.std is not None:
            batch.div_(batch.new_tensor(self.input.std)[None, :, None, None])
        return batch.contiguous()

    def probabilities(self, batch: torch.Tensor) -> torch.Tensor:
        """Class probabilities ``(n, classes)`` of a prepared ``batch``; differentiable."""
        out = self.checked(self.module(batch), finite=False)
        if self.output == "independent_logits":
            return out.sigmoid()
        return out.softmax(-1) if self.output == "logits" else out

    def predict(self, images: np.ndarray, batch_size: int | None = None) -> np.ndarray:
        """Class probabilities, float32 ``(n, classes)``, of uint8 ``(n, h, w, 3)`` RGB pictures.

        Args:
            images: the pictures.
            batch_size: pictures in one forward pass, if not the model's own.

        Raises:
            InputError: if the number of outputs is not the number of classes, or an output is not finite.

        >>> from xai_compare.models import load
        >>> from xai_compare.synthetic import faces
        >>> model, drawn = load({"bundled": "compact"}), faces(["happiness"], 2, seed=1, size=(64, 64))
        >>> probabilities = model.predict(drawn.images)
        >>> probabilities.shape
        (2, 6)
        >>> [model.classes[k] for k in probabilities.argmax(1)]
        ['happiness', 'happiness']
        """

        def some(part: slice) -> np.ndarray:
            return self.checked(self.probabilities(self.prepare(images[part])).float()).cpu().numpy()

        with torch.no_grad():
            parts = self.engine.batches(len(images), some, (lambda: batch_size) if batch_size else None)
        return np.concatenate(parts) if parts else np.zeros((0, len(self.classes)), np.float32)

    def checked(self, out: object, finite: bool = True) -> torch.Tensor:
        """``out`` if it is a tensor ``(n, classes)``, and finite.

        Raises:
            InputError: if it is not.
        """
        where = f"model {self.name!r}"
        if not isinstance(out, torch.Tensor):
            raise InputError(f"the network returns a {type(out).__name__}, not one tensor (n, classes)", where=where)
        if out.ndim != 2 or out.shape[1] != len(self.classes):
            raise InputError(
                f"the network gives {tuple(out.shape)[1:]} outputs for {len(self.classes)} classes",
                where=where,
                hint="name as many classes as the network has outputs, in their order",
            )
        if finite and not torch.isfinite(out).all():
            raise InputError(
                "the network's output is not finite (NaN or infinity)",
                where=where,
                hint="check the weights and the input range",
            )
        return out

    def indices(self, names: Sequence[str]) -> list[int]:
        """The output index of each class name.

        Raises:
            InputError: if the network has no such class.
        """
        missing = sorted({n for n in names if n not in self.classes})
        if missing:
            raise InputError(
                f"has no class {', '.join(missing)}",
                where=f"model {self.name!r}",
                hint=f"it has {', '.join(self.classes)}",
            )
        return [self.classes.index(n) for n in names]
