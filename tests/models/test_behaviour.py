"""How a network behaves is found out when it is loaded: chance, batch statistics, what its outputs are."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional

from xai_compare import models
from xai_compare.api.explaining import explain
from xai_compare.errors import InputError
from xai_compare.models import InputSpec, Model
from xai_compare.models.behaviour import WithoutDropout, checked, observe
from xai_compare.models.layers import feature_layer
from xai_compare.models.outputs import chosen, remark_on_outputs
from xai_compare.runs.progress import Silent

CLASSES = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")


class Base(nn.Module):
    """Two convolutions, an average, a linear layer."""

    def __init__(self, outputs: int = 7) -> None:
        super().__init__()
        self.first, self.second = nn.Conv2d(3, 8, 5, 2, 2), nn.Conv2d(8, 16, 3, 2, 1)
        self.head = nn.Linear(16, outputs)
        with torch.no_grad():
            self.head.weight.mul_(8)

    def pooled(self, batch: torch.Tensor) -> torch.Tensor:
        return functional.relu(self.second(functional.relu(self.first(batch)))).mean((2, 3))

    def forward(self, batch: torch.Tensor) -> Any:
        return self.head(self.pooled(batch))


class Dropping(Base):
    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return self.head(functional.dropout(self.pooled(batch), 0.5))


class OfTheBatch(Base):
    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        pooled = self.pooled(batch)
        return self.head(functional.batch_norm(pooled, None, None, training=True) if len(batch) > 1 else pooled)


class After(Base):
    """The base network and what comes after it."""

    def __init__(self, after: Any, outputs: int = 7) -> None:
        super().__init__(outputs)
        self.after = after

    def forward(self, batch: torch.Tensor) -> Any:
        return self.after(super().forward(batch))


def network(module: nn.Module, classes: tuple[str, ...] = CLASSES) -> Model:
    """A model of 32 x 32 pictures with seeded weights."""
    torch.manual_seed(3)
    for parameter in module.parameters():
        nn.init.normal_(parameter, std=0.3)
    return Model("m", classes, module, InputSpec((32, 32)))


@pytest.mark.parametrize(
    ("after", "kind"),
    [
        (lambda x: x, "logits"),
        (lambda x: x.softmax(1), "probabilities"),
        (lambda x: x.exp() / x.exp().sum(1, keepdim=True), "probabilities"),
        (lambda x: x.softmax(1).flatten(1)[:, None].squeeze(1), "probabilities"),
        (lambda x: x.log_softmax(1), "log_probabilities"),
        (lambda x: x - x.logsumexp(1, keepdim=True), "log_probabilities"),
        (lambda x: x.sigmoid(), "sigmoid"),
        (lambda x: torch.cat([x[:, :3].sigmoid(), x[:, 3:].sigmoid()], 1), "sigmoid"),
        (lambda x: 1 / (1 + torch.exp(-x)), "unit_interval"),
        (lambda x: x.tanh(), "tanh"),
        (lambda x: x * 1e-6 + 0.5, "logits"),
    ],
    ids=[
        "logits",
        "softmax",
        "softmax by hand",
        "reshaped softmax",
        "log softmax",
        "log softmax by hand",
        "sigmoids",
        "two heads of sigmoids",
        "sigmoids by hand",
        "tanh",
        "logits that happen to lie in 0..1",
    ],
)
def test_what_outputs_are_is_seen(after: Any, kind: str) -> None:
    behaviour = observe(network(After(after)))
    assert (behaviour.kind, behaviour.deterministic, behaviour.independent) == (kind, True, True)


def test_chance_in_evaluation_is_refused_or_switched_off() -> None:
    model = network(Dropping())
    with pytest.raises(InputError, match=r"other outputs each time.*dropout: off"):
        checked(model, None)
    plain = Base()
    plain.load_state_dict(model.module.state_dict())
    quiet = Model("q", CLASSES, WithoutDropout(model.module), model.input)
    pictures = np.random.default_rng(0).integers(0, 256, (3, 32, 32, 3), np.uint8)
    reference = Model("r", CLASSES, plain, model.input).predict(pictures)
    np.testing.assert_array_equal(checked(quiet, None).predict(pictures), reference)


def test_statistics_of_the_batch_are_refused() -> None:
    with pytest.raises(InputError, match="alone than beside others"):
        checked(network(OfTheBatch()), None)


@pytest.mark.parametrize(
    ("declared", "after", "line"),
    [
        ("logits", lambda x: x.sigmoid(), "probabilities of each class by itself, not logits; say `output: sigmoid`"),
        ("logits", lambda x: x.log_softmax(1), "are log probabilities, not logits; say `output: log_probabilities`"),
        ("probabilities", lambda x: x, "are logits, not probabilities"),
        (None, lambda x: x.tanh(), "end in a tanh"),
        (None, lambda x: 1 / (1 + torch.exp(-x)), "say `output: sigmoid`"),
    ],
)
def test_what_is_declared_is_compared(declared: str | None, after: Any, line: str) -> None:
    with pytest.raises(InputError, match=line):
        checked(network(After(after)), declared)


def test_each_kind_gives_its_own_probabilities() -> None:
    pictures = np.random.default_rng(1).integers(0, 256, (2, 32, 32, 3), np.uint8)
    plain = network(Base())
    with torch.no_grad():
        logits = plain.module(plain.prepare(pictures))
    for after, declared, expected in [
        (lambda x: x.log_softmax(1), None, logits.softmax(1)),
        (lambda x: x.sigmoid(), None, logits.sigmoid()),
        (lambda x: x, "independent_logits", logits.sigmoid()),
        (lambda x: 1 / (1 + torch.exp(-x)), "sigmoid", logits.sigmoid()),
    ]:
        model = checked(network(After(after)), declared)
        np.testing.assert_allclose(model.predict(pictures), expected.numpy(), atol=1e-6)


def test_one_logit_goes_through_a_sigmoid() -> None:
    model = checked(network(Base(1), ("happiness",)), None)
    pictures = np.random.default_rng(1).integers(0, 256, (2, 32, 32, 3), np.uint8)
    with torch.no_grad():
        expected = model.module(model.prepare(pictures)).sigmoid()
    np.testing.assert_allclose(model.predict(pictures), expected.numpy(), atol=1e-6)
    assert ((model.predict(pictures) > 0) & (model.predict(pictures) < 1)).all()


@pytest.mark.parametrize(
    ("after", "take"),
    [
        (lambda x: (x, x[:, :2]), 0),
        (lambda x: {"logits": x, "features": x[:, :3]}, "logits"),
        (lambda x: x[:, :, None, None], None),
    ],
    ids=["tuple", "mapping", "n x c x 1 x 1"],
)
def test_one_output_of_several(after: Any, take: object) -> None:
    model = chosen(network(After(after)), take)
    assert checked(model, None).predict(np.zeros((2, 32, 32, 3), np.uint8)).shape == (2, 7)


def test_several_outputs_are_named() -> None:
    with pytest.raises(InputError, match=r"2 outputs \(logits \(7,\), arousal \(1,\)\).*take: logits"):
        chosen(network(After(lambda x: {"logits": x, "arousal": x[:, :1]})))


@pytest.mark.parametrize(
    "outputs",
    [
        {"classes": [*CLASSES, None, None]},
        {"classes": [*CLASSES, "valence", "arousal"], "ignore": ["valence", "arousal"]},
        {"outputs": [*CLASSES, "valence", "arousal"], "ignore": ["valence", "arousal"]},
    ],
    ids=["null", "classes and ignore", "outputs and ignore"],
)
def test_outputs_that_are_no_expressions_stay_out(outputs: dict[str, Any], tmp_path: Any) -> None:
    (tmp_path / "nets.py").write_text(
        "import torch\nfrom torch import nn\n\n\n"
        "def nine():\n    torch.manual_seed(0)\n"
        "    pool = nn.AdaptiveAvgPool2d(1)\n"
        "    return nn.Sequential(nn.Conv2d(3, 8, 3, 2), nn.ReLU(), pool, nn.Flatten(), nn.Linear(8, 9))\n"
    )
    spec = {"factory": "nets:nine", "folder": str(tmp_path), "input": {"size": 32, "channels": "rgb", "range": [0, 1]}}
    model = models.load({**spec, **outputs}, allow_code=True)
    assert model.classes == CLASSES
    pictures = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), np.uint8)
    torch.manual_seed(0)
    with torch.no_grad():
        logits = model.module.network(model.prepare(pictures))
    np.testing.assert_allclose(model.predict(pictures), logits[:, :7].softmax(1).numpy(), atol=1e-6)
    assert remark_on_outputs(model) == (
        "2 outputs are no expressions and left out; probabilities are a softmax over the others"
    )


def test_how_outputs_were_read_is_said() -> None:
    remark = remark_on_outputs(checked(network(After(lambda x: x.sigmoid())), None))
    assert remark == "its outputs were read as sigmoid (`output: sigmoid` settles it)"
    assert remark_on_outputs(checked(network(Base()), None)) is None


def test_a_networks_repr_says_how_its_outputs_were_read() -> None:
    assert repr(network(Base(2), ("fear", "anger"))) == "Model('m', fear, anger; 32 x 32 rgb, logits)"
    model = checked(network(After(lambda x: x.sigmoid())), None)
    assert repr(model).endswith("rgb, probabilities; its outputs were read as sigmoid (`output: sigmoid` settles it))")


def test_explain_says_how_outputs_were_read() -> None:
    class Listener(Silent):
        def say(self, message: str) -> None:
            said.append(message)

    said: list[str] = []
    model = checked(network(After(lambda x: x.sigmoid())), None)
    with pytest.raises(InputError, match="no picture"):
        explain(np.zeros((40, 40, 3), np.uint8), model, "random", progress=Listener())
    assert said == ["m: its outputs were read as sigmoid (`output: sigmoid` settles it)"]


class Attended(Base):
    """Multiplies an attention map in; its module is the last one with a spatial output."""

    def __init__(self) -> None:
        super().__init__()
        self.attention = nn.Conv2d(16, 1, 7, padding=3)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        features = functional.relu(self.second(functional.relu(self.first(batch))))
        return self.head((features * self.attention(features).sigmoid()).mean((2, 3)))


class Branched(Base):
    """Joins two branches, neither of which carries all."""

    def __init__(self) -> None:
        super().__init__()
        self.other = nn.Conv2d(3, 16, 5, 4, 2)

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        return self.head(self.pooled(batch) + self.other(batch).relu().mean((2, 3)))


def test_the_layer_that_is_read_carries_all_of_the_output() -> None:
    assert feature_layer(network(Base())) == "second"
    assert feature_layer(network(Attended())) == "second"
    with pytest.raises(InputError, match=r"no layer carries all of the output.*name one with `layer`, such as other"):
        feature_layer(network(Branched()))
