"""A few pictures, explained at once, without a study."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from xai_compare import explainers, models, report, synthetic
from xai_compare.errors import InputError, nearest
from xai_compare.expressions import canonical
from xai_compare.faces import detect, standardize
from xai_compare.images import align, read_image
from xai_compare.models import Model
from xai_compare.runs.journal import digest, slug
from xai_compare.runs.work import create_explainer
from xai_compare.study import ExplainerSpec, Study


def explain_pictures(
    images: Sequence[Path],
    model: str,
    names: Sequence[str],
    out: Path,
    *,
    target: str = "predicted",
    device: str = "auto",
    seed: int = 0,
) -> pd.DataFrame:
    """Explain pictures; writes ``maps.npz`` (map and standardized map of each) and a figure per picture.

    Args:
        images: files.
        model: a bundled network's name, or ``FILE.yaml:NAME`` for a model of a study.
        names: explainers.
        out: the directory to write into.
        target: an expression, or ``"predicted"``.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        seed: of the explainers that draw.

    Returns:
        One row per picture and explainer: image, explainer, explained, probability, file, reason.

    Raises:
        InputError: if the network, an explainer or the target is unknown.
    """
    network = _network(model).to(models.torch_device(device))
    goal = target if target == "predicted" else canonical(target)
    if goal != "predicted":
        network.indices([goal])
    made = {name: create_explainer(ExplainerSpec(name=name), seed) for name in names}
    for name, explainer in made.items():
        refusal = explainer.refusal(network)
        if refusal:
            raise InputError(refusal, where=f"{network.name}/{name}")
    rows, kept = [], {}
    for path, name in zip(images, _names(images), strict=True):
        try:
            more, maps = _explain(path, name, network, made, goal, out)
            rows += more
            kept.update(maps)
        except InputError as error:
            rows += [_row(path, one, reason=error.what) for one in made]
    out.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(out / "maps.npz", **kept)  # type: ignore[arg-type]
    return pd.DataFrame(rows)


def _network(model: str) -> Model:
    if model in synthetic.BUNDLED:
        return models.load({"bundled": model})
    file, _, name = model.rpartition(":")
    if not file:
        mend = f"{nearest(model, synthetic.BUNDLED)} or FILE.yaml:NAME"
        raise InputError(f"no bundled network is called {model!r}", mend=mend)
    study = Study.load(file)
    for spec in study.models:
        if name in (spec.name, spec.label):
            return models.load(spec.loading(), base=spec.folder)
    raise InputError(f"no model {name!r}", where=file, mend=nearest(name, [spec.label for spec in study.models]))


def _names(images: Sequence[Path]) -> list[str]:
    """A file name for each picture: its own without the suffix, told apart by the path where that is not enough."""
    short = [slug(path.stem) for path in images]
    return [
        name if short.count(name) == 1 else f"{name}-{digest(str(path))[:8]}"
        for path, name in zip(images, short, strict=True)
    ]


def _explain(
    path: Path, name: str, network: Model, made: dict[str, explainers.Explainer], goal: str, out: Path
) -> tuple[list[dict[str, object]], dict[str, np.ndarray]]:
    picture = read_image(path)
    found = detect(picture)
    if not found:
        raise InputError("no face found", where=path)
    crop = align(picture, found[0].landmarks)
    small, landmarks = crop.resized(network.input.size)
    output = network.predict(small[None])[0]
    explained = network.classes[int(output.argmax())] if goal == "predicted" else goal
    probability = float(output[network.classes.index(explained)])
    results = {name: explainer.explain(network, small[None], [explained]) for name, explainer in made.items()}
    maps = {name: result.maps[0] for name, result in results.items()}
    answer = f"{explained} ({probability:.2f} by {network.name})"
    reasons = {name: result.reasons[0] for name, result in results.items()}
    stem = out / name
    report.save_explanations(small, maps, stem, title=path.name, answer=answer, reasons=reasons)
    kept = {}
    for explainer, one in maps.items():
        kept[f"{name}--{explainer}"] = one
        kept[f"{name}--{explainer}--standardized"] = standardize(one[None], landmarks[None])[0]
    rows = [_row(path, name, explained, probability, f"{stem.name}.png", reasons[name]) for name in made]
    return rows, kept


def _row(
    path: Path, name: str, explained: str = "", probability: float = float("nan"), file: str = "", reason: str = ""
) -> dict[str, object]:
    facts = {"image": path.name, "explainer": name, "explained": explained}
    return {**facts, "probability": probability, "file": file, "reason": reason}
