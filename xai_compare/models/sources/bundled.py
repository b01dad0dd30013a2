"""The networks that come with the package, and their architectures with other weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xai_compare.errors import InputError
from xai_compare.models.sources import SOURCES

if TYPE_CHECKING:
    from xai_compare.models.model import Model
    from xai_compare.models.request import Request


@SOURCES.register("bundled")
class Bundled:
    """``bundled: NAME``; classes and input come from the file beside the weights and may not be changed.

    With ``weights`` (a file, or ``random`` with a ``seed``) it is the architecture alone, for the ``classes`` given.
    """

    KEYS: tuple[str, ...] = ("weights", "seed")
    PATHS: tuple[str, ...] = ("weights",)

    @staticmethod
    def build(request: Request) -> Model:
        """The network of that name."""
        from xai_compare.models.bundled import NAMES, bundled

        if not isinstance(request.value, str):
            raise InputError(f"bundled must be a name, not {request.value!r}", where=request.where)
        if request.spec.get("input"):
            raise InputError("a bundled network has its own input", where=request.where, hint="leave `input` out")
        if request.spec.get("weights") is not None:
            return _architecture(request, request.text(NAMES, "bundled network"))
        for key in ("classes", "seed"):
            if request.spec.get(key) is not None:
                what = f"a bundled network has its own {'weights' if key == 'seed' else key}"
                raise InputError(what, where=request.where, hint=f"leave `{key}` out")
        model = bundled(request.value)
        model.name = request.name
        model.source = {**model.source, "kind": "bundled", "bundled": request.value}
        return model


def _architecture(request: Request, name: str) -> Model:
    from xai_compare.models.bundled import ARCHITECTURES
    from xai_compare.models.model import Model
    from xai_compare.models.sources import _weights

    if _weights.wants_pretrained(request):
        raise InputError("there is nothing to download", where=request.where, hint="leave `weights` out")
    made, classes = ARCHITECTURES[name], request.classes
    module, source = _weights.with_weights(request, lambda: made(len(classes)))
    return Model(request.name, classes, module, made.input, source=source)
