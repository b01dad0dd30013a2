"""Shapley values of superpixels, parts of the face or action units (Shapley 1953; Lundberg & Lee 2017)."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field

from xai_compare import faces
from xai_compare.explainers.base import Batch, Explainer, Explanation, Options
from xai_compare.explainers.batched_forward import BatchedForward
from xai_compare.explainers.fillings import Filling, filled
from xai_compare.explainers.game_indices import Functional, LimeIndex, PairIndex, PlayerIndex
from xai_compare.explainers.game_process import estimate_all
from xai_compare.explainers.mask_designs import size_masks
from xai_compare.explainers.methods.lime import CONSTANT, CONSTANT_BELOW, masked, stages
from xai_compare.explainers.players import NO_FACE, Kind, Players, players_of
from xai_compare.explainers.quadrature import Estimate
from xai_compare.explainers.registry import register
from xai_compare.explainers.threads import one_blas_thread
from xai_compare.models import Model, Precision

KERNEL_WIDTH = 0.25
"""Of LIME's weights, as its own default."""
Law = Literal["uniform", "half"]


class GameOptions(Options):
    """Options of Shapley and Banzhaf values."""

    players: Kind = Field(
        "superpixels", description="who is shown or hidden: superpixels, parts of the face, or action units' regions"
    )
    n_segments: int = Field(30, ge=2, le=100, description="superpixels asked of SLIC")
    compactness: float = Field(20.0, gt=0, description="SLIC: weight of nearness against colour")
    n_samples: int = Field(
        1000, ge=16, le=4096, description="masked pictures shown to the network; all 2^players where they suffice"
    )
    filling: Filling = Field("black", description="what is seen where a player is hidden")
    interactions: bool = Field(False, description="also the interactions of all pairs of players")
    target_error: float | None = Field(
        None, gt=0, description="stop at this standard error (root mean square, in probability), at most n_samples"
    )
    precision: Precision = Field("fp32", description="bf16 runs the network in bfloat16")
    seed: int = Field(0, ge=0, lt=2**63)


@dataclass(frozen=True)
class Found:
    """Indices of one picture's players, by name, and from how many masks."""

    indices: dict[str, Estimate]
    samples: int


@register("shapley")
class Shapley(Explainer):
    """Each player's mean effect on the explained probability, over all orders in which the players may be shown.

    The values add up to the whole picture's output less that of the picture with everything hidden. With all masks
    shown they are exact; else they come, as LIME's weights do, by Bayesian quadrature with a standard error.

    Extras, lists with an entry for each picture: ``values`` and ``standard_error`` float64 ``(players,)``; ``players``
    their names; from the same masks ``shapley``, ``banzhaf`` and ``lime`` with ``shapley_error`` and so on, and, with
    ``interactions``, ``interactions`` (the Shapley interaction index; for ``banzhaf`` Banzhaf's) and
    ``faithful_interactions`` (Faith-Shap, order 2) with ``..._error``, symmetric ``(players, players)``, 0 on the
    diagonal. ``segments`` int16 ``(n, H, W)``, the player of each pixel (of action units, which overlap, the cell);
    ``samples`` ``(n,)``.
    """

    alone: ClassVar[bool] = True  # It estimates in a second thread while the network runs.
    Options = GameOptions
    law: ClassVar[Law] = "uniform"
    main: ClassVar[str] = "shapley"

    def explain_batch(self, model: Model, batch: Batch) -> Explanation:
        """Values of players in units of probability, on their pixels."""
        n, size = len(batch), model.input.size
        maps, samples = np.full((n, *size), np.nan, np.float32), np.full(n, np.nan)
        segments = np.full((n, *size), -1, np.int16)
        reasons, lists = [""] * n, []
        with one_blas_thread():
            for i, (players, found) in enumerate(self._all(model, batch)):
                names = [] if isinstance(players, str) else list(players.names)
                if isinstance(players, str) or isinstance(found, str):
                    reasons[i] = str(found)
                    indices = {name: Estimate(*np.full((2, k), np.nan)) for name, k in self._sizes(len(names)).items()}
                else:
                    indices, samples[i] = found.indices, found.samples
                    maps[i] = players.on_pixels(indices[self.main].coefficients)
                if not isinstance(players, str):
                    segments[i] = players.cells
                lists.append(self._listed(indices, names))
        extras = {key: [one[key] for one in lists] for key in lists[0]} if lists else {}
        return Explanation(maps, reasons, {"segments": segments, "samples": samples, **extras})

    def _all(self, model: Model, batch: Batch) -> Iterator[tuple[Players | str, Found | str]]:
        """Each picture's players and indices; a second thread estimates while the network sees the next picture."""
        options = self.options
        with ThreadPoolExecutor(1) as aside:
            waiting: deque[tuple[Players | str, Future[Found | str]]] = deque()
            for i, image in enumerate(batch.images):
                landmarks = self._landmarks(batch, i)
                players: Players | str = NO_FACE
                if landmarks is not None or options.filling != "mean_face":
                    players = players_of(options.players, image, landmarks, options.n_segments, options.compactness)
                waiting.append((players, self._one(model, batch, i, players, landmarks, aside)))
                if len(waiting) > 1:
                    before, found = waiting.popleft()
                    yield before, found.result()
            for before, found in waiting:
                yield before, found.result()

    def _landmarks(self, batch: Batch, i: int) -> np.ndarray | None:
        """Those given, else those found in the picture; None if they are not needed, or there is no face."""
        if self.options.players == "superpixels" and self.options.filling != "mean_face":
            return None
        if batch.landmarks is not None:
            return np.asarray(batch.landmarks[i], float)
        found = faces.detect(batch.images[i])
        return found[0].landmarks if found else None

    def _one(
        self,
        model: Model,
        batch: Batch,
        i: int,
        players: Players | str,
        landmarks: np.ndarray | None,
        aside: ThreadPoolExecutor,
    ) -> Future[Found | str]:
        options, future = self.options, Future[Found | str]()
        if isinstance(players, str):
            future.set_result(players)
            return future
        masks = self.masks(len(players.names), batch.seeds[i])
        show = self.shown(model, batch, i, players, landmarks)
        weights = batch.weights[i].double().cpu().numpy()
        distances, seen = players.distances(), np.zeros((0, len(model.classes)))
        for n in stages(len(masks), len(players.names), options.target_error):
            seen = np.concatenate([seen, show(masks[len(seen) : n])])
            values = seen @ weights
            if np.ptp(values) < CONSTANT_BELOW:
                future.set_result(CONSTANT)
                return future
            future = aside.submit(self._found, masks[:n], values, seen, distances)
            if options.target_error:
                found = future.result()
                assert isinstance(found, Found)
                if np.sqrt(np.mean(found.indices[self.main].errors ** 2)) <= options.target_error:
                    break
        return future

    def masks(self, players: int, seed: int) -> np.ndarray:
        """The masks that are shown, uint8 ``(n, players)``, all different."""
        return size_masks(players, self.options.n_samples, seed)

    def shown(
        self, model: Model, batch: Batch, i: int, players: Players, landmarks: np.ndarray | None
    ) -> Callable[[np.ndarray], np.ndarray]:
        """What gives class probabilities, float64 ``(n, classes)``, of picture ``i`` under masks ``(n, players)``."""
        picture = batch.inputs[i]
        hidden = filled(self.options.filling, model, batch, i, landmarks)
        make = masked(picture, hidden, torch.from_numpy(players.cells).to(picture.device))
        run = BatchedForward(model, "probabilities", self.options.precision)

        def show(masks: np.ndarray) -> np.ndarray:
            switches = torch.from_numpy(players.shown(masks)).to(picture.device, torch.bool)
            return run.perturbed(make, switches).double().cpu().numpy()

        return show

    def _found(self, masks: np.ndarray, values: np.ndarray, seen: np.ndarray, distances: np.ndarray) -> Found:
        return Found(estimate_all(masks, values, seen, distances, self.asked(masks.shape[1])), len(masks))

    def asked(self, players: int) -> dict[str, Functional]:
        """The indices that are estimated, by name."""
        indices: dict[str, Functional] = {
            "shapley": PlayerIndex("uniform"),
            "banzhaf": PlayerIndex("half"),
            "lime": LimeIndex(players, KERNEL_WIDTH),
        }
        if self.options.interactions:
            indices |= {"interactions": PairIndex(self.law), "faithful_interactions": PairIndex("beta")}
        return indices

    def _sizes(self, players: int) -> dict[str, int]:
        """How many numbers each index has."""
        sizes = dict.fromkeys(("shapley", "banzhaf", "lime"), players)
        if self.options.interactions:
            sizes |= dict.fromkeys(("interactions", "faithful_interactions"), players * (players - 1) // 2)
        return sizes

    def _listed(self, indices: dict[str, Estimate], names: list[str]) -> dict[str, Any]:
        listed: dict[str, Any] = {
            "values": indices[self.main].coefficients,
            "standard_error": indices[self.main].errors,
            "players": names,
        }
        for name, found in indices.items():
            for key, values in ((name, found.coefficients), (f"{name}_error", found.errors)):
                listed[key] = square(values, len(names)) if name.endswith("interactions") else values
        return listed

    def chunk(self, model: Model) -> int:
        """Few, so that memory does not grow with the number of pictures."""
        return 8

    def forwards(self, model: Model) -> int:
        """The number of samples, or of all masks where those suffice."""
        options = self.options
        return int(min(options.n_samples, 2**8) if options.players == "parts" else options.n_samples)


def square(pairs: np.ndarray, players: int) -> np.ndarray:
    """Values of pairs i < j as a symmetric matrix ``(players, players)``, 0 on its diagonal."""
    matrix = np.zeros((players, players))
    matrix[np.triu_indices(players, 1)] = pairs
    return matrix + matrix.T
