"""Train the torchvision networks that stand in for trained classifiers where explanations are compared.

With random weights a network's outputs hardly depend on what is hidden, or depend on it chaotically, and neither an
explanation's error nor its objective means anything. These learn the expressions of simulated faces, some partly
hidden, in a few minutes each on two cores: enough for outputs that depend on a face as a classifier's do, not enough to
be of other use. The weights stay outside the project. Run it with the repository on the path: ``PYTHONPATH=.``.
"""

from __future__ import annotations

import time

import numpy as np
import torch
import torchvision
from common import CACHE, CLASSES, arguments
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional

from tools.train_bundled import crops, disturbed
from xai_compare.expressions import BASIC
from xai_compare.synthetic import faces

MEAN, STD = torch.tensor([0.485, 0.456, 0.406]), torch.tensor([0.229, 0.224, 0.225])
COURSE = ((96, 1e-3, 110), (96, 3e-4, 40), (224, 2e-4, 12))
"""Side of the pictures, learning rate and steps of each part."""
CELLS = 6


def pictures(n_identities: int, seed: int) -> tuple[np.ndarray, torch.Tensor]:
    """Crops of simulated faces, uint8 ``(n, h, w, 3)``, and their classes."""
    images, labels = crops(faces(n_identities=n_identities, seed=seed), 2, np.random.default_rng(seed))
    return images, torch.tensor([CLASSES.index(BASIC[label]) for label in labels])


def prepared(images: np.ndarray, side: int, hide: np.random.Generator | None = None) -> torch.Tensor:
    """Standardized ``(n, 3, side, side)``; with a generator, cells of every third picture are black."""
    x = torch.from_numpy(images).permute(0, 3, 1, 2).float() / 255
    x = functional.interpolate(x, (side, side), mode="bilinear")
    if hide is not None:
        on = torch.from_numpy(hide.random((len(x), 1, CELLS, CELLS)) < 0.5).float()
        on[np.arange(len(x)) % 3 > 0] = 1
        x = x * functional.interpolate(on, (side, side), mode="nearest")
    x = (x - MEAN[:, None, None]) / STD[:, None, None]
    return x.contiguous(memory_format=torch.channels_last)


def network(name: str) -> nn.Module:
    """The network as torchvision builds it, its residual branches silent at first."""
    options = {"zero_init_residual": True} if name.startswith("resnet") else {}
    net = torchvision.models.get_model(name, num_classes=len(CLASSES), **options)
    for norm in (m for m in net.modules() if isinstance(m, nn.BatchNorm2d)):
        norm.momentum = 0.1
    return net.to(memory_format=torch.channels_last)  # type: ignore[call-overload, no-any-return]


def train(net: nn.Module, images: np.ndarray, labels: torch.Tensor, batch: int) -> None:
    """Train, then give the batch norms the means of whole and partly hidden pictures at full size."""
    rng = np.random.default_rng(0)
    optimizer = torch.optim.AdamW(net.parameters(), weight_decay=0.02)
    net.train()
    for side, rate, steps in COURSE:
        optimizer.param_groups[0]["lr"] = rate
        for _ in range(steps):
            some = rng.choice(len(images), batch, replace=False)
            out = net(prepared(disturbed(images[some], rng), side, rng))
            loss = functional.cross_entropy(out, labels[some], label_smoothing=0.05)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
    for norm in (m for m in net.modules() if isinstance(m, nn.BatchNorm2d)):
        norm.momentum = None
        norm.reset_running_stats()
    with torch.no_grad():
        for some in np.array_split(rng.permutation(len(images))[:256], 8):
            net(prepared(images[some], 224, rng))
    net.eval()


def main() -> None:
    """Train each network named and say how well it does on people it has not seen."""
    args = arguments(__doc__ or "", batch=32)
    (images, labels), (others, truth) = pictures(60, 1), pictures(8, 2)
    CACHE.mkdir(parents=True, exist_ok=True)
    for name in (n for n in args.networks if n != "mini_xception"):
        torch.manual_seed(0)
        start, net = time.perf_counter(), network(name)
        train(net, images, labels, args.batch)
        with torch.no_grad():
            told = torch.cat([net(prepared(part, 224)) for part in np.array_split(others, 3)]).argmax(1)
        share = float((told == truth).float().mean())
        save_file({k: v.contiguous() for k, v in net.state_dict().items()}, CACHE / f"{name}.safetensors")
        print(f"{name}: {time.perf_counter() - start:.0f} s, right of {len(truth)} unseen: {share:.0%}", flush=True)


if __name__ == "__main__":
    main()
