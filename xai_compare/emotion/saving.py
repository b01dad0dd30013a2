"""A trained EMERT as a folder, and its heads as sources for studies of pictures."""

from __future__ import annotations

import dataclasses
import importlib
import json
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.torch import load_file, save_file
from torch import nn

from xai_compare.data_files import read_facts, read_npz
from xai_compare.emotion.emert import EMERT
from xai_compare.emotion.sampling import ClipArrays, Scaler
from xai_compare.emotion.views import still_view
from xai_compare.errors import InputError, first_line
from xai_compare.files import atomic, file_sha256, write_atomically
from xai_compare.models import Model

_FILES = ("card.json", "weights.safetensors", "inputs.npz")


def save_network(
    folder: str | Path, net: EMERT, scaler: Scaler, training: ClipArrays, *, backbone: str = "", simulated: bool
) -> Path:
    """Write a network of the paper's layout: ``card.json``, ``weights.safetensors`` and ``inputs.npz``.

    Args:
        folder: made if absent.
        net: trained.
        scaler: of its training.
        training: whose mean eye samples and fixations, and mean features, are kept for views of pictures.
        backbone: ``"module:function"`` that makes the backbone; empty for a ResNet-18.
        simulated: whether it was trained on simulated clips, which the card says.

    Returns:
        The folder.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    inputs = {"frames": np.array(0 if training.face is None else training.face.shape[1])}
    for name in ("eye", "fixation"):
        if (values := getattr(training, name)) is not None:
            inputs |= {name: values.mean(0), f"{name}_moments": getattr(scaler, name)}
    with atomic(folder / "inputs.npz") as part:
        np.savez(part, **inputs)  # type: ignore[arg-type]
    with atomic(folder / "weights.safetensors") as part:
        save_file({name: value.contiguous() for name, value in net.state_dict().items()}, part)
    card = {"network": "EMERT", "arguments": net.arguments, "backbone": backbone, "simulated": simulated}
    write_atomically(folder / "card.json", json.dumps(card, indent=2) + "\n")
    return folder


def load_network(folder: str | Path) -> tuple[EMERT, Scaler, ClipArrays]:
    """The network that `save_network` wrote, its standardization, and one clip of the training's mean inputs.

    Raises:
        InputError: if a file is absent or does not fit.
    """
    folder = Path(folder)
    for name in _FILES:
        if not (folder / name).is_file():
            raise InputError(f"there is no {name}", where=folder, hint="name a folder of save_network")
    card = read_facts(folder / "card.json", "the card", {"arguments": dict, "backbone": str})
    try:
        net = EMERT(**card["arguments"], backbone=_backbone(card["backbone"], folder))
        net.load_state_dict(load_file(folder / "weights.safetensors"))
    except InputError:
        raise
    except Exception as error:  # Arguments of other types, and files of others, make torch raise whatever it likes.
        raise InputError(f"the weights do not fit the card ({first_line(error)})", where=folder) from error
    inputs = read_npz(folder / "inputs.npz")
    moments = [inputs.get(f"{name}_moments") for name in ("eye", "fixation")]
    means = {name: inputs[name][None] if name in inputs else None for name in ("eye", "fixation")}
    if "frames" not in inputs or inputs["frames"].shape or not 0 <= inputs["frames"] < 10_000:
        raise InputError("does not say how many frames the network reads", where=folder / "inputs.npz")
    frames = int(inputs["frames"])
    width = net.proj_v1.in_features
    clip = ClipArrays(np.zeros((1, frames, width), np.float32) if frames else None, **means, names=("mean",))
    return net.eval(), Scaler(*moments), clip


def saved_head(folder: str, head: str = "er") -> Model:
    """A head of a saved network as a source of a study: any face as if it stood still, the eyes the training's mean.

    In a study: ``factory: "xai_compare.emotion.saving:saved_head"``, ``options: {folder: ..., head: er}``, and
    ``classes`` are the network's own. See `still_view`.

    Raises:
        InputError: as `load_network` and `still_view`.
    """
    net, scaler, clip = load_network(folder)
    model = still_view(net, clip, scaler, head)
    sha256 = file_sha256(Path(folder) / "weights.safetensors")
    return dataclasses.replace(model, source={**model.source, "folder": str(folder), "sha256": sha256})


def _backbone(name: str, folder: Path) -> nn.Module | None:
    if not name:
        return None
    module, _, function = name.partition(":")
    if not module.startswith("xai_compare."):
        # A card is data, and data do not choose which code is run.
        what = f"the card names a backbone outside this package, {name!r}"
        raise InputError(what, where=folder, hint="build the network yourself and load its weights")
    try:
        make: Any = getattr(importlib.import_module(module), function)
    except (ImportError, AttributeError):
        raise InputError(f"the card names a backbone that is not there, {name!r}", where=folder) from None
    return make()


def frozen(net: nn.Module) -> nn.Module:
    """The network with parameters that no training changes, in evaluation mode."""
    for parameter in net.parameters():
        parameter.requires_grad_(False)
    return net.eval()
