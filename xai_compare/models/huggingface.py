"""Image classifiers of Hugging Face's transformers, from the hub or a local folder."""

from __future__ import annotations

import json
import logging
from pathlib import Path
from typing import Any

import torch
from torch import nn

from xai_compare.errors import InputError, first_line
from xai_compare.expressions import canonical
from xai_compare.files import below, read_bytes
from xai_compare.models.model import Model
from xai_compare.models.request import Request


class Logits(nn.Module):
    """A classifier of transformers that returns its logits alone."""

    def __init__(self, network: nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, batch: torch.Tensor) -> torch.Tensor:
        """``(n, c, h, w)`` to ``(n, classes)``."""
        return torch.as_tensor(self.network(pixel_values=batch).logits)


def from_hub(request: Request) -> Model:
    """``hf: NAME`` on the hub, or a local folder; classes, size, range, mean and std come from its configuration.

    Weights are read from safetensors, or from torch files without unpickling; no code of a repository is run.

    Raises:
        InputError: if it cannot be found, downloaded or read, or its labels are no expressions and none are given.
    """
    from transformers import AutoConfig, AutoModelForImageClassification

    if not isinstance(request.value, str):
        raise InputError(f"hf must be a name or a folder, not {request.value!r}", where=request.where)
    place = request.base / Path(request.value).expanduser()
    local = place.is_dir()
    _check_shards(place if local else None)
    name = str(place) if local else request.value
    options: dict[str, Any] = {"trust_remote_code": False, "local_files_only": local}
    if revision := request.spec.get("revision"):
        options["revision"] = str(revision)
    for noisy in ("transformers", "huggingface_hub"):
        logging.getLogger(noisy).setLevel(logging.ERROR)
    try:
        config = AutoConfig.from_pretrained(name, **options)
        network = AutoModelForImageClassification.from_pretrained(
            name, config=config, attn_implementation="eager", **options
        )
    except Exception as error:
        what = (
            "the folder holds no image classifier that transformers can read"
            if local
            else ("it is neither a local folder nor a network that can be downloaded from the hub")
        )
        hint = None if local else "check the name, or download it and name the folder"
        raise InputError(f"{what} ({first_line(error)})", where=request.where, hint=hint) from None
    spec = request.input(_known(name, options, config))
    source = {"kind": "hf", "hf": request.value, "architecture": type(network).__name__}
    commit = getattr(config, "_commit_hash", None)
    if commit:
        source["commit"] = commit
    return Model(request.name, _classes(request, config), Logits(network.eval()), spec, source=source)


def _classes(request: Request, config: Any) -> tuple[str, ...]:
    """The classes as the specification names them, else as the configuration does."""
    if request.spec.get("classes") is not None:
        return request.classes
    labels = {int(k): str(v) for k, v in config.id2label.items()}
    try:
        return tuple(canonical(labels[k]) for k in sorted(labels))
    except InputError as error:
        names = ", ".join(labels[k] for k in sorted(labels)[:8])
        raise InputError(
            f"its labels ({names}) are not all expressions: {error.what}",
            where=request.where,
            hint="list under `classes` the expression of each output, in the order of the outputs",
        ) from None


def _known(name: str, options: dict[str, Any], config: Any) -> dict[str, Any]:
    """Size, channels, range, mean and std as its processor's configuration says."""
    from transformers.models.auto.image_processing_auto import get_image_processor_config

    channels = getattr(config, "num_channels", 3)
    known: dict[str, Any] = {"channels": "grey" if channels == 1 else "rgb"}
    plain = {key: value for key, value in options.items() if key != "trust_remote_code"}
    processor = get_image_processor_config(name, **plain)
    for key in ("crop_size", "size") if processor.get("do_center_crop", True) else ("size", "crop_size"):
        size = processor.get(key)
        if isinstance(size, dict):
            size = [size["height"], size["width"]] if "height" in size else size.get("shortest_edge")
        if size:
            known["size"] = size
            break
    else:
        size = getattr(config, "image_size", None)
        if size:
            known["size"] = size
    if processor:
        factor = processor.get("rescale_factor", 1 / 255) if processor.get("do_rescale", True) else 1.0
        low, high = 0.0, 255.0 * float(factor)
        if processor.get("rescale_offset"):
            low, high = low - 1.0, high - 1.0
        known["range"] = (round(low, 9), round(high, 9))
        if processor.get("do_normalize", "image_mean" in processor) and processor.get("image_mean") is not None:
            known["mean"], known["std"] = processor["image_mean"], processor["image_std"]
    return known


def _check_shards(folder: Path | None) -> None:
    """Refuse an index of weights that names files outside of its folder; transformers would read them."""
    for index in folder.glob("*.index.json") if folder else ():
        try:
            shards = set(json.loads(read_bytes(index))["weight_map"].values())
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            if isinstance(error, InputError):
                raise
            raise InputError("is no index of weights", where=index, hint="download the folder again") from None
        for name in shards:
            below(folder or index.parent, str(name), links=True)  # The hub's own cache is made of links.
