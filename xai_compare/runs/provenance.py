"""Where every number of a run came from."""

from __future__ import annotations

import hashlib
import json
import platform
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import torch

from xai_compare.files import is_text, write_atomically
from xai_compare.models import torch_device
from xai_compare.runs.store import content
from xai_compare.version import VERSION

if TYPE_CHECKING:
    from xai_compare.runs.job import Job

PACKAGES = ("torch", "torchvision", "timm", "keras", "captum", "torchray", "lime", "scikit-image", "dlib-bin", "dlib",
            "numpy", "scipy", "pandas", "xarray", "zarr")  # fmt: skip


def versions() -> dict[str, str]:
    """Versions of Python, the package and the libraries that change results; absent ones are left out."""
    found = {"python": platform.python_version(), "xai-compare": VERSION}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def describe(job: Job, seconds: dict[str, float]) -> dict[str, Any]:
    """What the provenance says of every run."""
    images = job.pictures.table()
    hashes = images["sha256"].tolist() if len(images) else []
    study = job.study
    files = [str(study.images.manifest or ""), *(file for stage in job.stages.values() for file in stage.inputs())]
    skipped = pd.read_parquet(job.directory / "tables" / "skipped.parquet")
    return {
        "study": study.name,
        "fingerprint": study.fingerprint(),
        "seed": study.seed,
        "device": str(torch_device(job.settings.device)),
        "machine": platform.platform(),
        "threads": torch.get_num_threads(),
        "versions": versions(),
        "scaling": study.compare.scaling,
        "models": job.described,
        "code_that_ran": {label: told["code"] for label, told in job.described.items() if "code" in told},
        "inputs": {path: content(Path(path)) for path in files if Path(path).is_file()},
        "images": {
            "offered": job.manifest.offered,
            "looked_at": len(images),
            "sha256": hashlib.sha256("".join(sorted(hashes)).encode()).hexdigest(),
        },
        "skipped": skipped.to_dict("records"),
        "stages": seconds,
    }


def write(path: Path, facts: dict[str, Any]) -> None:
    """Write the provenance as JSON."""
    text = json.dumps(facts, indent=2, ensure_ascii=False, default=str)
    if not is_text(text):  # A name of a file that is not UTF-8 is kept by its escapes.
        text = json.dumps(facts, indent=2, default=str)
    write_atomically(path, text)
