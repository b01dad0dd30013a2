"""The engine of a network: batches, layouts, memory, precision, and what is remembered."""

from __future__ import annotations

import copy
import gc
import pickle
import weakref

import numpy as np
import pytest
import torch
from torch import nn

from xai_compare.errors import InputError
from xai_compare.models import InputSpec, Model, engine, load

CLASSES = ("anger", "happiness", "sadness")


class Net(nn.Module):
    """Convolution, batch norm, pooling, one linear layer."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm, self.head = nn.Conv2d(3, 8, 3, stride=2), nn.BatchNorm2d(8), nn.Linear(8, len(CLASSES))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.norm(self.conv(x)).relu().mean((2, 3)))


def made() -> Model:
    torch.manual_seed(0)
    net = Net()
    net.norm.running_mean.normal_(0, 0.1)
    return Model("net", CLASSES, net, InputSpec((32, 28)))


@pytest.fixture
def model() -> Model:
    return made()


def pictures(n: int) -> torch.Tensor:
    return torch.rand(n, 3, 32, 28, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("n", [1, 7, 8, 9, 30])
def test_outputs_do_not_depend_on_batches(n, model):
    model.batch_size = 8
    told = model.module(pictures(n)).detach()
    torch.testing.assert_close(model.engine.outputs(pictures(n)), told, rtol=1e-4, atol=1e-5)


def test_pictures_are_made_batch_by_batch(model):
    model.batch_size, sizes = 4, []

    def make(some: torch.Tensor) -> torch.Tensor:
        sizes.append(len(some))
        return pictures(10)[some]

    found = model.engine.outputs(torch.arange(10), make)
    assert sizes == [4, 4, 2]
    torch.testing.assert_close(found, model.module(pictures(10)).detach(), rtol=1e-4, atol=1e-5)


class Small(nn.Module):
    """A device on which three pictures fit."""

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        if len(x) > 3:
            raise torch.OutOfMemoryError("too large")
        return x.mean((2, 3))


def test_out_of_memory_halves_the_batch_for_good(model):
    model.module, model.batch_size = Small(), 8
    torch.testing.assert_close(model.engine.outputs(pictures(10)), pictures(10).mean((2, 3)))
    assert model.batch_size == 2
    model.batch_size = 8
    assert model.predict(np.zeros((10, 32, 28, 3), np.uint8)).shape == (10, 3)
    assert model.batch_size == 2


def test_one_picture_that_does_not_fit_is_an_error(model):
    def never(part: slice) -> None:
        raise torch.OutOfMemoryError("too large")

    with pytest.raises(torch.OutOfMemoryError):
        model.engine.batches(3, never)
    assert model.batch_size == 1


def test_bfloat16_is_near_and_differentiable(model):
    exact, rough = (model.engine.outputs(pictures(9), precision=p) for p in ("fp32", "bf16"))
    assert rough.dtype == torch.float32
    assert 0 < (exact - rough).abs().max() < 0.05
    batch = pictures(2).requires_grad_()
    (grad,) = torch.autograd.grad(model.engine.forward("bf16")(batch).sum(), batch)
    assert grad.abs().max() > 0
    assert next(model.module.parameters()).dtype == torch.float32


def test_precision_depends_on_network_and_machine_only(model, monkeypatch):
    operations = model.engine.operations()
    # Multiply and add of the convolution (15 x 13 places, 8 channels, 27 inputs) and of the linear layer.
    assert operations == 2 * (15 * 13 * 8 * 27 + 8 * 3)
    monkeypatch.setattr(engine, "computes_bf16", lambda device: True)
    assert model.engine.resolve_precision("auto", operations) == "bf16"
    assert model.engine.resolve_precision("auto", operations + 1) == "fp32"
    monkeypatch.setattr(engine, "computes_bf16", lambda device: False)
    assert model.engine.resolve_precision("auto", 0) == "fp32"
    assert model.engine.resolve_precision("bf16", 0) == "bf16"


def test_the_copy_is_made_once_and_again_when_the_network_changes(model):
    first = model.engine.network
    assert model.engine.network is first
    assert not any(isinstance(m, nn.BatchNorm2d) for m in first.modules())
    assert model.engine.forward("bf16") is not first
    with torch.no_grad():
        model.module.head.weight.mul_(2)
        second = model.engine.network
        assert second is not first
        for precision in ("fp32", "bf16"):
            told = model.module(pictures(3))
            torch.testing.assert_close(model.engine.forward(precision)(pictures(3)), told, rtol=0.02, atol=0.02)
    handle = model.module.head.register_forward_hook(lambda m, args, out: out + 100)
    assert model.engine.outputs(pictures(1)).min() > 50
    handle.remove()
    model.module = Net()
    torch.testing.assert_close(model.engine.outputs(pictures(2)), model.module.eval()(pictures(2)).detach())


def test_nothing_is_left_on_the_network_and_it_is_let_go():
    model = made()
    module = model.module
    before = set(module.__dict__)
    model.engine.outputs(pictures(3), precision="bf16")
    assert set(module.__dict__) == before
    gone = weakref.ref(module)
    del model, module
    gc.collect()
    assert gone() is None


def test_a_copy_of_the_model_has_an_engine_of_its_own(model):
    model.engine.outputs(pictures(1))
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(model))):
        assert "engine" not in vars(other)
        torch.testing.assert_close(other.engine.outputs(pictures(2)), model.engine.outputs(pictures(2)))


@pytest.mark.parametrize("size", [0, -1, 1.5, True, "many"])
def test_bad_batch_sizes(size):
    with pytest.raises(InputError, match="batch_size must be a whole number from 1 up"):
        load({"bundled": "compact"}, batch_size=size)


def test_the_batch_size_is_the_models():
    assert load({"bundled": "compact"}).batch_size == 32
    assert load({"bundled": "compact"}, batch_size=7).batch_size == 7
