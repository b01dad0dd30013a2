"""Is a map faithful to the network? Deletion, insertion, infidelity, and the randomization of the parameters.

A score of a map means something only beside that of a map that ignores the network: `faithfulness` gives both.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import torch
from scipy.ndimage import sobel
from scipy.stats import rankdata
from torch import nn

from xai_compare.errors import InputError
from xai_compare.explainers.base import Explainer
from xai_compare.explainers.batched_forward import BatchedForward
from xai_compare.explainers.methods.random import RandomMap
from xai_compare.explainers.model_outputs import preserve_state
from xai_compare.explainers.perturbation import blurred
from xai_compare.explainers.targets import resolve
from xai_compare.models import Model

Fill = Literal["black", "blur"]


@dataclass(frozen=True)
class Curves:
    """The explained probability as pixels go or come, most important first (Petsiuk et al. 2018, section 4.1).

    Attributes:
        deletion: float64 ``(n, steps + 1)``, from the whole picture to none of it.
        insertion: float64 ``(n, steps + 1)``, from none of the picture to the whole.
        deletion_area: ``(n,)`` mean of each curve (trapezoids): low is faithful.
        insertion_area: ``(n,)``: high is faithful.
    """

    deletion: np.ndarray
    insertion: np.ndarray
    deletion_area: np.ndarray
    insertion_area: np.ndarray


def curves(
    model: Model,
    images: np.ndarray,
    maps: np.ndarray,
    targets: Any = "predicted",
    *,
    steps: int = 32,
    fill: Fill = "black",
) -> Curves:
    """Deletion and insertion curves of maps.

    Args:
        model: the network.
        images: uint8 ``(n, H, W, 3)`` at the network's input size.
        maps: ``(n, H, W)``; only the order of their values counts. A map with a NaN has NaN curves.
        targets: as for `Explainer.explain`.
        steps: equal shares of the pixels that go (come) at a time.
        fill: what stands where the picture is not: black, or a strong blur of it.

    Raises:
        InputError: if the shapes do not fit.
    """
    weights, batch, values = _validated(model, images, maps, targets)
    parts: list[np.ndarray] = []
    with preserve_state(model.module):
        nothing = _filled(model, batch, fill)
        run = BatchedForward(model, "probabilities")
        for i, pixels in enumerate(values):
            if not np.isfinite(pixels).all():
                parts.append(np.full((2, steps + 1), np.nan))
                continue
            place = torch.from_numpy(_ranks(pixels)).to(batch)
            parts.append(_both(run, batch[i], nothing[i], place, steps, weights[i]))
    both = np.stack(parts, 1) if parts else np.zeros((2, 0, steps + 1))
    areas = (both[:, :, 1:] + both[:, :, :-1]).mean(2) / 2
    return Curves(both[0], both[1], areas[0], areas[1])


def infidelity(
    model: Model,
    images: np.ndarray,
    maps: np.ndarray,
    targets: Any = "predicted",
    *,
    n: int = 100,
    patch: float = 0.3,
    seed: int = 0,
) -> np.ndarray:
    """Infidelity (Yeh et al. 2019, eq. 1 and the optimal scale of section 3.3), as an unexplained share in [0, 1].

    Random rectangles are blackened. The drop of the explained probability should be proportional to the sum, inside,
    of the map less its mean; returned is the mean squared deviation from the best proportion that is not negative,
    over the mean squared drop: 0 for a map that predicts every drop, 1 for one that predicts none. Without the mean,
    the size of a rectangle alone would predict much of it; with a negative proportion, a map that is wrong everywhere
    would count as right. NaN for undefined maps, and where nothing changes the output.

    Args:
        n: rectangles for each picture.
        patch: largest side of a rectangle as a fraction of the picture's.
        seed: of the rectangles; they are the same for all pictures and maps.
    """
    weights, batch, values = _validated(model, images, maps, targets)
    boxes = rectangles(values.shape[1:], n, patch, seed)
    defined = np.array([bool(np.isfinite(pixels).all()) for pixels in values], bool)
    lost = np.full((len(values), n), np.nan)
    lost[defined] = _drops(model, batch[defined], weights[defined], boxes)
    return unexplained(values, boxes, lost)


def drops(model: Model, images: np.ndarray, boxes: np.ndarray, targets: Any = "predicted") -> np.ndarray:
    """How much of the explained probability each blackened rectangle takes, float64 ``(n, boxes)``.

    No map enters, so that all maps of a picture can be judged by the same drops, see `unexplained`.

    Args:
        images: uint8 ``(n, H, W, 3)`` at the network's input size.
        boxes: bool ``(boxes, H, W)``, as `rectangles` gives.
    """
    return _drops(model, model.prepare(np.asarray(images)), resolve(model, images, targets), boxes)


def rectangles(shape: Sequence[int], n: int = 100, patch: float = 0.3, seed: int = 0) -> np.ndarray:
    """Random rectangles, bool ``(n, h, w)``, whose sides are uniform up to ``patch`` of the picture's."""
    height, width = shape
    rng = np.random.default_rng(seed)
    boxes = np.zeros((n, height, width), bool)
    for box in boxes:
        h, w = (int(rng.integers(1, max(2, int(patch * side) + 1))) for side in (height, width))
        top, left = int(rng.integers(0, height - h + 1)), int(rng.integers(0, width - w + 1))
        box[top : top + h, left : left + w] = True
    return boxes


def unexplained(maps: np.ndarray, boxes: np.ndarray, lost: np.ndarray) -> np.ndarray:
    """The infidelity ``(n,)`` of maps ``(n, h, w)`` whose rectangles lost ``(n, boxes)``, see `infidelity`.

    A map that foretells the contrary of what happens foretells nothing, so the proportion is never negative; and a
    constant added to a map tells how large a rectangle is, not where it matters, so each map is taken less its mean.
    """
    shares = np.full(len(maps), np.nan)
    inside = boxes.reshape(len(boxes), -1)
    for i, (values, drop) in enumerate(zip(maps, lost, strict=True)):
        power = float(drop @ drop)
        if np.isfinite(values).all() and power > 0:
            values = np.asarray(values, np.float64).ravel()
            predicted = inside @ (values - values.mean())
            size = float(predicted @ predicted)
            scale = max(float(predicted @ drop) / size, 0.0) if size > 0 else 0.0
            shares[i] = float(np.mean((scale * predicted - drop) ** 2) / (power / len(boxes)))
    return shares


@dataclass(frozen=True)
class CascadingRandomization:
    """Likeness of maps to those of the trained network, as its layers forget from the output down.

    Attributes:
        layers: names of the modules re-initialized, in order; each stage keeps the earlier ones random.
        likeness: ``(n, stages)`` Spearman's rank correlation; NaN where a map is undefined or constant. A faithful
            explainer's falls towards 0.
    """

    layers: list[str]
    likeness: np.ndarray


def randomize_cascading(
    model: Model,
    explainer: Explainer,
    images: np.ndarray,
    targets: Any = "predicted",
    *,
    stages: int = 5,
    seed: int = 0,
) -> CascadingRandomization:
    """Cascading parameter randomization (Adebayo et al. 2018, section 3), on a copy of the network.

    Targets are resolved once, on the trained network. Layers with weights of at least two dimensions are
    re-initialized by permuting each tensor's values, which keeps their distribution; ``stages`` of them, evenly
    spread, are looked at, the last of them always.
    """
    weights = resolve(model, images, targets)
    chosen = [_as_target(row) for row in weights]
    before = explainer(model, images, chosen)
    other, layers = _copied(model)
    spread = np.linspace(len(layers) - 1, 0, min(stages, len(layers)))
    looked = set(spread.round().astype(int).tolist())
    generator = torch.Generator().manual_seed(seed)
    names, columns = [], []
    for i, name in enumerate(layers):
        _forget(other.module.get_submodule(name), generator)
        if i in looked:
            names.append(name)
            after = (
                explainer(other, images, chosen) if explainer.refusal(other) is None else np.full_like(before, np.nan)
            )
            columns.append(likeness(before, after))
    return CascadingRandomization(names, np.array(columns).T)


def randomize_parameters(model: Model, seed: int = 0) -> Model:
    """A copy of the network with the weights of every layer shuffled: the last stage of `randomize_cascading`."""
    other, layers = _copied(model)
    generator = torch.Generator().manual_seed(seed)
    for name in layers:
        _forget(other.module.get_submodule(name), generator)
    return other


def reseeded(explainer: Explainer) -> Explainer | None:
    """The same explainer with another seed; None if chance has no part in its maps.

    What it draws twice for one picture differs by chance alone: the null of every comparison of its maps with those of
    another network (Binder et al. 2023; Hedstroem et al. 2024).
    """
    seed = getattr(explainer.options, "seed", None)
    if seed is None:
        return None
    other = copy.copy(explainer)
    other.options = explainer.options.model_copy(update={"seed": (seed + 1) % 2**32})
    return other


def edges(images: np.ndarray) -> np.ndarray:
    """How strong the edges of pictures are: Sobel's operator on their grey values, float32 ``(n, h, w)``.

    An edge detector never asks the network; a map that is like it may look right and say nothing (Adebayo et al. 2018).

    Args:
        images: uint8 ``(n, h, w, 3)``.
    """
    # Whole numbers, so that plain areas have no edges from rounding.
    grey = (np.asarray(images, np.int64) @ np.array([299, 587, 114])).astype(np.float64)
    return np.stack([np.hypot(sobel(one, 0), sobel(one, 1)) / 1000 for one in grey]).astype(np.float32)


def likeness(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Spearman's rank correlation ``(n,)`` of maps ``(n, h, w)``; NaN where one is undefined or constant."""
    return np.array([_likeness(a, b) for a, b in zip(one, other, strict=True)])


def faithfulness(
    model: Model,
    explainer: Explainer,
    images: np.ndarray,
    targets: Any = "predicted",
    *,
    steps: int = 32,
    seed: int = 0,
    fill: Fill = "black",
) -> dict[str, np.ndarray]:
    """Scores ``(n,)`` of an explainer's maps and of random maps, named with the prefix ``random_``.

    ``deletion`` (low is good), ``insertion`` (high), ``infidelity`` (low), ``parameter_randomization`` (1 less the
    likeness to the maps of a network whose layers are all random; high).
    """
    chosen = [_as_target(row) for row in resolve(model, images, targets)]
    scores: dict[str, np.ndarray] = {}
    for prefix, one in (("", explainer), ("random_", RandomMap(seed=seed))):
        maps = one(model, images, chosen)
        found = curves(model, images, maps, chosen, steps=steps, fill=fill)
        scores[prefix + "deletion"], scores[prefix + "insertion"] = found.deletion_area, found.insertion_area
        scores[prefix + "infidelity"] = infidelity(model, images, maps, chosen, seed=seed)
        scores[prefix + "parameter_randomization"] = (
            1 - randomize_cascading(model, one, images, chosen, stages=1, seed=seed).likeness[:, -1]
        )
    return scores


def _validated(
    model: Model, images: np.ndarray, maps: np.ndarray, targets: Any
) -> tuple[torch.Tensor, torch.Tensor, np.ndarray]:
    images, maps = np.asarray(images), np.asarray(maps)
    if maps.shape != images.shape[:3] or maps.shape[1:] != tuple(model.input.size):
        raise InputError(
            f"maps {maps.shape} do not fit pictures {images.shape} of the network's size {model.input.size}"
        )
    return resolve(model, images, targets), model.prepare(images), maps


def _filled(model: Model, batch: torch.Tensor, fill: Fill) -> torch.Tensor:
    if fill == "blur":
        return blurred(batch, min(model.input.size) / 12)
    return model.prepare(np.zeros((1, *model.input.size, 3), np.uint8)).expand_as(batch)


def _ranks(one: np.ndarray) -> np.ndarray:
    """Share of pixels that are more important than each; equal ones in an order that has nothing to do with place."""
    shuffle = np.random.default_rng(0).permutation(one.size)
    order = shuffle[np.argsort(-one.ravel()[shuffle], kind="stable")]
    place = np.empty(one.size)
    place[order] = np.arange(one.size) / one.size
    return place.reshape(one.shape)


def _both(
    run: BatchedForward,
    picture: torch.Tensor,
    nothing: torch.Tensor,
    place: torch.Tensor,
    steps: int,
    weights: torch.Tensor,
) -> np.ndarray:
    """The deletion and the insertion curve ``(2, steps + 1)``; they share their ends, which are asked for once."""
    share = torch.arange(steps + 1, device=picture.device) / steps
    recipes = torch.cat(
        [
            torch.stack([share, torch.zeros_like(share)], 1),
            torch.stack([share[1:-1], torch.ones_like(share[1:-1])], 1),
        ]
    )

    def made(some: torch.Tensor) -> torch.Tensor:
        hit = place < some[:, 0, None, None]
        return torch.where((hit ^ some[:, 1, None, None].bool())[:, None], nothing, picture)

    out = (run.perturbed(made, recipes) @ weights).double().cpu().numpy()
    deletion = out[: steps + 1]
    return np.stack([deletion, np.concatenate([deletion[-1:], out[steps + 1 :], deletion[:1]])])


def _drops(model: Model, batch: torch.Tensor, weights: torch.Tensor, boxes: np.ndarray) -> np.ndarray:
    hidden = torch.from_numpy(boxes).to(batch.device)
    drops = np.full((len(batch), len(boxes)), np.nan)
    with preserve_state(model.module):
        black = _filled(model, batch, "black")
        run = BatchedForward(model, "probabilities")
        for i, picture in enumerate(batch):

            def masked(boxes: torch.Tensor, picture: torch.Tensor = picture, i: int = i) -> torch.Tensor:
                return torch.where(boxes[:, None], black[i], picture)

            whole, rest = run.of(picture[None]) @ weights[i], run.perturbed(masked, hidden) @ weights[i]
            drops[i] = (whole - rest).double().cpu().numpy()
    return drops


def _copied(model: Model) -> tuple[Model, list[str]]:
    """A copy of a network, and its layers that have weights from the output down."""
    other = replace(model, module=copy.deepcopy(model.module))
    layers = [name for name, m in other.module.named_modules() if _has_weights(m)][::-1]
    if not layers:
        raise InputError("the network has no weights to randomize", where=f"model {model.name!r}")
    return other, layers


def _has_weights(module: nn.Module) -> bool:
    return any(p.ndim >= 2 for p in module.parameters(recurse=False))


def _forget(module: nn.Module, generator: torch.Generator) -> None:
    with torch.no_grad():
        for p in module.parameters(recurse=False):
            order = torch.randperm(p.numel(), generator=generator).to(p.device)
            p.copy_(p.flatten()[order].view_as(p))


def _as_target(weights: torch.Tensor) -> Any:
    first = int(weights.argmax())
    return (first, int(weights.argmin())) if bool((weights < 0).any()) else first


def _likeness(one: np.ndarray, other: np.ndarray) -> float:
    if not (np.isfinite(one).all() and np.isfinite(other).all()) or np.ptp(one) == 0 or np.ptp(other) == 0:
        return float("nan")
    return float(np.corrcoef(rankdata(one), rankdata(other))[0, 1])
