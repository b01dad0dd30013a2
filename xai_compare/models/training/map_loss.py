"""Training towards given maps: a term that pulls a network's own map towards them (Bruckert et al. 2023, 5.2)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from scipy import ndimage
from skimage.morphology import convex_hull_image
from torch import nn
from torch.nn import functional

from xai_compare import ekman
from xai_compare.data_files import read_npy
from xai_compare.errors import InputError
from xai_compare.expressions import BASIC, ordered
from xai_compare.faces import CANONICAL, SHAPE, standardize
from xai_compare.faces.warp import origins
from xai_compare.images import read_image
from xai_compare.models.layers import channels_last, feature_layer
from xai_compare.models.model import Model
from xai_compare.models.training.config import MapLossOptions

SMOOTH = 8.0
"""Standard deviation in pixels of the standard face by which masks are smoothed."""
CONTROLS = ("other", "prior", "random")


def target_maps(maps: str, classes: Sequence[str], seed: int = 0) -> dict[str, np.ndarray]:
    """A map on the standard face, float32 ``(275, 224)`` in 0..1, for each class that has one.

    ``ekman``: the smoothed mask of the expression (neutral and contempt have none). A folder: ``EXPRESSION.png`` or
    ``EXPRESSION.npy`` there. Controls, for the classes that have an Ekman mask: ``other``, the smoothed mask of the
    next expression; ``prior``, the inside of the face, the same for all; ``random``, smooth noise of each its own.

    Raises:
        InputError: if the folder or its maps are missing or of another shape.
    """
    named = [name for name in ordered(classes) if name in BASIC]
    masks = {name: _smooth(ekman.mask(name).astype(np.float32)) for name in named}
    if maps == "ekman":
        return masks
    if maps == "other":
        return {name: masks[named[(k + 1) % len(named)]] for k, name in enumerate(named)}
    if maps == "prior":
        face = np.zeros(SHAPE, bool)
        x, y = CANONICAL[:68].round().astype(int).T
        face[np.clip(y, 0, SHAPE[0] - 1), np.clip(x, 0, SHAPE[1] - 1)] = True
        inside = _smooth(convex_hull_image(face).astype(np.float32))
        return dict.fromkeys(named, inside)
    if maps == "random":
        rng = np.random.default_rng([seed, 9])
        return {name: _scaled(ndimage.gaussian_filter(rng.standard_normal(SHAPE), 20.0)) for name in named}
    return _from_folder(Path(maps), classes)


def _from_folder(folder: Path, classes: Sequence[str]) -> dict[str, np.ndarray]:
    maps = {}
    for name in classes:
        for path in (folder / f"{name}.npy", folder / f"{name}.png"):
            if not path.is_file():
                continue
            if path.suffix == ".npy":
                values = read_npy(path)
            else:
                values = np.asarray(Image.fromarray(read_image(path)).convert("L"))
            if (
                values.dtype.kind not in "buif"
                or values.shape != SHAPE
                or not np.isfinite(values).all()
                or values.min() == values.max()
            ):
                what = f"the map is not {SHAPE[0]} x {SHAPE[1]} finite, different values"
                raise InputError(what, where=path, hint="give maps on the standard face")
            maps[name] = _scaled(values)
            break
    if not maps:
        raise InputError(
            "there is no map of any class", where=folder, hint="name maps EXPRESSION.png or EXPRESSION.npy"
        )
    return maps


def _smooth(mask: np.ndarray) -> np.ndarray:
    return _scaled(ndimage.gaussian_filter(mask, SMOOTH))


def _scaled(values: np.ndarray) -> np.ndarray:
    values = values.astype(np.float32)
    return (values - values.min()) / (values.max() - values.min())


def onto_pictures(
    maps: Mapping[str, np.ndarray], labels: Sequence[str], landmarks: np.ndarray, side: int
) -> np.ndarray:
    """Carry each picture's map from the standard face to where the face lies in the picture.

    Args:
        maps: by expression, ``(275, 224)``.
        labels: the expression of each picture.
        landmarks: ``(n, 68, 2)``, x and y in pixels of the pictures.
        side: of the pictures.

    Returns:
        float32 ``(n, side, side)``; 0 beyond the face; NaN throughout where an expression has no map.
    """
    out = np.full((len(labels), side, side), np.nan, np.float32)
    for k, (name, points) in enumerate(zip(labels, landmarks, strict=True)):
        if name in maps and np.isfinite(points).all():
            xy = np.rint(origins(points, (side, side))).astype(int).reshape(-1, 2)
            inside = ((xy >= 0) & (xy < side)).all(1)
            places = xy[inside, 1] * side + xy[inside, 0]
            sums = np.bincount(places, maps[name].reshape(-1)[inside], side * side)
            counts = np.bincount(places, minlength=side * side)
            out[k] = (sums / np.maximum(counts, 1)).reshape(side, side)
    return out


class MapLoss(nn.Module):
    """``weight * mean(1 - r)``: Pearson's r between the network's map of the label and the given one.

    Args:
        model: the network; its feature layer is found by running it.
        asked: which map of the network, and the weight.
    """

    def __init__(self, model: Model, asked: MapLossOptions) -> None:
        super().__init__()
        self._asked, self._model = asked, model
        self._layer = feature_layer(model) if asked.by == "cam" else ""

    def run(self, batch: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """The network's output, and what its map is the derivative by: features, or the batch itself."""
        return run_with_layer(self._model, batch, self._layer)

    def forward(
        self, out: torch.Tensor, node: torch.Tensor, labels: torch.Tensor, targets: torch.Tensor
    ) -> torch.Tensor:
        """A scalar, differentiable; 0 where no picture of the batch has a map.

        Args:
            out: ``(n, classes)``.
            node: as `run` gave it.
            labels: ``(n,)``.
            targets: ``(n, h, w)``, NaN where there is none.
        """
        has = torch.isfinite(targets).all(-1).all(-1)
        if not bool(has.any()):
            return out.sum() * 0.0
        maps = network_maps(self._model, out, node, labels, by=self._asked.by)[has]
        wanted = functional.interpolate(targets[has][:, None].to(maps), maps.shape[-2:], mode="area")[:, 0]
        return self._asked.weight * (1 - pearson(maps, wanted)).mean()


def run_with_layer(model: Model, batch: torch.Tensor, layer: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Run the network; also returns the output of ``layer``, or the batch where ``layer`` is empty."""
    if not layer:
        batch = batch.detach().requires_grad_(True)
        return torch.as_tensor(model.module(batch)), batch
    features: list[torch.Tensor] = []
    handle = model.module.get_submodule(layer).register_forward_hook(lambda module, args, out: features.append(out))
    try:
        return torch.as_tensor(model.module(batch)), features[0]
    finally:
        handle.remove()


def network_maps(
    model: Model, out: torch.Tensor, node: torch.Tensor, labels: torch.Tensor, *, by: str, create_graph: bool = True
) -> torch.Tensor:
    """The network's map of each label, ``(n, h, w)``, differentiable by the weights.

    ``cam``: features weighted by the sum of the logit's derivatives over positions, which for a global average and one
    linear layer is CAM itself, up to a constant. ``gradients``: the sum over channels of the derivatives' magnitudes.
    """
    chosen = out.gather(1, labels[:, None]).sum()
    (gradient,) = torch.autograd.grad(chosen, node, create_graph=create_graph)
    if by == "gradients":
        return gradient.abs().sum(1)
    if channels_last(model, node.shape):
        node, gradient = node.permute(0, 3, 1, 2), gradient.permute(0, 3, 1, 2)
    return torch.as_tensor((gradient.sum((2, 3), keepdim=True) * node).sum(1))


def pearson(a: torch.Tensor, b: torch.Tensor) -> torch.Tensor:
    """Pearson's r of maps ``(n, h, w)``, ``(n,)``; 0 where one is constant."""
    a, b = (x.flatten(1) - x.flatten(1).mean(1, keepdim=True) for x in (a, b))
    return torch.as_tensor((a * b).sum(1) / (a.norm(dim=1) * b.norm(dim=1)).clamp_min(1e-12))


def mean_maps(
    model: Model, images: np.ndarray, landmarks: np.ndarray, labels: Sequence[str], *, by: str = "cam", batch: int = 64
) -> dict[str, np.ndarray]:
    """The network's maps of the pictures' labels on the standard face, averaged for each expression.

    Args:
        model: in eval mode.
        images: uint8 ``(n, *size, 3)``, as the network is shown them.
        landmarks: ``(n, 68, 2)``, x and y in pixels of ``images``.
        labels: the expression of each picture.
        by: as in `network_maps`.
        batch: pictures in one pass.

    Returns:
        float32 ``(275, 224)`` by expression; each map is scaled to zero mean and unit variance before averaging.
    """
    layer = feature_layer(model) if by == "cam" else ""
    parts = []
    for start in range(0, len(images), batch):
        place = slice(start, start + batch)
        with torch.enable_grad():
            out, node = run_with_layer(model, model.prepare(images[place]), layer)
            index = torch.tensor(model.indices(list(labels[place])), device=out.device)
            maps = network_maps(model, out, node, index, by=by, create_graph=False).detach()
        size = model.input.size
        parts.append(functional.interpolate(maps[:, None], size, mode="bilinear", antialias=True)[:, 0].cpu().numpy())
    flat = standardize(np.concatenate(parts).astype(np.float32), landmarks)
    flat = (flat - flat.mean((1, 2), keepdims=True)) / np.maximum(flat.std((1, 2), keepdims=True), 1e-12)
    names = np.array(labels)
    return {name: flat[names == name].mean(0) for name in ordered(labels)}


def agreement(found: Mapping[str, np.ndarray], wanted: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Pearson's r of each expression's mean map with the map wanted; expressions without one are left out."""
    return {
        name: float(np.corrcoef(found[name].ravel(), wanted[name].ravel())[0, 1]) for name in found if name in wanted
    }
