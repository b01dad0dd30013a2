"""The ways to feed a network that are tried."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np

from xai_compare.models.model import InputSpec, Model

RANGES = ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0), (-0.5, 0.5), (-128.0, 127.0))
WORDS = {"rgb": "red, green, blue", "bgr": "blue, green, red", "grey3": "the grey picture in three channels"}
IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))


@dataclass(frozen=True)
class InputVariant:
    """One way to feed a network.

    Attributes:
        check: which of `CHECKS` it belongs to.
        name: what differs, in words.
        line: the line of the study that asks for it.
        crop: which crops are fed.
        spec: how they are prepared.
    """

    check: str
    name: str
    line: str
    crop: str
    spec: InputSpec


def input_variants(model: Model, pictures: Mapping[str, np.ndarray], given: str) -> list[InputVariant]:
    """The other ways to feed the network that may be the right one; colour only where the pictures have some."""
    spec, variants = model.input, []
    coloured = bool((np.ptp(pictures[given].astype(int), axis=-1) > 8).mean() > 0.02)
    if spec.channels != "grey" and coloured:
        for channels in ("rgb", "bgr", "grey3"):
            if channels != spec.channels:
                check = "grey" if "grey3" in (channels, spec.channels) else "channel order"
                other = replace(spec, channels=channels)
                variants.append(InputVariant(check, WORDS[channels], f"input: {{channels: {channels}}}", given, other))
    seen = {spec}
    for check, other, name in _inputs(spec):
        if other not in seen:
            seen.add(other)
            variants.append(InputVariant(check, name, _line(other), given, other))
    for crop in pictures:
        if crop != given:
            variants.append(InputVariant("crop", f"the crop of {crop}", crop, crop, spec))
    return variants


def _inputs(spec: InputSpec) -> Iterator[tuple[str, InputSpec, str]]:
    """Ranges and normalizations that networks are usually trained with: the check, the input, and its name."""
    count = spec.depth
    for low, high in RANGES:
        span = f"{low:g} to {high:g}"
        yield "range", replace(spec, range=(low, high)), f"range {span}"
        plain = replace(spec, range=(low, high), mean=None, std=None)
        yield "normalization", plain, f"range {span} without mean and deviation"
    mean, std = (part if count == 3 else (float(np.mean(part)),) for part in IMAGENET)
    yield "normalization", replace(spec, range=(0.0, 1.0), mean=mean, std=std), "ImageNet's mean and deviation"


def _line(spec: InputSpec) -> str:
    """The line of a study that asks for this range and normalization."""
    parts = [f"range: [{spec.range[0]:g}, {spec.range[1]:g}]"]
    for name, values in (("mean", spec.mean), ("std", spec.std)):
        parts += [] if values is None else [f"{name}: [{', '.join(f'{v:.4g}' for v in values)}]"]
    return f"input: {{{', '.join(parts)}}}"
