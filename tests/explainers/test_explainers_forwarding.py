"""The shared forward engine: padding, layouts, memory, precision."""

from __future__ import annotations

import pytest
import torch
from torch import nn

from xai_compare.explainers import compiling, forwarding
from xai_compare.explainers.forwarding import Forward


@pytest.mark.parametrize("n", [1, 7, 8, 9, 30])
@pytest.mark.parametrize("quantity", ["logits", "probabilities", "log_probabilities"])
def test_outputs_do_not_depend_on_batches(n, quantity, make_model):
    model = make_model()
    pictures = torch.rand(n, 3, 32, 28, generator=torch.Generator().manual_seed(0))
    told = model.module(pictures)
    told = {"logits": told, "probabilities": told.softmax(1), "log_probabilities": told.log_softmax(1)}[quantity]
    found = Forward(model, quantity, 8).made(lambda some: some, pictures)
    torch.testing.assert_close(found, told.detach(), rtol=1e-4, atol=1e-5)


def test_every_batch_but_a_lone_one_has_the_same_shape(make_model):
    model, shapes = make_model(), []
    handle = model.module.conv.register_forward_pre_hook(lambda m, x: shapes.append(len(x[0])))
    run = Forward(model, "logits", 4)
    shapes.clear()
    run.made(lambda some: some, torch.rand(10, 3, 32, 28))
    handle.remove()
    assert set(shapes) == {4}


def test_masked_pictures_are_black_where_switched_off(make_model):
    model, kept = make_model(), []
    handle = model.module.conv.register_forward_pre_hook(lambda m, x: kept.append(x[0].clone()))
    index = torch.arange(32 * 28).reshape(32, 28) % 5
    switches = torch.tensor([[1, 0, 1, 0, 1]], dtype=torch.bool)
    picture, black = torch.rand(3, 32, 28), torch.full((3, 32, 28), -1.0)
    Forward(model, "logits", 4).masked(picture, black, switches, index)
    handle.remove()
    torch.testing.assert_close(kept[-1][0], torch.where(index % 2 == 0, picture, black))


def test_out_of_memory_halves_the_batch(make_model):
    class Small(nn.Module):
        def forward(self, x):
            if len(x) > 3:
                raise torch.OutOfMemoryError("too large")
            return x.mean((2, 3))

    model = make_model()
    model.module = Small()
    pictures = torch.rand(10, 3, 32, 28)
    run = Forward(model, "logits", 8)
    torch.testing.assert_close(run.made(lambda some: some, pictures), pictures.mean((2, 3)))
    assert run.batch_size == 2


def test_bfloat16_is_near(make_model):
    model, pictures = make_model(), torch.rand(9, 3, 32, 28)
    exact, rough = (Forward(model, "probabilities", 8, p).made(lambda s: s, pictures) for p in ("fp32", "bf16"))
    assert rough.dtype == torch.float32
    assert 0 < (exact - rough).abs().max() < 0.05


def test_auto_takes_bfloat16_only_where_it_is_fast_and_hardly_matters(make_model, monkeypatch):
    model, pictures = make_model(), torch.rand(9, 3, 32, 28)
    monkeypatch.setattr(forwarding, "computes_bf16", lambda device: True)
    assert Forward(model, "logits", 8, "auto").precision == "fp32", "a small network gains nothing"
    monkeypatch.setattr(forwarding, "LARGE", 0)
    for rough, precision in ((1.0, "bf16"), (0.0, "fp32")):
        monkeypatch.setattr(forwarding, "ROUGH", rough)
        run = Forward(model, "logits", 8, "auto")
        run.made(lambda some: some, pictures)
        assert run.precision == precision
    monkeypatch.setattr(forwarding, "computes_bf16", lambda device: False)
    assert Forward(model, "logits", 8, "auto").precision == "fp32"


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["fp32", "bf16"])
def test_a_compiled_copy_gives_the_same_and_notices_new_weights(precision, make_model, monkeypatch):
    # A toy is not always faster when compiled; here it must be used all the same.
    monkeypatch.setattr(compiling, "_seconds", lambda run, arguments: 1.0 if isinstance(run, nn.Module) else 0.5)
    made = []
    monkeypatch.setattr(torch, "compile", lambda *a, _compile=torch.compile, **k: made.append(1) or _compile(*a, **k))
    model, pictures = make_model(seed=9), torch.rand(16, 3, 32, 28)
    near = {"rtol": 1e-4, "atol": 1e-4} if precision == "fp32" else {"rtol": 0.03, "atol": 0.03}
    for scale in (1, 3):
        with torch.no_grad():
            model.module.head.weight.mul_(scale)
        plain, fast = (Forward(model, "logits", 8, precision, how) for how in ("never", "always"))
        torch.testing.assert_close(plain.made(lambda s: s, pictures), fast.made(lambda s: s, pictures), **near)
        assert len(made) == {1: 1, 3: 2}[scale]
        assert fast.made(lambda s: s, pictures).shape == (16, len(model.classes))
        assert len(made) == {1: 1, 3: 2}[scale], "a second pass uses the copy of the first"


def test_networks_are_compiled_only_for_work_that_repays_it(make_model, monkeypatch):
    asked = []
    monkeypatch.setattr(compiling, "_made", lambda program, arguments: asked.append(len(arguments[0])))
    model, pictures = make_model(seed=10), torch.rand(16, 3, 32, 28)
    each = compiling.operations(forwarding.folded(model), (3, 32, 28))
    assert each > 0
    for forwards, expected in ((compiling.WORTH / each * 0.9, 0), (compiling.WORTH / each * 1.1, 1)):
        with compiling.expecting(int(forwards)), compiling.expecting(1):
            run = Forward(model, "logits", 8, compile="auto")
            run.made(lambda s: s, pictures)
            run.made(lambda s: s, pictures)
        assert len(asked) == expected
