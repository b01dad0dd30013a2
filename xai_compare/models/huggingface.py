"""Image classifiers of Hugging Face's transformers, from the hub or a local folder."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import nn

from xai_compare.data_files import read_json
from xai_compare.errors import InputError, first_line
from xai_compare.expressions import canonical
from xai_compare.files import below, read_bytes
from xai_compare.models.checkpoint import few
from xai_compare.models.model import Model
from xai_compare.models.request import Request

log = logging.getLogger(__name__)


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
        if local:
            _check_declared(Path(name), config, request.where)
        network, loaded = AutoModelForImageClassification.from_pretrained(
            name, config=config, attn_implementation="eager", output_loading_info=True, **options
        )
    except InputError:
        raise
    except Exception as error:
        what = (
            "the folder holds no image classifier that transformers can read"
            if local
            else ("it is neither a local folder nor a network that can be downloaded from the hub")
        )
        hint = None if local else "check the name, or download it and name the folder"
        raise InputError(f"{what} ({first_line(error)})", where=request.where, hint=hint) from None
    check_loaded(loaded, request.where)
    processor = _processor(name, options)
    source = {"kind": "hf", "hf": request.value, "architecture": type(network).__name__}
    commit = getattr(config, "_commit_hash", None)
    if commit:
        source["commit"] = commit
    return _fed_as(request, processor, config, _classes(request, config), Logits(network.eval()), source)


def _check_declared(folder: Path, config: Any, where: str) -> None:
    """Refuse a configuration that declares many more numbers than the folder's files hold, before they are drawn."""
    from safetensors import safe_open
    from transformers import AutoModelForImageClassification

    tensors = held = 0
    for file in folder.glob("*.safetensors"):
        with safe_open(file, "pt") as weights:
            shapes = [weights.get_slice(key).get_shape() for key in weights.keys()]  # noqa: SIM118 - it is no mapping
        tensors, held = tensors + len(shapes), held + sum(math.prod(shape) for shape in shapes)
    said = config.to_dict()
    layers = max((n for key, n in said.items() if "layers" in key and isinstance(n, int)), default=0)
    if tensors and layers > max(tensors, 1000):
        raise InputError(f"it declares {layers:,} layers, and its files hold {tensors:,} tensors", where=where)
    try:
        with torch.device("meta"):  # No number is drawn there.
            empty = AutoModelForImageClassification.from_config(config)
    except Exception:  # Some networks cannot be laid out so; what they declare is not known.
        return
    declared = sum(value.numel() for value in empty.state_dict().values())
    if tensors and declared > 2 * held + 1_000_000:
        raise InputError(f"it declares {declared:,} numbers, and its files hold {held:,}", where=where)


def _fed_as(
    request: Request,
    processor: Any,
    config: Any,
    classes: tuple[str, ...],
    module: nn.Module,
    source: Mapping[str, Any],
) -> Model:
    """The model, fed as its processor feeds it."""
    known = _known(processor, config)
    model = Model(request.name, classes, module, request.input(known), source=source)
    if processor is not None:
        own = _as_processor(model, known)
        if any(part == "values" for part, _ in _differences(own, processor)):
            known |= _measured(processor, known)
            model.input, own = request.input(known), _as_processor(model, known)
        _compare_with_processor(own, processor, request)
        if (share := (getattr(processor, "data_config", None) or {}).get("crop_pct", 1.0)) != 1.0:
            model.source = {**model.source, "crop_left_out": share}
    return model


def check_loaded(loaded: Mapping[str, Any], where: str) -> None:
    """Refuse a network of which a tensor was left as it was drawn, or a file of which a tensor was not used.

    Raises:
        InputError: naming the first tensors of each kind.
    """
    words = {"missing": "lack", "mismatched": "have in another shape", "unexpected": "also hold"}
    parts = []
    for kind, word in words.items():
        names = sorted(str(key[0]) if isinstance(key, tuple) else str(key) for key in loaded.get(f"{kind}_keys") or ())
        parts += [f"{word} {few(names)}"] if names else []
    if parts:
        raise InputError(
            f"the weights do not fit the architecture: they {' and '.join(parts)}",
            where=where,
            hint="check that the folder is of a trained classifier, with all of its files",
        )


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


def _processor(name: str, options: Mapping[str, Any]) -> Any:
    """What prepares pictures for the network in transformers; None where nothing is said of it."""
    from transformers import AutoImageProcessor

    for file in ("preprocessor_config.json", "processor_config.json"):
        if (place := Path(name) / file).exists() and not isinstance(read_json(place), dict):
            raise InputError("is no configuration of an image processor", where=place, hint="download the folder again")
    try:
        return AutoImageProcessor.from_pretrained(name, **options)
    except (OSError, ValueError, ImportError, KeyError) as error:
        # transformers has no other word for "there is none": the user must then say the input.
        if "JSON" in str(error):
            raise InputError(f"its image processor cannot be read ({first_line(error)})", where=name) from None
        return None


def _known(processor: Any, config: Any) -> dict[str, Any]:
    """Size, channels, range, mean and std as the processor itself holds them, with its defaults."""
    grey = getattr(config, "num_channels", 3) == 1
    known: dict[str, Any] = {"channels": "grey" if grey else "rgb", "size": getattr(config, "image_size", None)}
    if pretrained := getattr(processor, "data_config", None):
        known |= {"channels": "grey" if pretrained["input_size"][0] == 1 else "rgb", "range": (0.0, 1.0)}
        return known | {"size": pretrained["input_size"][1:], "mean": pretrained["mean"], "std": pretrained["std"]}
    if processor is None:
        return known
    if not grey and getattr(processor, "do_flip_channel_order", None):
        known["channels"] = "bgr"
    for key in ("crop_size", "size") if getattr(processor, "do_center_crop", None) else ("size",):
        if size := getattr(processor, key, None):
            size = size if isinstance(size, Mapping) else vars(size)
            height, width = size.get("height"), size.get("width")
            known["size"] = (height, width) if height and width else size.get("shortest_edge") or known["size"]
            break
    factor = float(processor.rescale_factor) if processor.do_rescale else 1.0
    low, high = 0.0, 255.0 * factor
    if getattr(processor, "rescale_offset", None):
        low, high = low - 1.0, high - 1.0
    known["range"] = (round(low, 9), round(high, 9))
    if processor.do_normalize and processor.image_mean is not None:
        known["mean"], known["std"] = processor.image_mean, processor.image_std
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


_SETTLED_BY = {
    "size": (("size",),),
    "values": (("range", "mean", "std"),),
    "channels": (("channels",),),
    "all": (("size",), ("range", "mean", "std")),
}
"""By part of what a processor does: the keys under ``input`` of which one, of each group, leaves it to the study."""


def _as_processor(model: Model, known: Mapping[str, Any]) -> Model:
    """The network, fed as its processor says, whatever the study says under ``input``."""
    said = {key: value for key, value in known.items() if value is not None}
    base: dict[str, Any] = {"size": model.input.size, "channels": model.input.channels, "range": model.input.range}
    own = Request("hf", "", {"input": base | said}, Path(), model.name)
    return replace(model, input=own.input({}))


def _compare_with_processor(own: Model, processor: Any, request: Request) -> None:
    """Hold `Model.prepare` against the folder's processor on a few pictures.

    What the study itself says under ``input`` is its own affair, and only logged; what it does not say is compared.

    Raises:
        InputError: if they differ by more than the kind of interpolation.
    """
    said = set(request.spec.get("input") or ())
    waived: set[str] = set()
    for part, what in _differences(own, processor):
        if all(said & set(keys) for keys in _SETTLED_BY[part]) or (part == "channels" and "values" in waived):
            waived.add(part)
            log.info("%s: %s; its input is as the study says", request.where, what)
            continue
        (height, width), (low, high) = own.input.size, own.input.range
        size, span = f"size: [{height}, {width}]", f"range: [{low:g}, {high:g}]"
        wanted = {"size": size, "values": span, "channels": f"channels: {own.input.channels}", "all": f"{size}, {span}"}
        raise InputError(
            what,
            where=request.where,
            hint=f"say how it is to be fed, such as `input: {{{wanted[part]}}}`, to leave the processor out of that",
        )


def _differences(model: Model, processor: Any) -> list[tuple[str, str]]:
    """How the processor's pictures differ from those of ``model``: the part of `_SETTLED_BY`, and words."""
    height, width = model.input.size
    noise = np.random.default_rng(0).integers(0, 256, (2 * height, 2 * width, 3), np.uint8)
    # One colour shows values and channels whatever is done to size; large smooth pictures a crop, for interpolation
    # hardly matters there; large noise whether what is between the pixels is averaged away or left out.
    rows, columns = np.mgrid[0 : 2 * height, 0 : 2 * width].astype(float)
    waves = np.stack([np.sin(3 * rows / height + k) * np.cos(2.3 * columns / width - k) for k in range(3)], -1)
    # Greys show values whatever the order of the channels.
    greys = [("values", "values", _flat(model.input.size, (v, v, v)), 0.005) for v in (200, 30)]
    flat = [("channels", "channels", _flat(model.input.size, c), 0.005) for c in ((200, 90, 20), (0, 30, 255))]
    cases = [
        *greys,
        *flat,
        ("size", "size or crop", (127.5 + 120 * waves).astype(np.uint8), 0.02),
        ("size", "interpolation (pixels between are left out)", noise, 0.1),
    ]
    # timm crops by a share that its own networks, too, are run without here: the study cuts the face.
    cases = [*greys, *flat] if hasattr(processor, "data_config") else cases
    white, black = (model.prepare(_flat(model.input.size, (v, v, v))[None]) for v in (255, 0))
    span = float((white - black).abs().max().clamp(min=1e-6))
    differences: dict[str, str] = {}
    for part, what, picture, most in cases:
        ours = model.prepare(picture[None])[0]
        try:
            theirs = _processed(processor, picture, model.input.channels).to(ours)
        except Exception as error:
            return [("all", f"its image processor does not run ({first_line(error)})")]
        if theirs.shape != ours.shape:
            made = f"its image processor makes pictures of {tuple(theirs.shape)}, not {tuple(ours.shape)}"
            return [*differences.items(), ("size", made)]
        if not float((theirs - ours).abs().mean()) <= most * span and part not in differences:
            differences[part] = f"its image processor prepares pictures in a way that cannot be matched: other {what}"
    if "values" in differences:  # Other values make every picture another.
        differences.pop("size", None)
    return list(differences.items())


def _flat(size: tuple[int, int], colour: tuple[int, int, int]) -> np.ndarray:
    return np.full((*size, 3), colour, np.uint8)


def _measured(processor: Any, known: Mapping[str, Any]) -> dict[str, Any]:
    """The mean and deviation that make black and white what the processor makes of them; none where it is not so.

    Some processors divide twice, or shift after they rescale, by options that each of them names in its own way.
    """
    try:
        black, white = (_processed(processor, _flat((64, 64), (v, v, v)), known["channels"]) for v in (0, 255))
        low, high = (values.double().flatten(1).mean(1) for values in (black, white))
    except Exception:
        # Whatever a processor of somebody else raises is said where it is compared.
        return {}
    if not (high > low).all():
        return {}
    return {"range": (0.0, 1.0), "mean": (-low / (high - low)).tolist(), "std": (1 / (high - low)).tolist()}


def _processed(processor: Any, picture: np.ndarray, channels: str) -> torch.Tensor:
    image = Image.fromarray(picture)
    out = processor(image.convert("L") if channels == "grey" else image, return_tensors="pt")
    return torch.as_tensor(out["pixel_values"])[0]
