"""Many forward passes as the explained quantity, and threads beside them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from threadpoolctl import threadpool_info

from xai_compare import explainers
from xai_compare.errors import InputError
from xai_compare.explainers import batched_forward
from xai_compare.explainers.batched_forward import BatchedForward
from xai_compare.explainers.methods import lime
from xai_compare.models import engine


@pytest.mark.parametrize("n", [1, 7, 8, 9, 30])
@pytest.mark.parametrize("quantity", ["logits", "probabilities", "log_probabilities"])
def test_outputs_do_not_depend_on_batches(n, quantity, make_model):
    model = make_model()
    model.batch_size = 8
    pictures = torch.rand(n, 3, 32, 28, generator=torch.Generator().manual_seed(0))
    told = model.module(pictures)
    told = {"logits": told, "probabilities": told.softmax(1), "log_probabilities": told.log_softmax(1)}[quantity]
    torch.testing.assert_close(BatchedForward(model, quantity).of(pictures), told.detach(), rtol=1e-4, atol=1e-5)


def test_masked_pictures_are_black_where_switched_off():
    index = torch.arange(32 * 28).reshape(32, 28) % 5
    switches = torch.tensor([[1, 0, 1, 0, 1], [1, 1, 1, 1, 1]], dtype=torch.bool)
    picture, black = torch.rand(3, 32, 28), torch.full((3, 32, 28), -1.0)
    found = lime.masked(picture, black, index)(switches)
    torch.testing.assert_close(found[0], torch.where(index % 2 == 0, picture, black))
    torch.testing.assert_close(found[1], picture)


def test_auto_takes_bfloat16_only_where_it_is_fast_and_hardly_matters(make_model, monkeypatch):
    model, pictures = make_model(), torch.rand(9, 3, 32, 28)
    monkeypatch.setattr(engine, "computes_bf16", lambda device: True)
    assert BatchedForward(model, "logits", "auto").precision == "fp32", "a small network gains nothing"
    monkeypatch.setattr(batched_forward, "LARGE", 0)
    for rough, precision in ((1.0, "bf16"), (0.0, "fp32")):
        monkeypatch.setattr(batched_forward, "ROUGH", rough)
        run = BatchedForward(model, "logits", "auto")
        run.of(pictures)
        assert run.precision == precision
    monkeypatch.setattr(engine, "computes_bf16", lambda device: False)
    assert BatchedForward(model, "logits", "auto").precision == "fp32"


def blas() -> set[int]:
    return {one["num_threads"] for one in threadpool_info() if one["user_api"] == "blas"}


def test_lime_keeps_linear_algebra_to_one_thread_and_gives_the_others_back(make_model, blobs, monkeypatch):
    seen, before, torchs = [], blas(), torch.get_num_threads()
    asked = lime.estimate
    monkeypatch.setattr(lime, "estimate", lambda *a: seen.append((blas(), torch.get_num_threads())) or asked(*a))
    explainers.create("lime", n_segments=9, n_samples=60)(make_model(), blobs(2), 1)
    assert seen == [({1}, torchs)] * 2
    assert blas() == before

    def fail(*args):
        raise RuntimeError("broken")

    monkeypatch.setattr(lime, "estimate", fail)
    with pytest.raises(RuntimeError, match="broken"):
        explainers.create("lime", n_segments=9, n_samples=60)(make_model(), blobs(2), 1)
    assert blas() == before


@pytest.mark.parametrize("name", ["cam", "lime", "extremal_perturbation", "random", "captum:Saliency"])
def test_performance_settings_are_not_options(name):
    with pytest.raises(InputError, match=r"batch_size is not an option of an explainer; .*models\.load\(\.\.\., batch"):
        explainers.create(name, batch_size=8)
    with pytest.raises(InputError, match=r"compile is not an option of an explainer; .*leave it out"):
        explainers.create(name, compile="never")
    assert "batch_size" not in explainers.create(name).options.model_dump()


def test_too_little_memory_for_an_explainers_pictures_halves_the_batch(make_model, blobs):
    model = make_model()
    explainer = explainers.create("cam")
    told, asked = explainer(model, blobs(6), 1), type(explainer).explain_batch

    class Tight(type(explainer)):
        def explain_batch(self, model, pictures):
            if len(pictures) > 2:
                raise torch.OutOfMemoryError("too large")
            return asked(self, model, pictures)

    np.testing.assert_allclose(Tight()(model, blobs(6), 1), told, rtol=1e-5, atol=1e-6)
    assert model.batch_size == 2
