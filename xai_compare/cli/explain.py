"""`xai-compare explain`: a few pictures, explained at once, without a study."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from xai_compare.cli.app import AllowCode, Device, RequiredOut, app, show
from xai_compare.errors import InputError, nearest

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

    from xai_compare.explainers import Explainer
    from xai_compare.faces.cropping import FaceCropper
    from xai_compare.models import Model
    from xai_compare.runs.progress import Progress


@app.command()
def explain(
    images: Annotated[list[Path], typer.Argument(help="Pictures of faces.")],
    out: RequiredOut,
    model: Annotated[str, typer.Option(help="A bundled network's name, or a study file's model as FILE.yaml:NAME.")],
    explainer: Annotated[
        list[str], typer.Option(help="An explainer, with options if wanted: lime:n_samples=200. May be repeated.")
    ],
    target: Annotated[str, typer.Option(help="The expression explained; the predicted one by default.")] = "predicted",
    device: Device = "auto",
    seed: Annotated[int, typer.Option(help="Seed of the explainers that draw.")] = 0,
    allow_code: AllowCode = False,
) -> None:
    """Explain a few pictures: maps as arrays, and figures with picture, map and overlay.

    With a model of a study, faces are found and cut as the study says (margin, predictor, max_pixels).
    """
    from xai_compare.cli.screen import Screen

    with Screen() as screen:
        how: dict[str, Any] = {"device": device, "seed": seed, "allow_code": allow_code, "progress": screen}
        rows = explain_pictures(images, model, explainer, out, target=target, **how)
    show(rows, "Explained")
    skipped = rows[rows["reason"] != ""]
    if len(rows) and len(skipped) == len(rows):
        raise InputError(f"no picture could be explained ({rows['reason'].iloc[0]})")


@dataclass(frozen=True)
class _Asked:
    """What every picture is explained with."""

    network: Model
    cutter: FaceCropper
    explainers: dict[str, Explainer]
    goal: str
    out: Path
    advance: Callable[[int], None]


def explain_pictures(
    images: Sequence[Path],
    model: str,
    names: Sequence[str],
    out: Path,
    *,
    target: str = "predicted",
    device: str = "auto",
    seed: int = 0,
    allow_code: bool = False,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Explain pictures; writes ``maps.npz`` (map and standardized map of each) and a figure per picture.

    Args:
        images: files.
        model: a bundled network's name, or ``FILE.yaml:NAME`` for a model of a study.
        names: explainers, with options if wanted: ``NAME:OPTION=VALUE,OPTION=VALUE``.
        out: the directory to write into.
        target: an expression, or ``"predicted"``.
        device: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        seed: of the explainers that draw, unless their options name one.
        allow_code: whether a study's factory may run.
        progress: who is told how far it is.

    Returns:
        One row per picture and explainer: image, explainer, explained, probability, file, reason.

    Raises:
        InputError: if the network, an explainer, an option or the target is unknown.
    """
    import numpy as np
    import pandas as pd

    from xai_compare import models
    from xai_compare.explainers.explained import create_seeded
    from xai_compare.expressions import canonical
    from xai_compare.runs.progress import Silent

    network, cutter = _network(model, allow_code)
    network.to(models.torch_device(device))
    goal = target if target == "predicted" else canonical(target)
    if goal != "predicted":
        network.indices([goal])
    specs = {name: explainer_spec(name) for name in names}
    made = {name: create_seeded(spec.name, spec.options, seed) for name, spec in specs.items()}
    for name, explainer in made.items():
        refusal = explainer.refuses(network, goal)
        if refusal:
            raise InputError(refusal, where=f"{network.name}/{name}")
    rows, kept = [], {}
    with (progress or Silent()).stage("explain", len(images) * len(made)) as advance:
        asked = _Asked(network, cutter, made, goal, out, advance)
        for path, name in zip(images, _names(images), strict=True):
            try:
                more, maps = _explain(path, name, asked)
                rows += more
                kept.update(maps)
            except InputError as error:
                rows += [_row(path, one, reason=error.what) for one in made]
    out.mkdir(parents=True, exist_ok=True)
    np.savez_compressed(out / "maps.npz", **kept)  # type: ignore[arg-type]
    return pd.DataFrame(rows)


def explainer_spec(text: str) -> Any:
    """An explainer as the command line names it: ``lime``, ``lime:n_samples=200``, ``captum:saliency:abs=false``.

    Raises:
        InputError: if an option has no value, or its value is not YAML.

    >>> explainer_spec("lime:n_samples=200").options
    {'n_samples': 200}
    """
    import yaml

    from xai_compare.study import ExplainerSpec
    from xai_compare.validation import parse_yaml

    name, _, last = text.rpartition(":")
    if "=" not in last:
        return ExplainerSpec(name=text)
    options = {}
    for part in last.split(","):
        key, equals, value = part.partition("=")
        if not equals:
            raise InputError(
                f"option {part!r} has no value", where=f"--explainer {text}", hint="write NAME:OPTION=VALUE"
            )
        try:
            options[key.strip()] = parse_yaml(value)
        except yaml.YAMLError:
            raise InputError(f"option {key} = {value!r} cannot be read", where=f"--explainer {text}") from None
    return ExplainerSpec(name=name, label=text.replace("/", "-").replace("\\", "-"), options=options)


def _network(model: str, allow_code: bool) -> tuple[Model, FaceCropper]:
    """The network, and how the faces of its study are cut."""
    from xai_compare import models
    from xai_compare.faces.cropping import FaceCropper
    from xai_compare.models.bundled import NAMES
    from xai_compare.study import Study

    if model in NAMES:
        return models.load({"bundled": model}), FaceCropper()
    file, _, name = model.rpartition(":")
    if not file:
        hint = f"{nearest(model, NAMES)} or FILE.yaml:NAME"
        raise InputError(f"no bundled network is called {model!r}", hint=hint)
    study = Study.load(file)
    how = FaceCropper(study.images.margin, study.images.predictor, study.images.max_pixels)
    for spec in study.models:
        if name in (spec.name, spec.label):
            return models.load(spec.loading(), allow_code=allow_code), how
    raise InputError(f"no model {name!r}", where=file, hint=nearest(name, [spec.label for spec in study.models]))


def _names(images: Sequence[Path]) -> list[str]:
    """A file name for each picture: its own without the suffix, told apart by the path where that is not enough."""
    from xai_compare.runs.store import digest, slug

    short = [slug(path.stem) for path in images]
    return [
        name if short.count(name) == 1 else f"{name}-{digest(str(path))[:8]}"
        for path, name in zip(images, short, strict=True)
    ]


def _explain(path: Path, name: str, asked: _Asked) -> tuple[list[dict[str, object]], dict[str, np.ndarray]]:
    from xai_compare import report
    from xai_compare.explainers.explained import explain_faces

    network, goal = asked.network, asked.goal
    picture = asked.cutter.read(path)
    crop = asked.cutter.crop(picture, asked.cutter.choose(picture).face.landmarks)
    small, landmarks = crop.resized(network.input.size)
    output = network.predict(small[None])[0]
    explained = network.classes[int(output.argmax())] if goal == "predicted" else goal
    probability = float(output[network.classes.index(explained)])
    maps, reasons, kept = {}, {}, {}
    for label, explainer in asked.explainers.items():
        made = explain_faces(explainer, network, small[None], landmarks[None], [explained])
        maps[label], reasons[label] = made.explanation.maps[0], made.explanation.reasons[0]
        asked.advance(1)
        kept[f"{name}--{label}"], kept[f"{name}--{label}--standardized"] = maps[label], made.maps[0]
    stem = asked.out / name
    answer = f"{explained} ({probability:.2f} by {network.name})"
    # Drawn on the face as it is in the picture: at a small network's input size one would hardly see it.
    drawn = {label: enlarged(one, crop.image.shape[:2]) for label, one in maps.items()}
    report.save_explanations(crop.image, drawn, stem, title=path.name, answer=answer, reasons=reasons)
    rows = [_row(path, one, explained, probability, f"{stem.name}.png", reasons[one]) for one in maps]
    return rows, kept


def enlarged(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A map ``(h, w)`` at another size, bilinearly; float32."""
    import numpy as np
    from PIL import Image

    image = Image.fromarray(np.asarray(values, np.float32))
    return np.array(image.resize((size[1], size[0]), Image.Resampling.BILINEAR))


def _row(
    path: Path, name: str, explained: str = "", probability: float = float("nan"), file: str = "", reason: str = ""
) -> dict[str, object]:
    facts = {"image": path.name, "explainer": name, "explained": explained}
    return {**facts, "probability": probability, "file": file, "reason": reason}
