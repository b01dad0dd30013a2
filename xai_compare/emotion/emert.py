"""EMERT, the network of Liu et al. (2024), as released and as the paper draws it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal, get_args

import torch
from torch import nn
from torchvision.models import resnet18

from xai_compare.emotion.blocks import MODALITIES, CrossTransformer, projection, reverse_gradient
from xai_compare.emotion.fusion import Fusion, Outputs, check_known, feature_width, head_sizes, mlp_head
from xai_compare.errors import InputError

Layout = Literal["released", "paper"]
Task = Literal["classification", "regression", "intensity"]


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

    >>> net = EMERT("paper", frames=2, steps=4).eval()
    >>> face, eye, fixation = torch.zeros(1, 2, 3, 64, 64), torch.zeros(1, 4, 39), torch.zeros(1, 4, 2)
    >>> {head: tuple(logits.shape) for head, logits in net.outputs(face, eye, fixation).heads.items()}
    {'er': (1, 7), 'fer': (1, 7)}
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
        # The first line, so that nothing but the arguments is there: a saved network is built again from them.
        arguments = {name: value for name, value in locals().items() if name not in ("self", "backbone", "__class__")}
        check_known("layout", layout, get_args(Layout))
        check_known("task", task, get_args(Task))
        options = (tuple(tasks), tuple(modalities), decoupling, transformer, backbone, layers, heads, head_width)
        if layout == "released" and options != (("er", "fer"), MODALITIES, True, True, None, 3, 8, 64):
            raise InputError("the released networks have no options but task and classes", hint='say layout="paper"')
        trunk = resnet18() if backbone is None else backbone
        super().__init__(modalities, trunk, eye_features, layers, unused_classifier=layout == "released")
        self.layout, self.task, self.arguments = layout, task, arguments
        width = 32 if task == "classification" else 64
        two = task == "classification" or layout == "paper"
        self.proj_v1 = nn.Linear(feature_width(trunk), 128)
        self.dropout = nn.Dropout(0.5)
        # Letters as the authors have them: video (face), audio (where the eye is now), language (fixation).
        self.specific_projection_v = projection(width, two)
        self.specific_projection_a = projection(width, two)
        self.specific_projection_l = projection(width, two)
        self.decoupling = decoupling
        if decoupling:
            self.invariant_projection = projection(width, two)
            self.distriminator = nn.Sequential(nn.Linear(width, 3))
        self.transformer = None
        if transformer:
            lengths = {"face": frames, "eye": steps, "fixation": steps}
            tokens = sum(lengths[name] for name in self.modalities)
            self.transformer = CrossTransformer(tokens, width, heads=heads, head_width=head_width)
        # Without the transformer, common and private features are read side by side.
        read = width * 2 if decoupling and not transformer else width
        layers_of_heads = _heads(read, layout, task, classes, tasks)
        self.heads = {name: outputs for name, (_, outputs, _) in layers_of_heads.items()}
        self._attributes = {name: attribute for name, (attribute, _, _) in layers_of_heads.items()}
        for attribute, _, head in layers_of_heads.values():
            setattr(self, attribute, head)

    def forward(self, face: torch.Tensor, eye: torch.Tensor, fixation: torch.Tensor) -> tuple[torch.Tensor, ...]:
        """The tuple described above."""
        out = self.outputs(face, eye, fixation)
        answers = (*out.common, *out.private, *out.heads.values())
        if self.layout == "released" and self.task == "classification" and out.features is not None:
            return (*answers, out.features)
        return answers

    def from_sequences(self, sequences: Mapping[str, torch.Tensor]) -> Outputs:
        """The answers to sequences of features, as `sequences` gives them."""
        inputs = {
            name: self.dropout(self.proj_v1(values) if name == "face" else values) for name, values in sequences.items()
        }
        projections = {
            "face": self.specific_projection_v,
            "eye": self.specific_projection_a,
            "fixation": self.specific_projection_l,
        }
        private = [projections[name](inputs[name]) for name in self.modalities]
        common = [self.invariant_projection(inputs[name]) for name in self.modalities] if self.decoupling else private
        modality_logits: dict[str, list[torch.Tensor]] = {"common": [], "private": []}
        if self.decoupling and len(self.modalities) > 1:
            # The discriminator learns to tell modalities apart; reversed, its gradient makes the common features lose
            # what tells them apart. Private features go without reversal and so keep it. Nothing is reversed twice:
            # the discriminator itself gets the plain gradient in both cases.
            modality_logits["common"] = [self.distriminator(reverse_gradient(x.mean(1))) for x in common]
            modality_logits["private"] = [self.distriminator(x.mean(1)) for x in private]
        queries, memory = torch.cat(common, 1), torch.cat(private, 1)
        if self.transformer is not None:
            features = self.transformer(queries, memory).mean(1)
        elif self.decoupling:
            features = torch.cat([queries.mean(1), memory.mean(1)], -1)
        else:
            features = memory.mean(1)
        answers = {name: getattr(self, attribute)(features) for name, attribute in self._attributes.items()}
        return Outputs(answers, **modality_logits, features=features)


def _heads(
    width: int, layout: str, task: str, classes: int, tasks: Sequence[str]
) -> dict[str, tuple[str, int, nn.Module]]:
    """Of each head, the attribute that the state dict names it by, its number of outputs, and its layers."""
    if layout == "paper":
        return {name: (f"head_{name}", n, mlp_head(width, n)) for name, n in head_sizes(task, classes, tasks).items()}
    if task == "classification":
        return {"classes": ("cls_head", classes, nn.Sequential(nn.Linear(width, classes)))}
    if task == "intensity":
        return {
            "classes": ("cls_head_e", classes, nn.Sequential(nn.Linear(width, classes))),
            "intensity": ("cls_head_in", 1, nn.Sequential(nn.Linear(width, 1))),
        }
    steps: list[nn.Module] = []
    for inner, outer in ((width, 32), (32, 16), (16, 8)):
        steps += [nn.Linear(inner, outer), nn.LeakyReLU(0.01)]
    return {"value": ("cls_head", 1, nn.Sequential(*steps, nn.Linear(8, 1)))}
