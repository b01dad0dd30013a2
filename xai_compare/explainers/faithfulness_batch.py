"""Some pictures before one network, and what maps of them are worth: every faithfulness score of a batch at once.

Maps come from the standard face and are brought back to the network's input, so nothing is explained twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from xai_compare.explainers import faithfulness
from xai_compare.explainers.base import Explainer
from xai_compare.explainers.methods.random import RandomMap
from xai_compare.faces import face_prior
from xai_compare.faces.warp import inverse_warp, standardize, unwarp
from xai_compare.models import Model
from xai_compare.models.ensembles import by_pair, is_ensemble


@dataclass(frozen=True)
class FaithfulnessSettings:
    """How maps are judged.

    Attributes:
        steps: of the deletion and insertion curves.
        fill: what stands where the picture is deleted, ``"black"`` or ``"blur"``.
        rectangles: random rectangles for infidelity.
        seed: of the rectangles, the random maps and the shuffled weights.
    """

    steps: int
    fill: faithfulness.Fill
    rectangles: int
    seed: int


class FaithfulnessBatch:
    """Pictures before a network, and what all maps of them share, each made when first needed.

    Args:
        model: the network.
        pictures: uint8 ``(n, h, w, 3)`` at its input size.
        landmarks: float ``(n, 68, 2)`` in their pixels.
        targets: what is explained in each.
        settings: how maps are judged.
    """

    def __init__(
        self,
        model: Model,
        pictures: np.ndarray,
        landmarks: np.ndarray,
        targets: Sequence[Any],
        settings: FaithfulnessSettings,
    ) -> None:
        self.model, self.pictures, self.landmarks = model, pictures, landmarks
        self.targets, self.settings = list(targets), settings

    @cached_property
    def ways(self) -> np.ndarray:
        """The way back from the standard face to each picture."""
        return inverse_warp(self.landmarks, self.model.input.size)

    @cached_property
    def boxes(self) -> np.ndarray:
        """The random rectangles."""
        return faithfulness.rectangles(self.model.input.size, self.settings.rectangles, seed=self.settings.seed)

    @cached_property
    def _parts(self) -> list[tuple[np.ndarray, FaithfulnessBatch]]:
        """The pictures of each network that answers: one, but in an ensemble one for each pair."""
        if not is_ensemble(self.model):
            return [(np.arange(len(self.pictures)), self)]
        return [
            (k, FaithfulnessBatch(one, self.pictures[k], self.landmarks[k], [one.classes] * len(k), self.settings))
            for k, one in by_pair(self.model, self.targets, len(self.pictures))
        ]

    def drops(self) -> np.ndarray:
        """What hiding each rectangle takes from the explained output, float64 ``(n, rectangles)``."""
        found = np.zeros((len(self.pictures), len(self.boxes)))
        for rows, one in self._parts:
            found[rows] = faithfulness.drops(one.model, one.pictures, self.boxes, one.targets)
        return found

    def random(self) -> tuple[np.ndarray, np.ndarray]:
        """Random maps on the standard face, and as they were before."""
        raw = RandomMap(seed=self.settings.seed)(self.model, self.pictures, self.targets)
        return standardize(raw, self.landmarks), raw

    def blind(self) -> dict[str, np.ndarray]:
        """Maps on the standard face that are no network's: the edges of each picture, and where faces are."""
        prior = np.broadcast_to(face_prior().astype(np.float32), (len(self.pictures), *face_prior().shape))
        return {"edges": standardize(faithfulness.edges(self.pictures), self.landmarks), "face prior": prior}

    def scores(self, maps: np.ndarray, drops: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Scores ``(n,)`` and curves ``(n, steps + 1)`` of standardized maps, float32 ``(n, 275, 224)``."""
        seen, settings = unwarp(maps, self.ways), self.settings
        lines = {name: np.zeros((len(maps), settings.steps + 1)) for name in ("deletion", "insertion")}
        scores = {name: np.zeros(len(maps)) for name in lines}
        for rows, one in self._parts:
            found = faithfulness.curves(
                one.model, one.pictures, seen[rows], one.targets, steps=settings.steps, fill=settings.fill
            )
            lines["deletion"][rows], lines["insertion"][rows] = found.deletion, found.insertion
            scores["deletion"][rows], scores["insertion"][rows] = found.deletion_area, found.insertion_area
        scores["infidelity"] = faithfulness.unexplained(seen, self.boxes, drops)
        return scores, lines

    def parameter_randomization(self, explainer: Explainer, maps: np.ndarray, empty: Model) -> np.ndarray:
        """1 less the rank correlation of maps with those of ``empty``, the network with shuffled weights."""
        if explainer.refuses(empty, self.targets) is not None:
            return np.full(len(maps), np.nan)
        return self._changed(explainer, maps, empty)

    def retest(self, explainer: Explainer, maps: np.ndarray, most: int) -> np.ndarray:
        """1 less the rank correlation of maps with those that the explainer makes once more, with another seed.

        Args:
            explainer: that made the maps.
            maps: float32 ``(n, 275, 224)``.
            most: pictures that are explained again; of the others it is NaN. An explainer without a seed is not asked
                again: it would give the same maps, and 0.
        """
        again = faithfulness.reseeded(explainer)
        if again is None:
            return np.where(np.isfinite(maps).all((1, 2)), 0.0, np.nan)
        found = np.full(len(maps), np.nan)
        if most > 0:
            found[:most] = self._changed(again, maps[:most], self.model)
        return found

    def _changed(self, explainer: Explainer, maps: np.ndarray, model: Model) -> np.ndarray:
        some = len(maps)
        after = explainer(model, self.pictures[:some], self.targets[:some], self.landmarks[:some])
        return 1 - faithfulness.likeness(maps, standardize(after, self.landmarks[:some]))
