"""Small networks with seeded random weights, one for each way in which networks behave, and what loading must say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional

SEVEN = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
NINE = (*SEVEN, None, None)
SIDE = 32


@dataclass(frozen=True)
class Case:
    """One small network.

    Attributes:
        make: builds it.
        refused: a part of the line that refuses it; ``""`` where it loads.
        remark: a part of what is said when it loads; ``""`` where nothing is.
        grad_cam: the layer that Grad-CAM reads, or a part of the line that refuses it.
        cam: the layer that CAM reads; None where its head is not one that CAM can read.
        classes: the expression of each output.
        keys: further keys of the specification.
    """

    make: Callable[[], nn.Module]
    refused: str = ""
    remark: str = ""
    grad_cam: str = "second"
    cam: str | None = None
    classes: tuple[str | None, ...] = SEVEN
    keys: Mapping[str, Any] = field(default_factory=dict)


class Base(nn.Module):
    """Two convolutions, an average over the picture, a linear layer; ``after`` is what becomes of its outputs."""

    def __init__(self, after: Callable[[torch.Tensor], Any] | None = None, outputs: int = 7) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 5, 2, 2), nn.Conv2d(8, 16, 3, 2, 1)
        self.head = nn.Linear(16, outputs)
        self.after = after

    def maps(self, batch: torch.Tensor) -> torch.Tensor:
        return functional.relu(self.second(functional.relu(self.first(batch))))

    def pooled(self, batch: torch.Tensor) -> torch.Tensor:
        return self.maps(batch).mean((2, 3))

    def forward(self, batch: torch.Tensor) -> Any:
        out = self.head(self.pooled(batch))
        return out if self.after is None else self.after(out)


class FunctionalDropout(Base):
    """`functional.dropout` is active in evaluation, too, unless it is told of it."""

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return self.head(functional.dropout(self.pooled(batch), 0.5))


class ModuleDropout(Base):
    """A dropout that evaluation stops."""

    def __init__(self) -> None:
        super().__init__()
        self.dropout = nn.Dropout(0.5)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return self.head(self.dropout(self.pooled(batch)))


class FixedMask(Base):
    """Drops the same half of its features each time: strange, and deterministic."""

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return self.head(self.pooled(batch) * (torch.arange(16, device=batch.device) % 2))


class NoisyInput(Base):
    """Adds noise to each picture."""

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return super().forward(batch + 0.5 * torch.randn_like(batch))


class BatchStatistics(Base):
    """A batch norm without running statistics."""

    def __init__(self) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(16, track_running_stats=False)

    def maps(self, batch: torch.Tensor) -> torch.Tensor:
        return self.norm(super().maps(batch))


class Centred(Base):
    """Takes the mean over the batch off its features."""

    def pooled(self, batch: torch.Tensor) -> torch.Tensor:
        features = super().pooled(batch)
        return features - features.mean(0)


class SpatialAttention(nn.Module):
    """A map of one channel, as CBAM has it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(2, 1, 7, padding=3)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        return self.conv(torch.cat([features.mean(1, keepdim=True), features.amax(1, keepdim=True)], 1)).sigmoid()


class Attended(Base):
    """An attention map is multiplied in by the forward pass; it is the last module that gives a map."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = SpatialAttention()

    def pooled(self, batch: torch.Tensor) -> torch.Tensor:
        features = self.maps(batch)
        return (features * self.attention(features)).mean((2, 3))


class ChannelAttention(Base):
    """Squeeze and excitation: a factor for each channel."""

    def __init__(self) -> None:
        super().__init__()
        self.squeeze = nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Conv2d(16, 16, 1), nn.Sigmoid())

    def pooled(self, batch: torch.Tensor) -> torch.Tensor:
        features = self.maps(batch)
        return (features * self.squeeze(features)).mean((2, 3))


class Branched(Base):
    """Two branches whose features are joined, neither of which carries all of the output."""

    def __init__(self, join: str = "add") -> None:
        super().__init__()
        self.other, self.join = nn.Conv2d(3, 16, 5, 4, 2), join
        self.head = nn.Linear(16 if join == "add" else 32, 7)

    def pooled(self, batch: torch.Tensor) -> torch.Tensor:
        one, other = super().pooled(batch), self.other(batch).relu().mean((2, 3))
        return one + other if self.join == "add" else torch.cat([one, other], 1)


class JoinedBranches(Base):
    """Two branches that a module joins while they are maps still."""

    def __init__(self) -> None:
        super().__init__()
        self.other, self.joined = nn.Conv2d(3, 16, 5, 4, 2), nn.Conv2d(32, 16, 1)

    def maps(self, batch: torch.Tensor) -> torch.Tensor:
        return self.joined(torch.cat([super().maps(batch), self.other(batch).relu()], 1))


class Skipping(Base):
    """A residual sum that the forward pass takes outside of any module."""

    def __init__(self) -> None:
        super().__init__()
        self.residual = nn.Conv2d(16, 16, 3, padding=1)

    def maps(self, batch: torch.Tensor) -> torch.Tensor:
        features = super().maps(batch)
        return features + self.residual(features).relu()


class SkippingToTheHead(Base):
    """The head reads the first convolution's features, too."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(24, 7)

    def pooled(self, batch: torch.Tensor) -> torch.Tensor:
        early = functional.relu(self.first(batch))
        return torch.cat([functional.relu(self.second(early)).mean((2, 3)), early.mean((2, 3))], 1)


class Auxiliary(Base):
    """A second head on the first convolution, whose answer is not asked for in evaluation."""

    def __init__(self, returned: bool) -> None:
        super().__init__()
        self.auxiliary, self.returned = nn.Sequential(nn.Conv2d(8, 8, 3), nn.ReLU()), returned
        self.auxiliary_head = nn.Linear(8, 7)

    def forward(self, batch: torch.Tensor) -> Any:
        early = functional.relu(self.first(batch))
        aside = self.auxiliary_head(self.auxiliary(early).mean((2, 3)))
        out = self.head(functional.relu(self.second(early)).mean((2, 3)))
        return (out, aside) if self.returned else out


class Siamese(Base):
    """One network for the picture and its mirror image: each layer is called twice."""

    def pooled(self, batch: torch.Tensor) -> torch.Tensor:
        return super().pooled(batch) + super().pooled(batch.flip(3))


class SiameseJoined(Siamese):
    """The same, with a module after the two were joined."""

    def __init__(self) -> None:
        super().__init__()
        self.joined = nn.Conv2d(32, 16, 1)

    def pooled(self, batch: torch.Tensor) -> torch.Tensor:
        both = torch.cat([self.maps(batch), self.maps(batch.flip(3)).flip(3)], 1)
        return self.joined(both).relu().mean((2, 3))


class FlatHead(Base):
    """The head reads every position by itself."""

    def __init__(self) -> None:
        super().__init__()
        self.head = nn.Linear(16 * 8 * 8, 7)

    def pooled(self, batch: torch.Tensor) -> torch.Tensor:
        return self.maps(batch).flatten(1)


class Nested(nn.Module):
    """A backbone inside a backbone."""

    def __init__(self) -> None:
        super().__init__()
        inner = nn.Sequential(nn.Conv2d(3, 8, 5, 2, 2), nn.ReLU(), nn.Conv2d(8, 16, 3, 2, 1), nn.ReLU())
        self.outer = nn.ModuleDict({"backbone": nn.Sequential(inner)})
        self.head = nn.Linear(16, 7)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return self.head(self.outer["backbone"](batch).mean((2, 3)))


class ConvolutionalHead(nn.Module):
    """A head of 1 x 1 convolutions: the outputs are ``(n, classes, 1, 1)``."""

    def __init__(self) -> None:
        super().__init__()
        self.second = nn.Sequential(nn.Conv2d(3, 16, 5, 4, 2), nn.ReLU())
        self.pool, self.head = nn.AdaptiveAvgPool2d(1), nn.Conv2d(16, 7, 1)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return self.head(self.pool(self.second(batch)))


def by_hand(out: torch.Tensor) -> torch.Tensor:
    """Sigmoids without the function of that name."""
    return 1 / (1 + torch.exp(-out))


CHANCE, NEIGHBOURS = "the same picture gives other outputs each time", "a picture gives other outputs alone"
JOINED = "no layer carries all of the output"
CASES: dict[str, Case] = {
    "plain": Case(Base, cam="second"),
    "dropout module": Case(ModuleDropout, cam="second"),
    "fixed mask": Case(FixedMask, cam="second"),
    "functional dropout": Case(FunctionalDropout, CHANCE),
    "functional dropout, off": Case(FunctionalDropout, cam="second", keys={"dropout": "off"}),
    "noise on the input": Case(NoisyInput, CHANCE),
    "batch statistics": Case(BatchStatistics, NEIGHBOURS),
    "mean over the batch": Case(Centred, NEIGHBOURS),
    "softmax": Case(lambda: Base(lambda out: out.softmax(1))),
    "log softmax": Case(lambda: Base(lambda out: out.log_softmax(1)), remark="log probabilities"),
    "seven sigmoids": Case(lambda: Base(torch.sigmoid), remark="as sigmoid"),
    "one sigmoid": Case(lambda: Base(torch.sigmoid, 1), remark="as sigmoid", classes=("happiness",)),
    "one logit": Case(lambda: Base(None, 1), remark="independent logits", cam="second", classes=("happiness",)),
    "tanh": Case(lambda: Base(torch.tanh), "end in a tanh"),
    "sigmoids by hand": Case(lambda: Base(by_hand), "all lie between 0 and 1"),
    "rectified outputs": Case(lambda: Base(torch.relu)),
    "softmax called logits": Case(lambda: Base(lambda out: out.softmax(1)), "not logits", keys={"output": "logits"}),
    "logits called sigmoid": Case(Base, "are logits, not sigmoid", keys={"output": "sigmoid"}),
    "two outputs": Case(lambda: Base(lambda out: (out, out[:, :2])), "returns 2 outputs"),
    "two outputs, one taken": Case(lambda: Base(lambda out: (out, out[:, :2])), cam="second", keys={"take": 0}),
    "mapping, one taken": Case(lambda: Base(lambda out: {"y": out, "z": 1}), cam="second", keys={"take": "y"}),
    "n x c x 1 x 1": Case(ConvolutionalHead, cam="second"),
    "not finite": Case(lambda: Base(lambda out: out / 0), "not finite"),
    "eight outputs for seven": Case(lambda: Base(None, 8), "8,) outputs for 7 classes"),
    "valence and arousal": Case(
        lambda: Base(None, 9), remark="2 outputs are no expressions", cam="second", classes=NINE
    ),
    "attention multiplied in": Case(Attended),
    "channel attention": Case(ChannelAttention),
    "two branches added": Case(Branched, grad_cam=JOINED),
    "two branches side by side": Case(lambda: Branched("cat"), grad_cam=JOINED),
    "two branches joined by a layer": Case(JoinedBranches, grad_cam="joined", cam="joined"),
    "skip path in a block": Case(Skipping),
    "skip path to the head": Case(SkippingToTheHead, grad_cam="first"),
    "auxiliary head, unused": Case(lambda: Auxiliary(False), cam="second"),
    "auxiliary head, returned": Case(lambda: Auxiliary(True), "returns 2 outputs"),
    "auxiliary head, left": Case(lambda: Auxiliary(True), cam="second", keys={"take": 0}),
    "layers called twice": Case(Siamese, grad_cam="runs more than once in a pass"),
    "called twice, then joined": Case(SiameseJoined, grad_cam="joined", cam="joined"),
    "flat head": Case(FlatHead),
    "nested backbones": Case(Nested, grad_cam="outer.backbone", cam="outer.backbone"),
}


def make(name: str) -> nn.Module:
    """The network of a case, with weights that tell pictures apart."""
    torch.manual_seed(3)
    network = CASES[name].make()
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.3)
    return network


def specification(name: str) -> dict[str, Any]:
    """What a study would say of the network of a case."""
    case = CASES[name]
    shown = {"size": SIDE, "channels": "rgb", "range": [0, 1]}
    place = {"factory": "small_networks:make", "folder": str(Path(__file__).parent), "options": {"name": name}}
    return {"name": name, **place, "classes": list(case.classes), "input": shown, **case.keys}
