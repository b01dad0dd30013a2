"""RISE, Score-CAM, attention rollout, vision transformers and captum's methods."""

from __future__ import annotations

import numpy as np
import pytest
import timm
import torch
import torchvision

from xai_compare import explainers
from xai_compare.errors import InputError
from xai_compare.explainers.families import METHODS
from xai_compare.explainers.methods.rise import smooth
from xai_compare.explainers.tokens import token_grid
from xai_compare.models import InputSpec, Model

CLASSES = ("anger", "fear", "happiness")


def transformer(kind: str) -> Model:
    torch.manual_seed(0)
    if kind == "timm":
        module = timm.create_model("vit_tiny_patch16_224", img_size=(48, 32), patch_size=8, num_classes=3, depth=3)
        torch.nn.init.normal_(module.head.weight)
        size = (48, 32)
    else:
        module = torchvision.models.VisionTransformer(48, 8, 2, 2, 32, 64, num_classes=3)
        torch.nn.init.normal_(module.heads.head.weight)
        size = (48, 48)
    return Model(kind, CLASSES, module, InputSpec(size))


def test_rise_masks_are_smooth_and_shifted():
    cells = torch.zeros(2, 1, 4, 4)
    cells[:, 0, 1, 1] = 1
    masks = smooth(cells, torch.tensor([[0.0, 0.0], [0.5, 0.0]]), (30, 24))
    assert masks.shape == (2, 1, 30, 24)
    assert masks[0, 0, 10, 8] == pytest.approx(1)
    assert masks[1, 0, 5, 8] == pytest.approx(1)
    assert masks[0, 0, 0, 8] == pytest.approx(0)
    assert masks[0, 0, 5, 8] == pytest.approx(0.5)


@pytest.mark.parametrize("name", ["rise", "captum:Occlusion", "captum:FeatureAblation", "captum:IntegratedGradients"])
def test_the_known_patch_is_found(name, make_model):
    image = np.full((1, 32, 28, 3), 255, np.uint8)
    seen = explainers.create(name, **({"n_samples": 2000} if name == "rise" else {}))(make_model("patch"), image, 1)[0]
    assert seen[5:11, 15:21].mean() > 3 * np.abs(np.concatenate([seen[18:].ravel(), seen[:, :6].ravel()])).mean()


def test_rise_tells_its_error(make_model, blobs):
    model, image = make_model("patch"), blobs(1)
    runs = [explainers.create("rise", n_samples=300, seed=s).explain(model, image, 1) for s in range(20)]
    spread = np.stack([r.maps for r in runs]).std(0, ddof=1).mean()
    told = np.mean([r.extras["standard_error"] for r in runs])
    assert 0.7 < told / spread < 1.4


def test_score_cam_by_hand(make_model, blobs):
    model, image = make_model(), blobs(1)
    batch = model.prepare(image)
    features = model.module.act(model.module.norm(model.module.conv(batch))).detach()[0]
    scores, kept = [], []
    for channel in features:
        if channel.max() > channel.min():
            mask = torch.nn.functional.interpolate(channel[None, None], (32, 28), mode="bilinear")
            mask = (mask - mask.min()) / (mask.max() - mask.min())
            scores.append(model.probabilities(-1 + mask * (batch + 1))[0, 1])
            kept.append(channel)
    coarse = (torch.stack(scores).softmax(0)[:, None, None] * torch.stack(kept)).sum(0).clamp(min=0)
    told = torch.nn.functional.interpolate(coarse[None, None], (32, 28), mode="bilinear")[0, 0].detach().numpy()
    np.testing.assert_allclose(explainers.create("score_cam", layer="act")(model, image, 1)[0], told, atol=1e-5)


@pytest.mark.parametrize(
    ("tokens", "size", "grid"),
    [
        (197, (224, 224), (1, 14, 14)),
        (196, (224, 224), (0, 14, 14)),
        (25, (48, 32), (1, 6, 4)),
        (18, (64, 64), (2, 4, 4)),
        (8, (224, 224), None),
    ],
)
def test_tokens_fit_a_grid(tokens, size, grid):
    assert token_grid(tokens, size) == grid


@pytest.mark.parametrize("kind", ["timm", "torchvision"])
def test_rollout_by_hand(kind):
    model = transformer(kind)
    images = np.random.default_rng(0).integers(0, 256, (2, *model.input.size, 3), dtype=np.uint8)
    found = explainers.create("attention_rollout")(model, images)
    assert found.shape == (2, *model.input.size)
    assert np.isfinite(found).all()
    assert (found >= 0).all()
    # Each row of the rollout sums to one, and the class token keeps at least half of itself in each block.
    patches = (found.shape[1] // 8) * (found.shape[2] // 8)
    depth = 3 if kind == "timm" else 2
    assert found.mean((1, 2)) * patches == pytest.approx(1 - 0.5**depth, rel=0.1)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in model.module.modules())


def test_rollout_refuses_networks_without_attention(make_model):
    assert "grad_cam" in explainers.create("attention_rollout").refusal(make_model())


@pytest.mark.parametrize("kind", ["timm", "torchvision"])
def test_grad_cam_of_a_vision_transformer(kind):
    model = transformer(kind)
    images = np.random.default_rng(0).integers(0, 256, (2, *model.input.size, 3), dtype=np.uint8)
    found = explainers.create("grad_cam", relu=False).explain(model, images, 0)
    assert found.reasons == ["", ""]
    assert np.ptp(found.maps[0]) > 0


@pytest.mark.parametrize("method", METHODS["captum"])
def test_every_captum_method_runs_and_leaves_no_trace(method, make_model, blobs):
    model = make_model("conv", seed=8)
    before = {k: v.clone() for k, v in model.module.state_dict().items()}
    explainer = explainers.create(f"captum:{method}")
    found = explainer.explain(model, blobs(2), ["happiness", ("happiness", "anger")])
    assert found.maps.shape == (2, 32, 28)
    assert found.reasons == ["", ""]
    np.testing.assert_allclose(found.maps[1], explainer(model, blobs(2)[1:], ("happiness", "anger"))[0], atol=1e-5)
    assert all(torch.equal(before[k], v) for k, v in model.module.state_dict().items())
    assert not any(m._forward_hooks or m._forward_pre_hooks or m._backward_hooks for m in model.module.modules())
    assert model.module.act.inplace


class Rectified(torch.nn.Module):
    """One ReLU used twice, or modules, or functions, or tensors' methods: the same network."""

    def __init__(self, how: str) -> None:
        super().__init__()
        self.how, self.acts = how, torch.nn.ModuleList([torch.nn.ReLU(inplace=True) for _ in range(2)])
        sizes = [(3, 4), (4, 4)]
        self.convs = torch.nn.ModuleList([torch.nn.Conv2d(a, b, 3, padding=1) for a, b in sizes])
        self.rest, self.head = torch.nn.Identity(), torch.nn.Linear(4, 3)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        for i, conv in enumerate(self.convs):
            x = self.rest(conv(x))
            x = {
                "modules": self.acts[i],
                "one module": self.acts[0],
                "functions": torch.nn.functional.relu,
                "in place": torch.Tensor.relu_,
            }[self.how](x)
        return self.head(x.mean((2, 3)))


@pytest.mark.parametrize("method", ["DeepLift", "GuidedBackprop", "Deconvolution", "GuidedGradCam", "LRP"])
@pytest.mark.parametrize("how", ["one module", "functions", "in place"])
def test_rectifiers_count_however_they_are_written(how, method, blobs):
    torch.manual_seed(1)
    plain = Rectified("modules")
    other = Rectified(how)
    other.load_state_dict(plain.state_dict())
    told, found = (
        explainers.create(f"captum:{method}").explain(Model("net", CLASSES, m, InputSpec((32, 28))), blobs(2), 1)
        for m in (plain, other)
    )
    assert told.reasons == found.reasons == ["", ""]
    np.testing.assert_allclose(found.maps, told.maps, rtol=1e-4, atol=1e-7)
    if method in ("DeepLift", "LRP"):
        np.testing.assert_allclose(found.extras["completeness"], told.extras["completeness"], rtol=1e-4)
    if method == "DeepLift":
        np.testing.assert_allclose(found.extras["completeness"], 1, rtol=1e-4)
    assert not any(m._forward_hooks or m._forward_pre_hooks for m in other.modules())


@pytest.mark.parametrize(
    ("method", "layer", "message"),
    [
        ("GuidedBackprop", torch.nn.GELU(), "works on ReLUs, and this network has none"),
        ("LRP", torch.nn.GELU(), "no rule for layers of the kind GELU"),
    ],
)
def test_captum_methods_that_need_other_layers_refuse(method, layer, message, blobs):
    parts = [torch.nn.Conv2d(3, 4, 3), layer, torch.nn.AdaptiveAvgPool2d(1), torch.nn.Flatten(), torch.nn.Linear(4, 3)]
    model = Model("net", CLASSES, torch.nn.Sequential(*parts), InputSpec((32, 28)))
    with pytest.raises(InputError, match=message):
        explainers.create(f"captum:{method}")(model, blobs(1), 0)


def test_captum_gives_what_captum_gives(make_model, blobs):
    from captum.attr import IntegratedGradients

    model, images = make_model(), blobs(2)
    black = torch.full((1, 3, 32, 28), -1.0)
    told = IntegratedGradients(model.module).attribute(model.prepare(images), black, target=1, n_steps=20).sum(1)
    found = explainers.create("captum:IntegratedGradients", n_steps=20)(model, images, 1)
    np.testing.assert_allclose(found, told.detach().numpy(), atol=1e-5)


@pytest.mark.parametrize(
    ("name", "options", "message"),
    [
        ("captum:Saliancy", {}, "did you mean 'captum:Saliency'"),
        ("captum:Occlusion", {"stride": 2}, "did you mean 'strides'"),
        ("captum:Occlusion", {"strides": "x"}, "cannot explain this network"),
    ],
)
def test_bad_captum_requests(name, options, message, make_model, blobs):
    with pytest.raises(InputError, match=message):
        explainers.create(name, **options)(make_model(), blobs(1), 0)
