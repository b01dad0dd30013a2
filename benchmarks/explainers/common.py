"""Networks and pictures that the benchmarks share, and the command line."""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from xai_compare import models
from xai_compare.models import Model

CLASSES = ["anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral"]
DATA = Path(__file__).resolve().parents[3] / "shared" / "data"
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "xai-compare-benchmarks"
"""Where `stand_ins.py` keeps the weights it trains."""


def arguments(description: str, **extra: Any) -> argparse.Namespace:
    """The command line; ``extra`` adds options with these defaults."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--data", type=Path, default=DATA, help="folder with faces/images and models/*.hdf5")
    parser.add_argument("--networks", nargs="+", default=["mini_xception", "mobilenet_v3_large", "resnet50"])
    parser.add_argument("--pictures", type=int, default=12)
    parser.add_argument("--threads", type=int, default=0, help="of torch; by default what a user gets")
    parser.add_argument("--device", default="cpu")
    for name, default in extra.items():
        parser.add_argument(f"--{name}", type=type(default), default=default)
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    return args


def network(name: str, data: Path, device: str = "cpu") -> Model:
    """mini_xception from its trained file; any other is torchvision's, trained by `stand_ins.py`.

    Without those weights they are random: good for timing, not for comparing explanations.
    """
    if name == "mini_xception":
        file = next((data / "models").glob("*.hdf5"))
        spec: dict[str, Any] = {"keras": str(file), "input": {"size": 64, "channels": "grey", "range": [-1, 1]}}
    else:
        scale = {"size": 224, "mean": [0.485, 0.456, 0.406], "std": [0.229, 0.224, 0.225]}
        trained = CACHE / f"{name}.safetensors"
        weights = str(trained) if trained.is_file() else "random"
        spec = {"torchvision": name, "weights": weights, "seed": 0, "input": scale}
        print(f"{name}: {'RANDOM' if weights == 'random' else 'trained'} weights", flush=True)
    model = models.load({"name": name, "classes": CLASSES, **spec}).to(device)
    if spec.get("weights") == "random":
        enliven(model, data)
    return model


def enliven(model: Model, data: Path) -> None:
    """Make random weights say something: batch norms that know the faces, and logits that spread by about 2.

    As initialized, the outputs of some networks hardly depend on the picture, and every LIME weight is nearly 0.
    """
    batch = model.prepare(faces(data, 16, model.input.size))
    norms = [m for m in model.module.modules() if isinstance(m, torch.nn.BatchNorm2d)]
    for norm in norms:
        norm.momentum, norm.training = None, True
        norm.reset_running_stats()
    with torch.no_grad():
        model.module(batch)
        for norm in norms:
            norm.training = False
        spread = model.module(batch).std(0).mean()
        last = [m for m in model.module.modules() if isinstance(m, torch.nn.Linear)][-1]
        last.weight.mul_(2 / spread)


def faces(data: Path, n: int, size: tuple[int, int]) -> np.ndarray:
    """``n`` photographs, spread over the folder, as uint8 ``(n, h, w, 3)``."""
    files = sorted((data / "faces" / "images").iterdir())
    chosen = files[:: max(1, len(files) // n)][:n]
    shape = (size[1], size[0])
    return np.stack([np.asarray(Image.open(f).convert("RGB").resize(shape, Image.Resampling.BILINEAR)) for f in chosen])


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds, and what the work gave."""
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    start = time.perf_counter()
    found = work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - start, found
