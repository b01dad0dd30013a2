"""Folded copies of networks: the same outputs, the original untouched."""

from __future__ import annotations

import copy

import pytest
import timm
import torch
import torchvision
from torch import nn

from xai_compare.models import InputSpec, Model


class Twice(nn.Module):
    """A convolution whose output goes into a batch norm and around it: folding would change it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv, self.norm = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4)
        self.head = nn.Linear(4, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.conv(x)
        return self.head((self.norm(x) + x).mean((2, 3)))


class Shared(nn.Module):
    """One batch norm behind two convolutions."""

    def __init__(self) -> None:
        super().__init__()
        self.a, self.b, self.norm, self.head = (
            nn.Conv2d(3, 4, 3),
            nn.Conv2d(4, 4, 3),
            nn.BatchNorm2d(4),
            nn.Linear(4, 2),
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.norm(self.b(self.norm(self.a(x)))).mean((2, 3)))


def model_of(module: nn.Module, side: int = 64) -> Model:
    """Wrapped, with batch norms that do something."""
    generator = torch.Generator().manual_seed(0)
    for one in module.modules():
        if isinstance(one, nn.BatchNorm2d):
            for tensor in (one.running_mean, one.bias.data):
                tensor.copy_(torch.randn(tensor.shape, generator=generator) * 0.2)
            for tensor in (one.running_var, one.weight.data):
                tensor.copy_(torch.rand(tensor.shape, generator=generator) + 0.5)
    return Model("m", ("anger", "happiness"), module, InputSpec((side, side)))


NETWORKS = {
    "resnet18": lambda: torchvision.models.resnet18(num_classes=2),
    "mobilenet_v3_small": lambda: torchvision.models.mobilenet_v3_small(num_classes=2),
    "vgg11_bn": lambda: torchvision.models.vgg11_bn(num_classes=2, init_weights=False),
    "efficientnet": lambda: timm.create_model("tf_efficientnet_lite0", num_classes=2),
    "convnext": lambda: timm.create_model("convnext_atto", num_classes=2),
    "twice": Twice,
    "shared": Shared,
}
KEPT = {"twice": 1, "shared": 1}


@pytest.mark.parametrize("name", NETWORKS)
def test_a_folded_copy_is_the_same_network(name):
    torch.manual_seed(0)
    model = model_of(NETWORKS[name]())
    before = copy.deepcopy(model.module.state_dict())
    batch = torch.rand(3, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        told, found = model.module(batch), model.engine.network(batch)
    assert (told - found).abs().max() <= 1e-4 * told.abs().max()
    norms = sum(isinstance(m, nn.BatchNorm2d) for m in model.engine.network.modules())
    assert norms == KEPT.get(name, 0)
    assert model.engine.network is not model.module
    assert model.engine.network is model.engine.network
    assert all(torch.equal(before[key], value) for key, value in model.module.state_dict().items())


def test_a_copy_is_made_again_when_weights_or_hooks_change():
    model = model_of(NETWORKS["resnet18"]())
    batch = torch.rand(2, 3, 64, 64)
    first = model.engine.network
    with torch.no_grad():
        model.module.fc.weight.mul_(2)
        assert model.engine.network is not first
        torch.testing.assert_close(model.engine.network(batch), model.module(batch), rtol=1e-3, atol=1e-3)
        handle = model.module.fc.register_forward_hook(lambda m, args, out: out + 100)
        torch.testing.assert_close(model.engine.network(batch), model.module(batch), rtol=1e-3, atol=1e-3)
        handle.remove()
        torch.testing.assert_close(model.engine.network(batch), model.module(batch), rtol=1e-3, atol=1e-3)


def test_a_copy_has_gradients_of_its_input():
    model = model_of(NETWORKS["resnet18"]())
    batch = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    told, found = (
        torch.autograd.grad(net(x).sum(), x)[0]
        for net in (model.module, model.engine.network)
        for x in [batch.clone().requires_grad_()]
    )
    torch.testing.assert_close(told, found, rtol=1e-3, atol=1e-4 * float(told.abs().max()))


def test_what_cannot_be_copied_is_used_as_it_is():
    class Stubborn(Twice):
        def __deepcopy__(self, memo: object) -> None:
            raise TypeError("not to be copied")

    model = model_of(Stubborn())
    assert model.engine.network is model.module
