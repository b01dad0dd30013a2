"""A network by a short name, and how the faces of its study are cut."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from xai_compare.errors import InputError, nearest

if TYPE_CHECKING:
    from xai_compare.faces.cropping import FaceCropper
    from xai_compare.models import Model


def find_network(model: Model | str, *, device: str = "auto", allow_code: bool = False) -> tuple[Model, FaceCropper]:
    """A network on a device, and what cuts the faces it is shown.

    Args:
        model: a bundled network's name, ``STUDY.yaml:NAME`` for a network of a study, or a loaded `Model`.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:N"``.
        allow_code: whether a factory, TorchScript or `torch.export` file of the study may run.

    Raises:
        InputError: if it is neither bundled nor in the study.
    """
    from xai_compare import models
    from xai_compare.faces.cropping import FaceCropper
    from xai_compare.models.bundled import NAMES
    from xai_compare.study import Study

    if isinstance(model, models.Model):
        return model, FaceCropper()
    if model in NAMES:
        return models.load({"bundled": model}, device=device), FaceCropper()
    file, _, name = model.rpartition(":")
    if not file:
        hint = f"{nearest(model, NAMES)} or STUDY.yaml:NAME"
        raise InputError(f"no bundled network is called {model!r}", hint=hint)
    study = Study.load(file)
    cropper = FaceCropper(study.images.margin, study.images.predictor, study.images.max_pixels)
    for spec in study.models:
        if name in (spec.name, spec.label):
            return models.load(spec.loading(), device=device, allow_code=allow_code), cropper
    raise InputError(f"no model {name!r}", where=file, hint=nearest(name, [spec.label for spec in study.models]))


def pictures_root(model: Model | str) -> Path | None:
    """The folder that a study's image paths start from, where it names one; None for a network of no study."""
    from xai_compare.models.bundled import NAMES
    from xai_compare.study import Study

    if not isinstance(model, str) or model in NAMES:
        return None
    images = Study.load(model.rpartition(":")[0]).images
    beside = images.manifest is not None and images.root == images.manifest.parent
    return None if beside else images.root
