"""CAM, Grad-CAM and attention rollout on every family of networks: the layer, the maps, batches, and clear refusals."""

from __future__ import annotations

import numpy as np
import pytest
import timm
import torch
import torchvision
from torch import nn

from xai_compare import explainers
from xai_compare.explainers.feature_maps import channels_first, last_layer
from xai_compare.explainers.tokens import summary_tokens
from xai_compare.models import InputSpec, Model, cam_head, load
from xai_compare.models.layers import random_batch

CLASSES = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
SLOW = pytest.mark.slow

# source, architecture, picture's (height, width), the layer, whether CAM applies
NETWORKS = [
    ("torchvision", "resnet18", (96, 64), "layer4", True),
    ("torchvision", "inception_v3", (128, 128), "Mixed_7c", True),
    ("torchvision", "mobilenet_v3_small", (96, 64), "features", False),
    ("torchvision", "efficientnet_b0", (96, 64), "features", True),
    ("torchvision", "convnext_tiny", (96, 64), "features", False),
    ("torchvision", "densenet121", (96, 64), "features", True),
    ("torchvision", "vit_b_16", (64, 64), "encoder.layers.encoder_layer_11.ln_1", False),
    ("torchvision", "swin_t", (96, 64), "permute", True),
    pytest.param("torchvision", "vgg11", (96, 64), "features.19", False, marks=SLOW),
    ("timm", "resnet18", (96, 64), "layer4", True),
    ("timm", "legacy_xception", (96, 64), "act4", True),
    ("timm", "tf_efficientnet_lite0", (96, 64), "bn2", True),
    ("timm", "convnext_atto", (96, 64), "stages", False),
    ("timm", "vit_tiny_patch16_224", (96, 64), "blocks.11.norm1", False),
    ("timm", "deit_tiny_patch16_224", (96, 64), "blocks.11.norm1", False),
    ("timm", "deit_tiny_distilled_patch16_224", (96, 64), "blocks.11.norm1", False),
    pytest.param("timm", "swin_tiny_patch4_window7_224", (224, 224), "norm", True, marks=SLOW),
]
TRANSFORMERS = ("vit", "deit")
# Convolutions are added up in another order for one picture than for three, and in which one depends on the processor.
# A sum of K float32 products then differs by about sqrt(K) * 2^-24 of its size (Higham & Mary 2019), and layers that
# follow one another without a shortcut add their differences up: 48 layers of at most 448 * 3 * 3 products. The other
# networks are half as deep or have shortcuts, and stay below a tenth of this.
INCEPTION_ROUNDING = 48 * (448 * 9) ** 0.5 * 2**-24  # 1.8e-4


def lively(module: nn.Module, size: tuple[int, int]) -> Model:
    """The network with batch norms that know its input, and outputs that spread by 1."""
    model = Model("net", CLASSES, module, InputSpec(size))
    norms = [m for m in module.modules() if isinstance(m, nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum, norm.training = None, True
    batch = random_batch(model, 4)
    last = [m for m in module.modules() if isinstance(m, nn.Linear)][-1]
    if not last.weight.any():
        nn.init.normal_(last.weight)
    with torch.no_grad():
        module(batch)
        for norm in norms:
            norm.training = False
        last.weight.div_(module(batch).std())
    return model


def network(source: str, name: str, size: tuple[int, int]) -> Model:
    torch.manual_seed(0)
    if source == "torchvision":
        options = {"inception_v3": {"init_weights": False}, "vit_b_16": {"image_size": size[0]}}.get(name, {})
        return lively(torchvision.models.get_model(name, weights=None, num_classes=7, **options), size)
    return lively(
        timm.create_model(name, num_classes=7, **({"img_size": size} if name[:3] in ("vit", "dei") else {})), size
    )


def noise(model: Model, n: int = 3) -> np.ndarray:
    return np.random.default_rng(5).integers(0, 256, (n, *model.input.size, 3), dtype=np.uint8)


def check_grad_cam(model: Model, layer: str, rounding: float = 1e-5) -> None:
    assert last_layer(model, None) == layer
    explainer, images = explainers.create("grad_cam", relu=False), noise(model)
    targets = [0, 3, (1, 2)]
    before = {k: v.clone() for k, v in model.module.state_dict().items()}
    found = explainer.explain(model, images, targets)
    assert found.reasons == [""] * 3
    assert np.isfinite(found.maps).all()
    assert (np.ptp(found.maps, axis=(1, 2)) > 0).all()
    for one, image, target in zip(found.maps, images, targets, strict=True):
        alone = explainer(model, image[None], [target])[0]
        np.testing.assert_allclose(alone, one, rtol=0, atol=rounding * np.abs(one).max())
    np.testing.assert_array_equal(
        explainers.create("grad_cam", relu=False, layer=layer)(model, images, targets), found.maps
    )
    assert not any(m._forward_hooks or m._forward_pre_hooks or m._backward_hooks for m in model.module.modules())
    assert all(torch.equal(before[k], v) for k, v in model.module.state_dict().items())


def check_cam(model: Model, rounding: float = 5e-5) -> None:
    """The coarse map's mean is the logit less the bias; the explainer's map is that map, upsampled."""
    head, images = cam_head(model), noise(model)
    kept: list[torch.Tensor] = []
    hook = model.module.get_submodule(head.layer).register_forward_hook(lambda m, a, out: kept.append(out.clone()))
    with torch.no_grad():
        logits = model.module(model.prepare(images))
    hook.remove()
    maps = head.maps(kept[0])
    torch.testing.assert_close(maps.mean((2, 3)) + head.bias, logits, rtol=0, atol=1e-4 * float(logits.abs().max()))
    fine = nn.functional.interpolate(maps, model.input.size, mode="bilinear")[:, 3].numpy()
    found = explainers.create("cam")(model, images, 3)
    # Folding batch norms rounds otherwise.
    np.testing.assert_allclose(found, fine, rtol=0, atol=5e-4 * np.abs(fine).max())
    alone = explainers.create("cam")(model, images[1:2], 3)[0]
    np.testing.assert_allclose(alone, found[1], rtol=0, atol=rounding * np.abs(alone).max())


def check_refused(explainer: str, model: Model, hint: str) -> None:
    why = explainers.create(explainer).refusal(model)
    assert why is not None
    assert hint in why
    assert "\n" not in why


@pytest.mark.parametrize(("source", "name", "size", "layer", "cam"), NETWORKS)
def test_families(source, name, size, layer, cam):
    model = network(source, name, size)
    rounding = INCEPTION_ROUNDING if name == "inception_v3" else 1e-5
    check_grad_cam(model, layer, rounding)
    if cam:
        check_cam(model, max(rounding, 5e-5))
    else:
        check_refused("cam", model, "use grad_cam")
    if not name.startswith(TRANSFORMERS):
        check_refused("attention_rollout", model, "use grad_cam")


@pytest.mark.parametrize("engine", ["auto", "keras"])
def test_a_keras_file(engine, shared):
    model = load(
        {
            "keras": "models/fer2013_mini_XCEPTION.102-0.66.hdf5",
            "engine": engine,
            "classes": CLASSES,
            "input": {"range": [-1, 1]},
        },
        base=shared,
    )
    check_grad_cam(model, "conv2d_7")
    check_cam(model)
    check_refused("attention_rollout", model, "use grad_cam")


def test_swin_maps_have_the_picture_s_rows_and_columns():
    model = network("torchvision", "swin_t", (96, 64))
    kept = []
    with torch.no_grad():
        hook = model.module.norm.register_forward_hook(lambda m, a, out: kept.append(out))
        model.module(model.prepare(noise(model)))
        hook.remove()
    assert kept[0].shape == (3, 3, 2, 768)
    assert channels_first(model, kept[0]).shape == (3, 768, 3, 2)
    by_name = explainers.create("grad_cam", relu=False, layer="norm")(model, noise(model), 2)
    np.testing.assert_allclose(by_name, explainers.create("grad_cam", relu=False)(model, noise(model), 2), rtol=1e-4)


@pytest.mark.parametrize(
    ("name", "options", "read"),
    [
        pytest.param("vit_tiny_patch16_224", {}, [0], id="class-token"),
        pytest.param("vit_tiny_patch16_224", {"global_pool": "avg"}, list(range(1, 17)), id="patches-averaged"),
        pytest.param("deit_tiny_distilled_patch16_224", {}, [0, 1], id="distilled"),
        pytest.param("vit_little_patch16_reg4_gap_256", {}, list(range(4, 20)), id="registers"),
    ],
)
def test_the_tokens_that_the_head_reads(name, options, read):
    torch.manual_seed(0)
    model = Model("net", CLASSES, timm.create_model(name, num_classes=7, img_size=64, **options), InputSpec((64, 64)))
    tokens = 16 + model.module.num_prefix_tokens
    weights = summary_tokens(model, tokens)
    assert weights.nonzero().flatten().tolist() == read
    assert float(weights.sum()) == pytest.approx(1)


@pytest.mark.parametrize("source", ["torchvision", "timm"])
def test_rollout_against_attention_computed_by_hand(source):
    model = network(source, "vit_b_16" if source == "torchvision" else "vit_tiny_patch16_224", (64, 64))
    images = noise(model, 2)
    inputs: list[torch.Tensor] = []
    blocks = [m for n, m in model.module.named_modules() if n.rpartition(".")[2] in ("norm1", "ln_1")]
    hooks = [m.register_forward_hook(lambda m, a, out: inputs.append(out.double())) for m in blocks]
    with torch.no_grad():
        model.module(model.prepare(images))
    for hook in hooks:
        hook.remove()
    flow = torch.eye(17, dtype=torch.float64)
    for x, (weight, bias, heads) in zip(inputs, projections(model.module), strict=True):
        q, k, _ = (x @ weight.double().T + bias.double()).unflatten(2, (3, heads, -1)).permute(2, 0, 3, 1, 4)
        attention = (q @ k.transpose(2, 3) / q.shape[-1] ** 0.5).softmax(-1).mean(1)
        flow = (attention + torch.eye(17)) / 2 @ flow
    told = nn.functional.interpolate(flow[:, 0, 1:].reshape(2, 1, 4, 4), (64, 64), mode="bilinear")[:, 0]
    found = explainers.create("attention_rollout")(model, images)
    np.testing.assert_allclose(found, told.detach().numpy(), rtol=1e-4)


def projections(module: nn.Module) -> list[tuple[torch.Tensor, torch.Tensor, int]]:
    """Weights, biases and number of heads of queries, keys and values in each block."""
    own = [m for m in module.modules() if isinstance(m, nn.MultiheadAttention)]
    if own:
        return [(m.in_proj_weight, m.in_proj_bias, m.num_heads) for m in own]
    return [(b.attn.qkv.weight, b.attn.qkv.bias, b.attn.num_heads) for b in module.blocks]
