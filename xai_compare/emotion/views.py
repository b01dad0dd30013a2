"""What a head sees: one frame of a clip as a `Model`, so that every explainer and comparison works on it unchanged."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, cast

import numpy as np
import torch
from torch import nn

from xai_compare.emotion.blocks import pooled_features
from xai_compare.emotion.fusion import HEADS, Fusion
from xai_compare.emotion.protocols import CLASSES
from xai_compare.emotion.sampling import MEAN, STD, ClipArrays, Scaler
from xai_compare.errors import InputError
from xai_compare.models import InputSpec, Model


class FrameView(nn.Module):
    """A frame ``(n, 3, h, w)`` to a head's logits ``(n, classes)``, all else of the clip held as it is.

    The frame's part of the network is a submodule; what follows is not, since it works on tokens that are no pictures,
    and explainers look for the last feature map among submodules.
    """

    def __init__(self, net: Fusion, sequences: Mapping[str, torch.Tensor], frame: int | None, head: str) -> None:
        super().__init__()
        self.backbone = net.subnet.f_extractor
        self.head, self.frame = head, frame
        self._rest: Callable[..., Any] = net.from_sequences
        self._sequences = dict(sequences)

    def _apply(self, fn: Callable[[torch.Tensor], torch.Tensor], recurse: bool = True) -> FrameView:
        super()._apply(fn, recurse)
        cast(Any, self._rest).__self__._apply(fn)
        self._sequences = {name: fn(values) for name, values in self._sequences.items()}
        return self

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """Logits of the head."""
        seen = pooled_features(self.backbone, batch)
        sequences = {name: values.expand(len(batch), *values.shape[1:]) for name, values in self._sequences.items()}
        face = sequences["face"].clone()
        if self.frame is None:
            face = seen[:, None].expand_as(face)
        else:
            face[:, self.frame] = seen
        return self._rest({**sequences, "face": face}).heads[self.head]


def frame_view(
    net: Fusion,
    data: ClipArrays,
    scaler: Scaler,
    clip: int,
    head: str = "er",
    *,
    frame: int | None = None,
    classes: tuple[str, ...] = CLASSES,
    name: str | None = None,
) -> Model:
    """A frame of a clip as a `Model`; its other frames, eye and fixation tokens are held fixed.

    Args:
        net: a trained network that reads faces, with a head of classes.
        data: the clips, with frames or with the features of the backbone.
        scaler: by what the network's training data were standardized.
        clip: which of them.
        head: ``er`` (self-report) or ``fer`` (seen expression).
        frame: which frame is seen; with None all frames are the one that is seen, as if the face stood still.
        classes: of the head.
        name: by default ``emert-er`` or ``emert-fer``.

    Raises:
        InputError: if the network has no such head of classes, reads no face, or there is no such clip or frame.
    """
    if not 0 <= clip < len(data):
        raise InputError(f"there is no clip {clip} among {len(data)}")
    inputs = scaler.tensors(data.part(np.array([clip])))
    return _model(net, inputs, data, head, frame, classes, name)


def still_view(
    net: Fusion,
    data: ClipArrays,
    scaler: Scaler,
    head: str = "er",
    *,
    classes: tuple[str, ...] = CLASSES,
    name: str | None = None,
) -> Model:
    """Any picture of a face as a `Model`: all frames are that picture, and the eyes are the mean of ``data``.

    That makes a network of clips a source like any other, for studies of pictures that have no eye data. It is not how
    the network was trained; what it says of a clip is in `frame_view`.
    """
    inputs = scaler.tensors(data)
    means = {key: None if value is None else value.mean(0, keepdim=True) for key, value in inputs.items()}
    return _model(net, means, data, head, None, classes, name)


def _model(
    net: Fusion,
    inputs: Mapping[str, torch.Tensor | None],
    data: ClipArrays,
    head: str,
    frame: int | None,
    classes: tuple[str, ...],
    name: str | None,
) -> Model:
    if "face" not in net.modalities:
        raise InputError("the network reads no face", hint="explain one that does")
    if net.heads.get(head) != len(classes):
        what = f"the network has no head {head!r} of {len(classes)} classes"
        raise InputError(what, hint=f"it has {', '.join(f'{k} ({n})' for k, n in net.heads.items())}")
    frames = cast(torch.Tensor, inputs["face"]).shape[1]
    if frame is not None and not 0 <= frame < frames:
        raise InputError(f"there is no frame {frame} among {frames}")
    net.eval()
    with torch.no_grad():
        sequences = net.sequences(**inputs)
    side = data.face.shape[2] if data.face is not None and data.face.ndim == 5 else side_of(net)
    view = FrameView(net, sequences, frame, head)
    source = {"kind": "emotion", "head": HEADS.get(head, head)}
    return Model(name or f"emert-{head}", classes, view, InputSpec((side, side), mean=MEAN, std=STD), source=source)


def side_of(net: Fusion) -> int:
    """The side of the frames that the backbone says it reads (``input_side``), else the paper's 112."""
    return int(getattr(net.subnet.f_extractor, "input_side", 112))
