"""Architectures of timm, by name."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xai_compare.models.sources import SOURCES

if TYPE_CHECKING:
    from torch import nn

    from xai_compare.models.model import Model
    from xai_compare.models.request import Request


@SOURCES.register("timm")
class Timm:
    """``timm: NAME`` with ``weights``; size, range, mean and std default to timm's own of that architecture."""

    KEYS = ("weights", "seed")
    PATHS = ("weights",)

    @staticmethod
    def build(request: Request) -> Model:
        """The network, see above."""
        import timm

        from xai_compare.models.model import Model
        from xai_compare.models.sources import _weights

        # Only registered names: timm would otherwise look for "hf-hub:" names on the network.
        name = request.text(timm.list_models(), "timm architecture")
        pretrained = _weights.wants_pretrained(request)
        cfg = timm.get_pretrained_cfg(name)
        known = {"channels": "rgb", "range": (0.0, 1.0)}
        if cfg is not None:
            known |= {"size": tuple(cfg.input_size[1:]), "mean": tuple(cfg.mean), "std": tuple(cfg.std)}
        spec = request.input(known)
        classes = request.classes

        def make() -> nn.Module:
            return timm.create_model(name, pretrained=pretrained, num_classes=len(classes), in_chans=spec.depth)

        module, source = _weights.with_weights(request, make)
        last = getattr(module, "output_fmt", "NCHW") == "NHWC"
        return Model(
            request.name,
            classes,
            module,
            spec,
            activations="channels_last" if last else "channels_first",
            source=source,
        )
