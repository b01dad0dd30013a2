"""EMERT, the network of Liu et al. (2024), as released and as the paper draws it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, cast, get_args

import torch
from torch import nn
from torchvision.models import resnet18

from xai_compare.emotion.blocks import MODALITIES, CrossTransformer, Features, projection, reverse_gradient
from xai_compare.errors import InputError, nearest

Layout = Literal["released", "paper"]
Task = Literal["classification", "regression", "intensity"]
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
    """What EMERT and the networks it is setting_difference with have in common: three sequences in, heads out.

    Attributes:
        modalities: which of the three it reads; the others may be None.
        heads: the outputs of each head, by name.
    """

    modalities: tuple[str, ...] = MODALITIES
    heads: Mapping[str, int]

    def outputs(
        self, face: torch.Tensor | None, eye: torch.Tensor | None, fixation: torch.Tensor | None
    ) -> Outputs:  # pragma: no cover
        """All answers; face ``(b, t, 3, h, w)`` in [0, 1] or features ``(b, t, f)``, eye ``(b, n, e)``, ..."""
        raise NotImplementedError


class EMERT(Fusion):
    """The eye-behaviour-aided transformer of Liu et al. (2024, section IV).

    Inputs: ``face`` float ``(b, frames, 3, h, w)`` (or the backbone's features ``(b, frames, f)``), ``eye`` float
    ``(b, steps, eye_features)``, ``fixation`` float ``(b, steps, 2)``. Called, it returns the tuple of the released
    networks: three modality logits ``(b, 3)`` of the common features, three of the private ones, the output of each
    head, and for classification in the released layout the 32 features. `outputs` returns the same with names.

    Args:
        layout: ``"released"`` is, name for name and number for number, one of the authors' three networks; ``"paper"``
            has a head for the self-report (``er``) and one for the seen expression (``fer``) on one trunk.
        task: ``"classification"``, ``"regression"`` (one value) or ``"intensity"`` (classes of the seen expression,
            and its intensity).
        classes: of the classification heads.
        tasks: of the ``"paper"`` layout, which heads there are.
        modalities: those that are read; the others may be None when it is called.
        decoupling: whether features are split into common and private ones. Without, each modality has one
            projection, and its tokens attend to themselves (rows 1 and 3 of the paper's Table VIII).
        transformer: whether tokens attend to one another. Without, the mean of the common and that of the private
            tokens are read side by side (rows 1 and 2).
        backbone: pictures ``(n, 3, h, w)`` to features ``(n, f)``, with an attribute ``out_features`` (f); a
            torchvision ResNet-18 with random weights if None.
        eye_features, frames, steps, layers, heads, head_width: sizes: of the inputs, of the LSTMs and of the attention;
            those of the released networks by default.

    Raises:
        InputError: for unknown names, or options that the released networks do not have.

    Attributes:
        arguments: those that it was made with, but for the backbone.
    """

    def __init__(
        self,
        layout: Layout = "released",
        task: Task = "classification",
        classes: int = 7,
        *,
        tasks: Sequence[str] = ("er", "fer"),
        modalities: Sequence[str] = MODALITIES,
        decoupling: bool = True,
        transformer: bool = True,
        backbone: nn.Module | None = None,
        eye_features: int = 39,
        frames: int = 8,
        steps: int = 32,
        layers: int = 3,
        heads: int = 8,
        head_width: int = 64,
    ) -> None:
        super().__init__()
        _known("layout", layout, get_args(Layout))
        _known("task", task, get_args(Task))
        own = (tuple(tasks), tuple(modalities), decoupling, transformer, backbone, layers, heads, head_width)
        if layout == "released" and own != (("er", "fer"), MODALITIES, True, True, None, 3, 8, 64):
            raise InputError("the released networks have no options but task and classes", hint='say layout="paper"')
        self.layout, self.task = layout, task
        self.arguments = {
            "layout": layout,
            "task": task,
            "classes": classes,
            "tasks": list(tasks),
            "modalities": list(modalities),
            "decoupling": decoupling,
            "transformer": transformer,
            "eye_features": eye_features,
            "frames": frames,
            "steps": steps,
            "layers": layers,
            "heads": heads,
            "head_width": head_width,
        }
        self.modalities = chosen(modalities)
        width = 32 if task == "classification" else 64
        two = task == "classification" or layout == "paper"
        trunk = resnet18() if backbone is None else backbone
        self.subnet = Features(trunk, eye_features, 2, layers, unused_classifier=layout == "released")
        self.proj_v1 = nn.Linear(_width_of(trunk), 128)
        self.dropout = nn.Dropout(0.5)
        # Letters as the authors have them: video (face), audio (where the eye is now), language (fixation).
        self.specific_projection_v = projection(width, two)
        self.specific_projection_a = projection(width, two)
        self.specific_projection_l = projection(width, two)
        self.decoupling = decoupling
        if decoupling:
            self.invariant_projection = projection(width, two)
            self.distriminator = nn.Sequential(nn.Linear(width, 3))
        tokens = {"face": frames, "eye": steps, "fixation": steps}
        self.transformer = None
        if transformer:
            count = sum(tokens[m] for m in self.modalities)
            self.transformer = CrossTransformer(count, width, heads=heads, head_width=head_width)
        read = width * 2 if decoupling and not transformer else width
        self.heads, self._modules_of_heads = {}, cast(dict[str, str], {})
        _add_heads(self, read, layout, task, classes, tasks)

    def forward(self, face: torch.Tensor, eye: torch.Tensor, fixation: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The tuple described above."""
        out = self.outputs(face, eye, fixation)
        last = (
            (out.features,)
            if self.layout == "released" and self.task == "classification" and out.features is not None
            else ()
        )
        return (*out.common, *out.private, *out.heads.values(), *last)

    def outputs(self, face: torch.Tensor | None, eye: torch.Tensor | None, fixation: torch.Tensor | None) -> Outputs:
        """The answers by name, see `Outputs`.

        Raises:
            InputError: if a modality that it reads is None.
        """
        return self.fused(self.sequences(face, eye, fixation))

    def sequences(
        self, face: torch.Tensor | None, eye: torch.Tensor | None, fixation: torch.Tensor | None
    ) -> dict[str, torch.Tensor]:
        """The sequences ``(b, t, f)`` of features of each modality that is read: 128 of eye and fixation."""
        given = {"face": face, "eye": eye, "fixation": fixation}
        for name in self.modalities:
            if given[name] is None:
                raise InputError(f"there is no {name} input", hint=f"leave {name} out of the network's modalities")
        found = {}
        if "face" in self.modalities:
            found["face"] = self.subnet.face(cast(torch.Tensor, face))
        for name, lstm in (("eye", self.subnet.e_lstm), ("fixation", self.subnet.v_lstm)):
            if name in self.modalities:
                found[name] = lstm(cast(torch.Tensor, given[name]))[0]
        return found

    def fused(self, sequences: Mapping[str, torch.Tensor]) -> Outputs:
        """The answers to sequences of features, as `sequences` gives them."""
        drawn = {
            name: self.dropout(self.proj_v1(values) if name == "face" else values) for name, values in sequences.items()
        }
        own = {
            "face": self.specific_projection_v,
            "eye": self.specific_projection_a,
            "fixation": self.specific_projection_l,
        }
        private = [own[name](drawn[name]) for name in self.modalities]
        common = [self.invariant_projection(drawn[name]) for name in self.modalities] if self.decoupling else private
        told: dict[str, list[torch.Tensor]] = {"common": [], "private": []}
        if self.decoupling and len(self.modalities) > 1:
            told["common"] = [self.distriminator(reverse_gradient(x.mean(1))) for x in common]
            told["private"] = [self.distriminator(x.mean(1)) for x in private]
        queries, memory = torch.cat(common, 1), torch.cat(private, 1)
        if self.transformer is not None:
            features = self.transformer(queries, memory).mean(1)
        elif self.decoupling:
            features = torch.cat([queries.mean(1), memory.mean(1)], -1)
        else:
            features = memory.mean(1)
        heads = {name: getattr(self, module)(features) for name, module in self._modules_of_heads.items()}
        return Outputs(heads, **told, features=features)


def chosen(modalities: Sequence[str]) -> tuple[str, ...]:
    """The modalities in their order.

    Raises:
        InputError: for an unknown one, or none.
    """
    for name in modalities:
        _known("modality", name, MODALITIES)
    if not modalities:
        raise InputError("a network reads at least one modality", hint=f"known: {', '.join(MODALITIES)}")
    return tuple(name for name in MODALITIES if name in modalities)


def head_sizes(task: str, classes: int, tasks: Sequence[str]) -> dict[str, int]:
    """The outputs of each head of a two-headed network, by name."""
    for name in tasks:
        _known("task of a head", name, HEADS)
    if task == "intensity":
        return {"fer": classes, "intensity": 1}
    return {name: classes if task == "classification" else 1 for name in HEADS if name in tasks}


def two_layers(width: int, outputs: int) -> nn.Sequential:
    """A head of the paper: an MLP of two layers."""
    return nn.Sequential(nn.Linear(width, width), nn.LeakyReLU(0.1), nn.Linear(width, outputs))


def _add_heads(net: Any, width: int, layout: str, task: str, classes: int, tasks: Sequence[str]) -> None:
    if layout == "paper":
        net.heads = head_sizes(task, classes, tasks)
        for name, outputs in net.heads.items():
            setattr(net, f"head_{name}", two_layers(width, outputs))
        net._modules_of_heads = {name: f"head_{name}" for name in net.heads}
    elif task == "classification":
        net.cls_head = nn.Sequential(nn.Linear(width, classes))
        net.heads, net._modules_of_heads = {"classes": classes}, {"classes": "cls_head"}
    elif task == "regression":
        steps: list[nn.Module] = []
        for inner, outer in ((width, 32), (32, 16), (16, 8)):
            steps += [nn.Linear(inner, outer), nn.LeakyReLU(0.01)]
        net.cls_head = nn.Sequential(*steps, nn.Linear(8, 1))
        net.heads, net._modules_of_heads = {"value": 1}, {"value": "cls_head"}
    else:
        net.cls_head_e, net.cls_head_in = nn.Sequential(nn.Linear(width, classes)), nn.Sequential(nn.Linear(width, 1))
        net.heads = {"classes": classes, "intensity": 1}
        net._modules_of_heads = {"classes": "cls_head_e", "intensity": "cls_head_in"}


def _width_of(backbone: nn.Module) -> int:
    if hasattr(backbone, "layer4"):
        return int(cast(Any, backbone).fc.in_features)
    if not isinstance(getattr(backbone, "out_features", None), int):
        raise InputError("the backbone does not say how many features it gives", hint="set its out_features")
    return int(backbone.out_features)  # type: ignore[arg-type]


def _known(what: str, name: str, known: Any) -> None:
    if name not in known:
        raise InputError(f"unknown {what} {name!r}", hint=nearest(str(name), known))
