"""Architectures of torchvision, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xai_compare.errors import InputError
from xai_compare.models.sources import SOURCES

if TYPE_CHECKING:
    from torch import nn

    from xai_compare.models.model import Model
    from xai_compare.models.request import Request

_AUXILIARY = {"googlenet": ("aux1.", "aux2."), "inception_v3": ("AuxLogits.",)}


@SOURCES.register("torchvision")
class Torchvision:
    """``torchvision: NAME`` with ``weights``; the input is known only of pretrained weights, and must else be given.

    GoogLeNet and Inception are built without their auxiliary classifiers, which only training uses; such weights in
    a file are left out, and the provenance says so.
    """

    KEYS = ("weights", "seed")
    PATHS = ("weights",)

    @staticmethod
    def build(request: Request) -> Model:
        """The network, see above."""
        from torchvision import models as zoo_of_torchvision

        from xai_compare.models.model import Model
        from xai_compare.models.sources import _weights

        name = request.text(zoo_of_torchvision.list_models(module=zoo_of_torchvision), "torchvision architecture")
        pretrained = _weights.wants_pretrained(request)
        weights = zoo_of_torchvision.get_model_weights(name)["DEFAULT"] if pretrained else None
        spec = request.input(_known(weights) if pretrained else {"channels": "rgb"})
        if pretrained and spec.channels == "grey":
            raise InputError(
                "torchvision's pretrained networks see colours",
                where=request.where,
                hint="say `channels: rgb`, or use timm",
            )
        classes = request.classes
        auxiliary = _AUXILIARY.get(name, ())

        def make() -> nn.Module:
            options: dict[str, Any] = {"aux_logits": False, "init_weights": True} if auxiliary else {}
            module = zoo_of_torchvision.get_model(name, weights=None, num_classes=len(classes), **options)
            if spec.channels == "grey":
                _grey_stem(module)
            if weights is not None:
                _load_pretrained(module, weights, auxiliary)
            return module

        module, source = _weights.with_weights(request, make, ignore=auxiliary)
        if auxiliary:
            source["without"] = "auxiliary classifiers"
        return Model(request.name, classes, module, spec, source=source)


def _known(weights: Any) -> dict[str, Any]:
    transform = weights.transforms()
    return {
        "size": transform.crop_size[0],
        "channels": "rgb",
        "range": (0.0, 1.0),
        "mean": tuple(transform.mean),
        "std": tuple(transform.std),
    }


def _grey_stem(module: nn.Module) -> None:
    """Give the first convolution one input channel."""
    from torch import nn

    name, old = next((n, m) for n, m in module.named_modules() if isinstance(m, nn.Conv2d))
    options: dict[str, Any] = {key: getattr(old, key) for key in ("kernel_size", "stride", "padding", "dilation")}
    new = nn.Conv2d(1, old.out_channels, bias=old.bias is not None, **options)
    parent, _, child = name.rpartition(".")
    setattr(module.get_submodule(parent), child, new)


def _load_pretrained(module: nn.Module, weights: Any, auxiliary: tuple[str, ...]) -> None:
    """Lay in everything but the 1000-class layer, whose shape is the only one that may differ."""
    state = weights.get_state_dict(progress=False, check_hash=True)
    wanted = module.state_dict()
    state = {name: value for name, value in state.items() if not name.startswith(auxiliary or "\0")}
    if apart := [n for n in wanted.keys() ^ state.keys() if not n.endswith("num_batches_tracked")]:
        raise InputError(f"torchvision's pretrained weights do not fit its network ({min(apart)})")
    module.load_state_dict({n: v for n, v in state.items() if v.shape == wanted[n].shape}, strict=False)
    if hasattr(module, "transform_input"):
        # Google's weights expect pictures in -1..1; torchvision converts ImageNet's standardization inside.
        setattr(module, "transform_input", True)  # noqa: B010
