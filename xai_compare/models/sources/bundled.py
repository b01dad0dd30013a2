"""The networks that come with the package."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xai_compare.errors import InputError
from xai_compare.models.sources import SOURCES

if TYPE_CHECKING:
    from xai_compare.models.model import Model
    from xai_compare.models.request import Request


@SOURCES.named("bundled")
class Bundled:
    """``bundled: NAME``; classes and input come from the file beside the weights and may not be changed."""

    KEYS: tuple[str, ...] = ()
    PATHS: tuple[str, ...] = ()

    @staticmethod
    def build(request: Request) -> Model:
        """The network of that name."""
        from xai_compare.models.bundled import bundled

        for key in ("classes", "input"):
            if request.spec.get(key):
                raise InputError(f"a bundled network has its own {key}", where=request.where, mend=f"leave `{key}` out")
        if not isinstance(request.value, str):
            raise InputError(f"bundled must be a name, not {request.value!r}", where=request.where)
        model = bundled(request.value)
        model.name = request.name
        model.source = {**model.source, "kind": "bundled", "bundled": request.value}
        return model
