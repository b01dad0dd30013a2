"""One part of a sample judged, in whatever process."""

from __future__ import annotations

from typing import Any

import numpy as np

from xai_compare import comparison
from xai_compare.explainers import faithfulness
from xai_compare.explainers.faithfulness_batch import FaithfulnessBatch, FaithfulnessSettings
from xai_compare.heatmaps import scale
from xai_compare.models import Model
from xai_compare.runs.stage import Task
from xai_compare.runs.worker import Worker


def score(worker: Worker, task: Task) -> dict[str, Any]:
    """Scores, curves and reasons of the maps of some pictures, and the scores of maps they are held against.

    Of random maps also what rectangles take.

    ``task.data`` is a `xai_compare.analysis.faithfulness.stage.Work`.
    """
    work = task.data
    scene = _scene(worker, task)
    if work.maps is None:
        maps, raw = scene.random()
        low, high, reasons = raw.min((1, 2)), raw.max((1, 2)), [""] * len(raw)
    else:
        maps, low, high, reasons = work.maps
    level = [bool(np.ptp(one) == 0) for one in maps]  # Order and sums of such a map are of no picture's making.
    maps = np.where(np.reshape(level, (-1, 1, 1)), np.float32(np.nan), maps)
    reasons = [why or "the map is constant" * flat for why, flat in zip(reasons, level, strict=True)]
    drops = scene.drops() if work.drops is None else work.drops
    scores, curves = scene.scores(maps, drops)
    scaled = scale(maps, low, high, work.scaling)
    if work.regions:
        scores |= _known_scores(work.regions, scaled)
    controls = _controls(scene, work, maps, scaled, drops)
    if work.options.parameter_randomization and work.explainer is not None:
        explainer = worker.explainers[work.explainer]
        scores["parameter_randomization"] = scene.parameter_randomization(
            explainer, maps, _empty(worker, work.number, work.seed)
        )
        controls["again"] = {"parameter_randomization": scene.retest(explainer, maps, work.retest).tolist()}
    result: dict[str, Any] = {
        "images": list(task.images),
        "reasons": reasons,
        "scores": {name: values.tolist() for name, values in scores.items()},
        "curves": {name: values.tolist() for name, values in curves.items()},
        "controls": controls,
    }
    return result | ({"drops": drops.tolist()} if work.explainer is None else {})


def _controls(
    scene: FaithfulnessBatch, work: Any, maps: np.ndarray, scaled: np.ndarray, drops: np.ndarray
) -> dict[str, dict[str, list[float]]]:
    """Scores of further maps that cannot know the picture: of no network, or the explainer's of the next picture."""
    if not work.options.controls:
        return {}
    if work.maps is None:
        others = {name: (one, one) for name, one in scene.blind().items()}
    elif len(maps) > 1:
        # Neighbours in the sample are of different expressions, and all maps lie on one standard face.
        others = {"other picture": (np.roll(maps, -1, 0), np.roll(scaled, -1, 0))}
    else:
        return {}
    result = {}
    for name, (one, as_averaged) in others.items():
        scores, _ = scene.scores(one, drops)
        if work.regions:
            scores |= _known_scores(work.regions, as_averaged)
        result[name] = {score: values.tolist() for score, values in scores.items()}
    return result


def _scene(worker: Worker, task: Task) -> FaithfulnessBatch:
    """The pictures of a part; those of the part before are let go."""
    work = task.data

    def made() -> FaithfulnessBatch:
        pictures, landmarks = worker.inputs(work.number, task.images)
        settings = FaithfulnessSettings(work.options.steps, work.options.fill, work.options.rectangles, work.seed)
        return FaithfulnessBatch(worker.model(work.number), pictures, landmarks, work.targets, settings)

    scene: FaithfulnessBatch = worker.cached("scene", (work.number, task.images), made)
    return scene


def _empty(worker: Worker, number: int, seed: int) -> Model:
    """The network with shuffled weights; that of another network is let go."""
    model: Model = worker.cached(
        "randomized", number, lambda: faithfulness.randomize_parameters(worker.model(number), seed)
    )
    return model


def _known_scores(regions: tuple[np.ndarray | None, ...], maps: np.ndarray) -> dict[str, np.ndarray]:
    auc, energy = np.full((2, len(maps)), np.nan)
    for i, (region, one) in enumerate(zip(regions, maps, strict=True)):
        if region is not None and region.any() and np.isfinite(one).all():
            auc[i], energy[i] = comparison.region_auc(one, region), comparison.region_energy(one, region)
    return {"known_auc": auc, "known_energy": energy}
