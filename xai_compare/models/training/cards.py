"""Weights with a card: what was trained, on what, how well it does."""

from __future__ import annotations

import json
import subprocess
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from safetensors.torch import save_file

from xai_compare.data_files import read_facts
from xai_compare.files import atomic, file_sha256, write_atomically
from xai_compare.models.ensembles import CARD
from xai_compare.models.model import Model
from xai_compare.version import VERSION

WEIGHTS = "weights.safetensors"


def write(model: Model, folder: Path, facts: dict[str, Any]) -> Path:
    """Write the weights, then their card, into ``folder``; the card says that the weights are whole."""
    folder.mkdir(parents=True, exist_ok=True)
    state = {name: value.detach().cpu().contiguous().clone() for name, value in model.module.state_dict().items()}
    with atomic(folder / WEIGHTS) as part:
        save_file(state, part)
    spec = {key: list(value) if isinstance(value, tuple) else value for key, value in asdict(model.input).items()}
    card = {
        "name": model.name,
        "classes": list(model.classes),
        "input": spec,
        "output": model.output,
        "parameters": sum(p.numel() for p in model.module.parameters()),
        "weights": WEIGHTS,
        "sha256": file_sha256(folder / WEIGHTS),
        **facts,
        "commit": commit(),
        "versions": {
            "xai_compare": VERSION,
            **{name: version(name) for name in ("torch", "torchvision", "lightning")},
        },
    }
    return put(folder / CARD, card)


def put(path: Path, card: dict[str, Any]) -> Path:
    """Write a card, whole or not at all."""
    write_atomically(path, json.dumps(card, indent=2, ensure_ascii=False) + "\n")
    return path


def read(path: Path) -> dict[str, Any]:
    """Read a card.

    Raises:
        InputError: if it is not there, or is not one.
    """
    return read_facts(path, "the card of trained weights", {"classes": list})


def commit() -> str | None:
    """The commit of this package's source; None where it was installed without one."""
    place = Path(__file__).parent
    try:
        done = subprocess.run(
            ["git", "-C", str(place), "rev-parse", "HEAD"], capture_output=True, text=True, timeout=10, check=True
        )
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip() or None
