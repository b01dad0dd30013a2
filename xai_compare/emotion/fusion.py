"""What EMERT and the networks that it is compared with share: three sequences in, heads out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, cast

import torch
from torch import nn

from xai_compare.emotion.blocks import MODALITIES, Features
from xai_compare.errors import InputError, nearest

HEADS = {"er": "self-report", "fer": "seen expression"}
"""The two tasks of the paper, and what their outputs are called here: neither is anybody's emotion itself."""


@dataclass
class Outputs:
    """What a network answers.

    Attributes:
        heads: ``(b, outputs)`` for each head: logits of classes, or one value.
        common, private: for each modality ``(b, 3)``, the logits of which modality its features come from.
        features: ``(b, width)``, what the heads read.
    """

    heads: dict[str, torch.Tensor]
    common: list[torch.Tensor] = field(default_factory=list)
    private: list[torch.Tensor] = field(default_factory=list)
    features: torch.Tensor | None = None


class Fusion(nn.Module):
    """Encodes each modality as a sequence of features; a subclass writes `from_sequences`, which fuses them.

    Attributes:
        modalities: which of the three it reads; the others may be None.
        heads: the number of outputs of each head, by name.
        subnet: the encoders.
    """

    heads: Mapping[str, int]

    def __init__(
        self,
        modalities: Sequence[str],
        backbone: nn.Module,
        eye_features: int,
        layers: int,
        unused_classifier: bool = False,
    ) -> None:
        super().__init__()
        for name in modalities:
            check_known("modality", name, MODALITIES)
        if not modalities:
            raise InputError("a network reads at least one modality", hint=f"known: {', '.join(MODALITIES)}")
        self.modalities = tuple(name for name in MODALITIES if name in modalities)
        self.subnet = Features(backbone, eye_features, 2, layers, unused_classifier)

    def outputs(self, face: torch.Tensor | None, eye: torch.Tensor | None, fixation: torch.Tensor | None) -> Outputs:
        """All answers by name.

        Args:
            face: ``(b, t, 3, h, w)`` in [0, 1], or the backbone's features ``(b, t, f)``.
            eye: ``(b, n, eye_features)``.
            fixation: ``(b, n, 2)``.

        Raises:
            InputError: if a modality that it reads is None.
        """
        return self.from_sequences(self.sequences(face, eye, fixation))

    def sequences(
        self, face: torch.Tensor | None, eye: torch.Tensor | None, fixation: torch.Tensor | None
    ) -> dict[str, torch.Tensor]:
        """The sequences ``(b, t, f)`` of features of each modality that is read: 128 of eye and fixation."""
        inputs = {"face": face, "eye": eye, "fixation": fixation}
        for name in self.modalities:
            if inputs[name] is None:
                raise InputError(f"there is no {name} input", hint=f"leave {name} out of the network's modalities")
        encoders = {
            "face": self.subnet.face,
            "eye": lambda values: self.subnet.e_lstm(values)[0],
            "fixation": lambda values: self.subnet.v_lstm(values)[0],
        }
        return {name: encoders[name](cast(torch.Tensor, inputs[name])) for name in self.modalities}

    def from_sequences(self, sequences: Mapping[str, torch.Tensor]) -> Outputs:
        """The answers to sequences of features, as `sequences` gives them."""
        raise NotImplementedError


def head_sizes(task: str, classes: int, tasks: Sequence[str]) -> dict[str, int]:
    """The number of outputs of each head of a two-headed network, by name."""
    for name in tasks:
        check_known("task of a head", name, HEADS)
    if task == "intensity":
        return {"fer": classes, "intensity": 1}
    return {name: classes if task == "classification" else 1 for name in HEADS if name in tasks}


def mlp_head(width: int, outputs: int) -> nn.Sequential:
    """A head of the paper: an MLP of two layers."""
    return nn.Sequential(nn.Linear(width, width), nn.LeakyReLU(0.1), nn.Linear(width, outputs))


def feature_width(backbone: nn.Module) -> int:
    """How many features a backbone gives: its ``out_features``, or those of a torchvision ResNet.

    Raises:
        InputError: if it does not say.
    """
    if hasattr(backbone, "layer4"):
        return int(cast(Any, backbone).fc.in_features)
    if not isinstance(getattr(backbone, "out_features", None), int):
        raise InputError("the backbone does not say how many features it gives", hint="set its out_features")
    return int(backbone.out_features)  # type: ignore[arg-type]


def check_known(what: str, name: str, known: Iterable[str]) -> None:
    """Raise an `InputError` that names the nearest known name, if this one is unknown."""
    if name not in (known := list(known)):
        raise InputError(f"unknown {what} {name!r}", hint=nearest(str(name), known))
