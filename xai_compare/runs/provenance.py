"""Where every number of a run came from."""

from __future__ import annotations

import hashlib
import json
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from xai_compare import __version__
from xai_compare.models.provenance import file_sha256
from xai_compare.runs.journal import write_atomically
from xai_compare.study import Study

PACKAGES = ("torch", "torchvision", "timm", "keras", "captum", "torchray", "lime", "scikit-image", "dlib-bin", "dlib",
            "numpy", "scipy", "pandas", "xarray", "zarr")  # fmt: skip


def versions() -> dict[str, str]:
    """Versions of Python, the package and the libraries that change results; absent ones are left out."""
    found = {"python": platform.python_version(), "xai-compare": __version__}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def sha256(path: str | Path) -> str:
    """SHA-256 of a file's bytes."""
    return file_sha256(Path(path))


def describe(
    study: Study,
    device: torch.device,
    models: dict[str, Any],
    images: pd.DataFrame,
    skipped: pd.DataFrame,
    inputs: dict[str, str],
    stages: dict[str, float],
) -> dict[str, Any]:
    """All that the provenance file says."""
    hashes = images["sha256"].tolist() if len(images) else []
    return {
        "study": study.name,
        "fingerprint": study.fingerprint(),
        "seed": study.seed,
        "device": str(device),
        "machine": platform.platform(),
        "threads": torch.get_num_threads(),
        "versions": versions(),
        "scaling": study.compare.scaling,
        "models": models,
        "inputs": inputs,
        "images": {"looked_at": len(images), "sha256": hashlib.sha256("".join(sorted(hashes)).encode()).hexdigest()},
        "skipped": skipped.to_dict("records"),
        "stages": {name: round(seconds, 3) for name, seconds in stages.items()},
    }


def write(path: Path, facts: dict[str, Any]) -> None:
    """Write the provenance as JSON."""
    write_atomically(path, json.dumps(facts, indent=2, ensure_ascii=False, default=str))
