"""Explain a few pictures at once, without a study."""

from __future__ import annotations

import glob
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from xai_compare.api.networks import find_network
from xai_compare.errors import InputError, first_line
from xai_compare.inventory import staged

if TYPE_CHECKING:
    import pandas as pd
    import xarray as xr

    from xai_compare.explainers import Explainer
    from xai_compare.models import Model
    from xai_compare.runs.progress import Progress

Pictures = str | Path | np.ndarray | Sequence[str | Path | np.ndarray]


@dataclass
class ExplainedPicture:
    """A picture and its maps, each by the explainer's label.

    Attributes:
        title: the file's name, or ``picture N``.
        crop: uint8 ``(h, w, 3)``, the face as it is in the picture.
        explained: the expression that is explained.
        probability: the network's, for that expression.
        maps: float32 at the network's input size.
        standard_maps: float32 ``(275, 224)``, on the standard face.
        reasons: why a map is undefined; ``""`` where it is not.
        problem: why nothing could be explained; ``""`` where it could.
    """

    title: str
    crop: np.ndarray = field(default_factory=lambda: np.zeros((0, 0, 3), np.uint8))
    explained: str = ""
    probability: float = float("nan")
    maps: dict[str, np.ndarray] = field(default_factory=dict)
    standard_maps: dict[str, np.ndarray] = field(default_factory=dict)
    reasons: dict[str, str] = field(default_factory=dict)
    problem: str = ""


def explain(
    pictures: Pictures,
    model: Model | str,
    explainers: str | Sequence[str | Explainer] | Mapping[str, Explainer],
    *,
    target: str = "predicted",
    device: str = "auto",
    seed: int = 0,
    allow_code: bool = False,
    progress: Progress | None = None,
) -> xr.DataArray:
    """Find the face in each picture, explain what a network says of it, and bring the maps onto the standard face.

    Args:
        pictures: files, a folder, a pattern such as ``"faces/*.jpg"``, or arrays, uint8 ``(h, w, 3)`` RGB.
        model: a bundled network's name (such as ``"photographic"``), ``STUDY.yaml:NAME``, or a loaded `Model`.
        explainers: names, with options if wanted (``"lime:n_samples=200"``), or explainers that were created.
        target: the expression that is explained; what the network predicts by default.
        device: ``"auto"``, ``"cpu"``, ``"cuda"`` or ``"cuda:N"``.
        seed: of the explainers that draw, unless their options name one.
        allow_code: whether a factory, TorchScript or `torch.export` file of the study may run.
        progress: an object that is told how far it is.

    Returns:
        Standard maps, float32 ``(source, picture, y, x)``, NaN where there is none; coordinates ``explained`` and
        ``probability`` of each picture, and ``reason`` of each map that is undefined.

    Raises:
        InputError: if the network, an explainer, an option or the target is unknown, or nothing could be explained.
    """
    import xarray as xr

    from xai_compare.faces import SHAPE

    network, labels, results = _explain_all(pictures, model, explainers, target, device, seed, allow_code, progress)
    done = list(results)
    if all(picture.problem for picture in done):
        raise InputError(f"no picture could be explained ({done[0].problem})", where=done[0].title)
    maps = np.full((len(labels), len(done), *SHAPE), np.nan, np.float32)
    reasons = np.full(maps.shape[:2], "", object)
    for column, picture in enumerate(done):
        for row, label in enumerate(labels):
            reasons[row, column] = picture.problem or picture.reasons[label]
            if not picture.problem:
                maps[row, column] = picture.standard_maps[label]
    coords = {
        "source": [f"{network.name}/{label}" for label in labels],
        "picture": [picture.title for picture in done],
        "explained": ("picture", [picture.explained for picture in done]),
        "probability": ("picture", [picture.probability for picture in done]),
        "reason": (("source", "picture"), reasons.astype(str)),
    }
    return xr.DataArray(maps, coords, ("source", "picture", "y", "x"), name="map")


def write_explanations(
    pictures: Sequence[str | Path],
    model: Model | str,
    explainers: Sequence[str],
    out: Path,
    *,
    target: str = "predicted",
    device: str = "auto",
    seed: int = 0,
    allow_code: bool = False,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Explain picture files as `explain` does; write ``maps.npz`` (raw and standard maps) and a figure for each.

    Returns:
        One row per picture and explainer: image, explainer, explained, probability, file, reason.
    """
    network, labels, results = _explain_all(pictures, model, explainers, target, device, seed, allow_code, progress)
    with staged(out) as folder:
        return _write_maps(folder, pictures, network, labels, results)


def _write_maps(
    out: Path, pictures: Sequence[str | Path], network: Model, labels: Sequence[str], results: Iterable[Any]
) -> pd.DataFrame:
    """The files of `write_explanations`."""
    import pandas as pd

    from xai_compare import report

    rows, arrays = [], {}
    for picture, name in zip(results, _file_names([Path(path) for path in pictures]), strict=True):
        if not picture.problem:
            answer = f"{picture.explained} ({picture.probability:.2f} by {network.name})"
            # Drawn on the face as it is in the picture: at a small network's input size one would hardly see it.
            drawn = {label: enlarged(values, picture.crop.shape[:2]) for label, values in picture.maps.items()}
            about: dict[str, Any] = {"title": picture.title, "answer": answer, "reasons": picture.reasons}
            report.save_explanations(picture.crop, drawn, out / name, **about)
        for label in labels:
            if not picture.problem:
                arrays[f"{name}--{label}"] = picture.maps[label]
                arrays[f"{name}--{label}--standardized"] = picture.standard_maps[label]
            file = "" if picture.problem else f"{name}.png"
            reason = picture.problem or picture.reasons[label]
            rows.append((picture.title, label, picture.explained, picture.probability, file, reason))
    np.savez_compressed(out / "maps.npz", **arrays)
    return pd.DataFrame(rows, columns=["image", "explainer", "explained", "probability", "file", "reason"])


def parse_explainer(text: str) -> tuple[str, dict[str, Any]]:
    """Name and options of an explainer as the command line writes it: ``lime``, ``lime:n_samples=200``.

    Raises:
        InputError: if an option has no value, or its value is not YAML.

    >>> parse_explainer("captum:Saliency:abs=false,n_segments=9")
    ('captum:Saliency', {'abs': False, 'n_segments': 9})
    """
    import yaml

    from xai_compare.validation import parse_yaml

    name, _, last = text.rpartition(":")
    if "=" not in last:
        return text, {}
    where, options = f"--explainer {text}", {}
    for part in last.split(","):
        key, equals, value = part.partition("=")
        if not equals:
            raise InputError(f"option {part!r} has no value", where=where, hint="write NAME:OPTION=VALUE")
        try:
            options[key.strip()] = parse_yaml(value)
        except yaml.YAMLError as error:
            what = f"option {key} = {value!r} cannot be read ({first_line(error)})"
            raise InputError(what, where=where) from None
    return name, options


def enlarged(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A map ``(h, w)`` at another size, bilinearly; float32."""
    from PIL import Image

    image = Image.fromarray(np.asarray(values, np.float32))
    return np.array(image.resize((size[1], size[0]), Image.Resampling.BILINEAR))


def _explain_all(
    pictures: Pictures,
    model: Model | str,
    explainers: Any,
    target: str,
    device: str,
    seed: int,
    allow_code: bool,
    progress: Progress | None,
) -> tuple[Model, list[str], Iterator[ExplainedPicture]]:
    """The network, the explainers' labels, and the pictures one after another; everything is checked at once."""
    from xai_compare.explainers.explained import explain_faces
    from xai_compare.expressions import canonical
    from xai_compare.faces.cropping import FaceCropper
    from xai_compare.models.outputs import remark_on_outputs
    from xai_compare.runs.progress import Silent

    network, cropper = find_network(model, device=device, allow_code=allow_code)
    if (remark := remark_on_outputs(network)) is not None and progress is not None:
        progress.say(f"{network.name}: {remark}")
    goal = target if target == "predicted" else canonical(target)
    if goal != "predicted":
        network.indices([goal])
    created = _created(explainers, seed)
    for label, explainer in created.items():
        if why := explainer.refuses(network, goal):
            raise InputError(why, where=f"{network.name}/{label}")
    named = _named(pictures)

    def one(title: str, picture: Any, cropper: FaceCropper, advance: Any) -> ExplainedPicture:
        try:
            image = picture if isinstance(picture, np.ndarray) else cropper.read(picture)
            crop = cropper.crop(image, cropper.choose(image).face.landmarks)
            small, landmarks = crop.resized(network.input.size)
            output = network.predict(small[None])[0]
            explained = network.classes[int(output.argmax())] if goal == "predicted" else goal
            result = ExplainedPicture(title, crop.image, explained, float(output[network.classes.index(explained)]))
            for label, explainer in created.items():
                made = explain_faces(explainer, network, small[None], landmarks[None], [explained])
                advance(1)
                result.maps[label], result.standard_maps[label] = made.explanation.maps[0], made.maps[0]
                result.reasons[label] = made.explanation.reasons[0]
            return result
        except InputError as error:
            return ExplainedPicture(title, problem=error.what)

    def results() -> Iterator[ExplainedPicture]:
        with (progress or Silent()).stage("explain", len(named) * len(created)) as advance:
            for title, picture in named:
                yield one(title, picture, cropper, advance)

    return network, list(created), results()


def _created(explainers: Any, seed: int) -> dict[str, Explainer]:
    """The explainers by their labels."""
    from xai_compare.explainers import Explainer
    from xai_compare.explainers.explained import create_seeded

    if isinstance(explainers, Mapping):
        return dict(explainers)
    created: dict[str, Explainer] = {}
    for item in [explainers] if isinstance(explainers, str | Explainer) else explainers:
        if isinstance(item, Explainer):
            created[repr(item).removesuffix("()")] = item
        else:
            created[item] = create_seeded(*parse_explainer(item), seed)
    return created


def _named(pictures: Pictures) -> list[tuple[str, str | Path | np.ndarray]]:
    """The pictures, each with a title."""
    if isinstance(pictures, np.ndarray):
        pictures = list(pictures) if pictures.ndim == 4 else [pictures]
    elif isinstance(pictures, str | Path):
        path = Path(pictures)
        pattern = str(path / "*") if path.is_dir() else str(path)
        files = [Path(file) for file in sorted(glob.glob(pattern, recursive=True))]  # noqa: PTH207
        pictures = [file for file in files if file.is_file()]
        if not pictures:
            raise InputError("there is no picture", where=path, hint="name files, a folder, or a pattern of file names")
    return [
        (f"picture {number}" if isinstance(picture, np.ndarray) else _title(Path(picture).name), picture)
        for number, picture in enumerate(pictures)
    ]


def _title(name: str) -> str:
    """A file's name as a table can hold it: bytes of it that are not UTF-8 as their numbers."""
    return name.encode("utf-8", "backslashreplace").decode()


def _file_names(paths: Sequence[Path]) -> list[str]:
    """A file name for each picture: its own without the suffix, told apart by the path where that is not enough."""
    from xai_compare.files import digest, slug

    short = [slug(path.stem) for path in paths]
    return [
        name if short.count(name) == 1 else f"{name}-{digest(str(path))[:8]}"
        for path, name in zip(paths, short, strict=True)
    ]
