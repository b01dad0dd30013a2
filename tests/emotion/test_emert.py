"""The released networks, name for name and number for number, and the paper's layout."""

from __future__ import annotations

import json
import math
import zlib
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

import xai_compare as xc
from xai_compare.emotion import EMERT, MODALITIES, modality_loss, reverse_gradient, total_loss
from xai_compare.emotion.losses import PAPER, RELEASED
from xai_compare.errors import InputError

COUNTS = {"classification": 12_625_209, "regression": 12_768_179, "intensity": 12_765_946}


def inputs() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    g = torch.Generator().manual_seed(3)
    return (
        torch.rand(2, 8, 3, 112, 112, generator=g),
        torch.rand(2, 32, 39, generator=g),
        torch.rand(2, 32, 2, generator=g),
    )


def with_reference_weights(net: nn.Module) -> nn.Module:
    for name, value in net.state_dict().items():
        if not value.is_floating_point():
            continue
        x = torch.randn(value.shape, generator=torch.Generator().manual_seed(zlib.crc32(name.encode())))
        if name.endswith("running_var"):
            value.copy_(1 + 0.1 * x.abs())
        elif value.ndim == 1 and name.endswith("weight"):
            value.copy_(1 + 0.05 * x)
        else:
            value.copy_(0.05 * x)
    return net.eval()


@pytest.mark.parametrize("task", list(COUNTS))
def test_released_networks_have_the_authors_names_shapes_and_counts(task: str, shared: Path) -> None:
    net = xc.emotion.EMERT(layout="released", task=task, classes=7)
    table = pd.read_csv(shared / "emert" / "state.csv", keep_default_na=False)
    table = table[table["task"] == task]
    found = {
        name: ("x".join(map(str, v.shape)), str(v.dtype).removeprefix("torch.")) for name, v in net.state_dict().items()
    }
    assert list(found) == table["name"].tolist()
    assert list(found.values()) == list(zip(table["shape"], table["dtype"], strict=True))
    assert sum(p.numel() for p in net.parameters() if p.requires_grad) == COUNTS[task]


def test_what_the_released_classification_network_never_uses() -> None:
    net = EMERT(layout="released")
    sum(out.sum() for out in net(*inputs())).backward()
    idle = {name: p.numel() for name, p in net.named_parameters() if p.grad is None}
    assert {name.rsplit(".", 1)[0] for name in idle} == {"subnet.classifier", "subnet.f_extractor.fc"}
    assert sum(idle.values()) == 518_383


def test_the_released_regression_network_answers_as_the_authors_does(shared: Path) -> None:
    wanted = json.loads((shared / "emert" / "regression_outputs.json").read_text())["regression"]
    net = with_reference_weights(EMERT(layout="released", task="regression"))
    with torch.no_grad():
        told = net(*inputs())
    assert len(told) == len(wanted) == 7
    for out, reference in zip(told, wanted, strict=True):
        torch.testing.assert_close(out, torch.tensor(reference), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("task", "shapes"),
    [("classification", [(2, 7), (2, 32)]), ("regression", [(2, 1)]), ("intensity", [(2, 7), (2, 1)])],
    ids=list(COUNTS),
)
def test_outputs_come_in_the_released_order(task: str, shapes: list[tuple[int, int]]) -> None:
    net = EMERT(layout="released", task=task).eval()
    with torch.no_grad():
        told = net(*inputs())
        named = net.outputs(*inputs())
    assert [tuple(out.shape) for out in told] == [(2, 3)] * 6 + shapes
    assert all(torch.equal(a, b) for a, b in zip(told[:3], named.common, strict=True))
    assert all(torch.equal(a, b) for a, b in zip(told[6:], named.heads.values(), strict=False))


@settings(max_examples=20, deadline=None)
@given(st.floats(0, 10), st.integers(0, 2**31))
def test_gradient_reversal_is_the_identity_forwards_and_minus_its_strength_backwards(
    strength: float, seed: int
) -> None:
    x = torch.randn(4, 3, generator=torch.Generator().manual_seed(seed), requires_grad=True)
    upstream = torch.randn(4, 3, generator=torch.Generator().manual_seed(seed + 1))
    y = reverse_gradient(x, strength)
    assert torch.equal(y, x)
    y.backward(upstream)
    assert x.grad is not None
    assert torch.equal(x.grad, upstream * -strength)


def test_the_modality_loss_at_chance_is_three_times_ln_three() -> None:
    chance = [torch.zeros(5, 3)] * 3
    assert float(modality_loss(chance)) == pytest.approx(3 * math.log(3), abs=1e-6)
    sure = [100 * torch.eye(3)[[k] * 5] for k in range(3)]
    assert float(modality_loss(sure)) == pytest.approx(0, abs=1e-6)
    assert float(modality_loss(sure[2:], ("fixation",))) == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("weights", [PAPER, RELEASED], ids=["paper", "released"])
def test_the_loss_is_the_weighted_sum_of_its_parts(weights: xc.emotion.LossWeights) -> None:
    heads = {"er": torch.randn(4, 7), "fer": torch.randn(4, 7)}
    out = xc.emotion.Outputs(heads, [torch.randn(4, 3)] * 3, [torch.randn(4, 3)] * 3)
    targets = {"er": torch.tensor([0, 1, 2, -1]), "fer": torch.tensor([3, 4, 5, 6])}
    parts = total_loss(out, targets, weights)
    by_hand = weights.common * parts["common"] + weights.private * parts["private"]
    er = nn.functional.cross_entropy(heads["er"][:3], targets["er"][:3])
    fer = nn.functional.cross_entropy(heads["fer"], targets["fer"])
    torch.testing.assert_close(parts["loss"], by_hand + weights.task * (er + fer))


def test_values_are_trained_on_hubers_loss_and_missing_ones_do_not_count() -> None:
    heads = {"er": torch.tensor([[0.0], [3.0], [7.0]])}
    targets = {"er": torch.tensor([0.5, 0.0, float("nan")])}
    parts = total_loss(xc.emotion.Outputs(heads), targets)
    assert float(parts["er"]) == pytest.approx((0.5 * 0.25 + 2.5) / 2)


@pytest.mark.parametrize("task", ["classification", "regression", "intensity"])
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"decoupling": False},
        {"transformer": False},
        {"decoupling": False, "transformer": False},
        {"modalities": ("face",)},
        {"modalities": ("eye", "fixation")},
    ],
    ids=["all", "no decoupling", "no transformer", "neither", "face", "eyes"],
)
def test_the_papers_layout_has_both_heads_on_one_trunk(
    task: str, options: dict[str, object], backbone: Callable[[], nn.Module]
) -> None:
    net = EMERT("paper", task, backbone=backbone(), eye_features=5, frames=2, steps=4, **options)  # type: ignore[arg-type]
    face, eye, fixation = torch.randn(3, 2, 3, 16, 16), torch.randn(3, 4, 5), torch.randn(3, 4, 2)
    out = net.outputs(face, eye, fixation)
    assert {name: tuple(v.shape) for name, v in out.heads.items()} == {
        "classification": {"er": (3, 7), "fer": (3, 7)},
        "regression": {"er": (3, 1), "fer": (3, 1)},
        "intensity": {"fer": (3, 7), "intensity": (3, 1)},
    }[task]
    adversary = options.get("decoupling", True) and len(net.modalities) > 1
    assert len(out.common) == len(out.private) == (len(net.modalities) if adversary else 0)
    given_ = dict(zip(MODALITIES, (face, eye, fixation), strict=True))
    absent = {name: None if name not in net.modalities else value for name, value in given_.items()}
    net.eval()
    for a, b in zip(net.outputs(**absent).heads.values(), net.outputs(**given_).heads.values(), strict=True):
        assert torch.equal(a, b)


def test_reversal_pushes_the_common_projection_against_the_classifier(backbone: Callable[[], nn.Module]) -> None:
    net = EMERT("paper", backbone=backbone(), eye_features=5, frames=2, steps=4).eval()
    batch = torch.randn(3, 2, 3, 16, 16), torch.randn(3, 4, 5), torch.randn(3, 4, 2)
    modality_loss(net.outputs(*batch).common).backward()
    reversed_ = net.invariant_projection[0].weight.grad.clone()  # type: ignore[union-attr, operator]
    net.zero_grad()
    sequences = net.sequences(*batch)
    plain = [
        net.distriminator(net.invariant_projection(net.proj_v1(v) if k == "face" else v).mean(1))
        for k, v in sequences.items()
    ]
    modality_loss(plain).backward()
    torch.testing.assert_close(reversed_, -net.invariant_projection[0].weight.grad)  # type: ignore[union-attr, operator]


@pytest.mark.parametrize(
    ("build", "line"),
    [
        (lambda: EMERT("relased"), "unknown layout 'relased'; did you mean 'released'?"),
        (lambda: EMERT(task="classify"), "unknown task 'classify'"),
        (lambda: EMERT(decoupling=False), "the released networks have no options"),
        (lambda: EMERT("paper", modalities=()), "reads at least one modality"),
        (lambda: EMERT("paper", modalities=("ear",)), "unknown modality 'ear'"),
        (lambda: EMERT("paper", backbone=nn.Identity()), "does not say how many features"),
        (lambda: EMERT("paper").outputs(None, None, None), "there is no face input"),
    ],
)
def test_what_cannot_be_built_is_refused_in_one_line(build: Callable[[], object], line: str) -> None:
    with pytest.raises(InputError, match=r"^[^\n]*$") as problem:
        build()
    assert line in str(problem.value)
