"""The networks that come with the package, trained on rendered faces."""

from __future__ import annotations

from xai_compare.errors import InputError
from xai_compare.models.model import Model
from xai_compare.models.request import Request

KEYS = ()


def build(request: Request) -> Model:
    """``bundled: NAME``; classes and input come from the file beside the weights and may not be changed."""
    # Imported here because the synthetic room makes its networks with this one.
    from xai_compare import synthetic

    for key in ("classes", "input"):
        if request.spec.get(key):
            raise InputError(f"a bundled network has its own {key}", where=request.where, mend=f"leave `{key}` out")
    if not isinstance(request.value, str):
        raise InputError(f"bundled must be a name, not {request.value!r}", where=request.where)
    model = synthetic.bundled(request.value)
    model.name = request.name
    model.source = {**model.source, "kind": "bundled", "bundled": request.value}
    return model
