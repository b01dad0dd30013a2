"""The twelve networks of the paper."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xai_compare.models.sources import SOURCES

if TYPE_CHECKING:
    from xai_compare.models.model import Model
    from xai_compare.models.request import Request


@SOURCES.register("zoo")
class Zoo:
    """``zoo: NAME`` with ``weights``; the input is the paper's. Classes come from the card beside weights, if any."""

    KEYS = ("weights", "seed")
    PATHS = ("weights",)

    @staticmethod
    def build(request: Request) -> Model:
        """The network, see `xai_compare.models.zoo`."""
        from xai_compare.errors import InputError
        from xai_compare.models.model import Model
        from xai_compare.models.sources import _weights
        from xai_compare.models.zoo import ZOO

        entry = ZOO.get(request.text(ZOO.names(), "network of the zoo"))
        pretrained = _weights.wants_pretrained(request)
        if pretrained and entry.imagenet is None:
            raise InputError(
                f"the paper trains {entry.title} from scratch, and there are no weights to download",
                where=request.where,
                hint="say `weights: random`, or name a file",
            )
        spec, classes = request.input(entry.defaults), request.classes
        module, source = _weights.with_weights(request, lambda: entry.make(len(classes), pretrained))
        return Model(request.name, classes, module, spec, source=source)
