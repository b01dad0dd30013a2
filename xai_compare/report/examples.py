"""Single pictures with their maps, from a run: simulated faces, and photographs only where the study allows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
from scipy.ndimage import map_coordinates

from xai_compare.errors import InputError
from xai_compare.expressions import ordered
from xai_compare.faces import SHAPE
from xai_compare.faces.warp import complete, weights

if TYPE_CHECKING:
    from xai_compare.runs import Run
    from xai_compare.runs.store import MapStore

MOST_NETWORKS = 2


@dataclass(frozen=True)
class Example:
    """A picture on the standard face, and what explainers say of it.

    Attributes:
        network: whose maps these are.
        image: the picture's name in the manifest.
        group: the expression whose heatmap the maps went into.
        label, predicted: by the manifest and by the network; ``""`` where not known.
        face: uint8 ``(275, 224, 3)``.
        maps: explainer to float ``(275, 224)``; undefined ones are absent.
        simulated: whether the face is simulated.
    """

    network: str
    image: str
    group: str
    label: str
    predicted: str
    face: np.ndarray
    maps: Mapping[str, np.ndarray]
    simulated: bool


def examples(run: Run) -> list[Example]:
    """The first picture of each expression, in the study's own random order, for the first two networks.

    Nothing where the maps of single pictures were removed, or the pictures are no longer there.
    """
    try:
        stores = [store for store in run.stores if store.source.kind == "model" and store.items and not store.removed]
        if not stores:
            return []

        @cache
        def face(image: str) -> np.ndarray:
            crop = run.pictures.crop(image)
            return standard(crop.image, crop.landmarks)

        return [
            one
            for network in list(dict.fromkeys(store.source.name for store in stores))[:MOST_NETWORKS]
            for one in _of(network, [s for s in stores if s.source.name == network], face, run.study.show_pictures)
        ]
    except (InputError, OSError):
        return []


def standard(picture: np.ndarray, landmarks: np.ndarray, step: int = 1) -> np.ndarray:
    """A picture, uint8 ``(h, w, 3)``, on the standard face; as `xai_compare.faces.standardize`, but without torch.

    Args:
        picture: the picture.
        landmarks: ``(68, 2)``, x and y in its pixels.
        step: 2 gives every second pixel, across and down.
    """
    places = (weights() @ complete(landmarks, picture.shape[:2])).reshape(*SHAPE, 2)[::step, ::step]
    rows = [places[..., 1], places[..., 0]]
    channels = [map_coordinates(one.astype(float), rows, order=1, mode="nearest") for one in np.moveaxis(picture, 2, 0)]
    return np.stack(channels, -1).round().clip(0, 255).astype(np.uint8)


def _of(network: str, stores: list[MapStore], face: Callable[[str], np.ndarray], show: bool) -> list[Example]:
    chosen: dict[str, Mapping[str, Any]] = {}
    for item in stores[0].items:
        if item["group"] and (show or item.get("dataset") == "simulated"):
            chosen.setdefault(str(item["group"]), item)
    found = []
    for group in ordered(chosen):
        item = chosen[group]
        image = str(item["image"])
        found.append(
            Example(
                network=network,
                image=image,
                group=group,
                label=str(item.get("label") or ""),
                predicted=str(item.get("predicted") or ""),
                face=face(image),
                maps=_maps(stores, stores[0].source.fold, image),
                simulated=item.get("dataset") == "simulated",
            )
        )
    return found


def _maps(stores: list[MapStore], fold: str, image: str) -> dict[str, np.ndarray]:
    """What each explainer says of a picture, in one training of a network."""
    found = {}
    for store in stores:
        place = next((i for i, item in enumerate(store.items) if item["image"] == image), None)
        if place is None or store.source.fold != fold:
            continue
        for index, part in enumerate(store.chunks):
            if part.start <= place < part.stop and store.problem(index) == "":
                values = store.read(index)[place - part.start]
                if np.isfinite(values).all():
                    found[store.source.explainer] = values
    return found
