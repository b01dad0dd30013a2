"""What a run must remember of a network so that it can be found, and told from another, later."""

from __future__ import annotations

import hashlib
from dataclasses import asdict
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import torch

from xai_compare.models.model import Model

_PACKAGES = {"keras": ("keras", "h5py"), "torchvision": ("torchvision",), "timm": ("timm",)}


def state_sha256(module: torch.nn.Module) -> str:
    """Hexadecimal SHA-256 of every parameter and buffer: name, type, shape and bytes, in the order of names."""
    digest = hashlib.sha256()
    for name, value in sorted(module.state_dict().items()):
        if isinstance(value, torch.Tensor):
            value = value.detach().cpu().contiguous()
            digest.update(f"{name} {value.dtype} {tuple(value.shape)}\n".encode())
            digest.update(value.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def describe(model: Model) -> dict[str, Any]:
    """Plain data (strings, numbers, lists) that say what ``model`` is, for the provenance of a run.

    Always there: name, kind, file and sha256 (None without a weights file), state_sha256, parameters, classes,
    input, output, activations, versions; and whatever the source adds, such as the architecture or the seed.
    """
    source = dict(model.source)
    kind = str(source.pop("kind", "module"))
    return {
        "name": model.name,
        "kind": kind,
        "file": source.pop("file", None),
        "sha256": source.pop("sha256", None),
        "state_sha256": state_sha256(model.module),
        "parameters": sum(p.numel() for p in model.module.parameters()),
        "classes": list(model.classes),
        "input": {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(model.input).items()},
        "output": model.output,
        "activations": model.activations,
        "versions": {name: _version(name) for name in ("torch", *_PACKAGES.get(kind, ()))},
        **source,
    }


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
