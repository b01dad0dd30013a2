"""A study from a folder of photographs and a few names, without a line of YAML; and the file in which it goes on."""

from __future__ import annotations

import glob
import mimetypes
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from xai_compare.errors import InputError

AT_MOST = 60
"""Pictures that are used unless more are asked for: the page stands within minutes."""
MODELS, EXPLAINERS = ("photographic",), ("cam", "grad_cam", "lime")
CLICK_WIDTH = 0.05
"""Standard deviation of a click's Gaussian, as a share of the pictures' width, where no visual angle is known."""

_WEIGHTS = (".pt", ".pth", ".bin", ".ckpt", ".safetensors", ".tar")
_FORMATS = {
    ".onnx": "onnx",
    ".keras": "keras",
    ".h5": "keras",
    ".hdf5": "keras",
    ".pt2": "export",
    ".ts": "torchscript",
}

SCHEMA_LINE = "# yaml-language-server: $schema=study.schema.json"

_ABOUT = {
    "name": "What the report calls the study.",
    "seed": "Of everything that is drawn by chance; the same seed gives the same numbers.",
    "images": "The pictures. `per_expression` limits how many of each expression are explained, `at_most` how many\n"
    "are used at all; `choose_by: label` explains the label instead of what the network answers.",
    "models": "The networks: a bundled one by its name, or your own, such as\n"
    "  - {name: mine, timm: resnet18, weights: best.safetensors, classes: [anger, disgust, ...]}\n"
    "`xai-compare check-model` tells whether the order of the classes is right.",
    "explainers": "What explains the answers, by name; options go beneath, such as\n"
    "  - {lime: {n_segments: 30, n_samples: 1000}}",
    "human": "Where people clicked or looked. `pixels_per_degree` says how many pixels of the pictures are one degree\n"
    "of visual angle; a point becomes a Gaussian of `sigma_degrees`.",
    "note": "Shown in the report.",
    "masks": "Where the anatomy says that an expression shows: `ekman`, a folder of masks, or null.",
    "compare": "The comparisons: thresholds, the number of bootstrap replicates, correlations.",
}
_FURTHER = """\
# What can be asked for besides (remove the #); docs/study.md says what each means:
# faithfulness: true       # does what a map marks change the answer?
# tests: true              # analyses of variance over networks and explainers
# multiverse: true         # do the results depend on the choices made?
# show_pictures: true      # may the page show single photographs?
"""


def is_pictures(source: str | Path) -> bool:
    """Whether something names pictures (a folder, a manifest, a pattern, a picture) rather than a study file.

    >>> is_pictures("faces/*.jpg"), is_pictures("labels.csv"), is_pictures("study.yaml")
    (True, True, False)
    """
    name = str(source)
    kind = mimetypes.guess_type(name)[0] or ""
    listed = name.lower().endswith((".csv", ".tsv"))
    return Path(name).is_dir() or glob.has_magic(name) or listed or kind.startswith("image/")


def quick_study(
    pictures: str | Path,
    *,
    models: Sequence[Mapping[str, Any] | str] = (),
    explainers: Sequence[str] = (),
    clicks: str | Path | None = None,
    gaze: str | Path | None = None,
    pixels_per_degree: float | None = None,
    screen: Mapping[str, Any] | None = None,
    per_expression: int | None = None,
    at_most: int | None = AT_MOST,
    seed: int = 0,
) -> dict[str, Any]:
    """The study of some pictures, as the mapping that a study file holds; paths are absolute.

    Args:
        pictures: a folder (with a sub-folder per expression, or none), a manifest (CSV), or a pattern of file names.
        models: names of bundled networks, or networks as a study has them; `photographic` by default.
        explainers: names, with options if wanted (``"lime:n_samples=200"``); CAM, Grad-CAM and LIME by default.
        clicks, gaze: files of people, in any format that is recognised.
        pixels_per_degree: pixels of the pictures in one degree of visual angle. Gaze needs it, or ``screen``; for
            clicks a Gaussian of 5 % of the pictures' width is used without it.
        screen: ``resolution``, ``size_cm`` and ``distance_cm`` of the screen.
        per_expression: pictures explained of each expression; all by default.
        at_most: pictures used at all, drawn by the seed; None for all.
        seed: of everything that is drawn.

    Raises:
        InputError: if there is no picture, or people's files need what was not given.
    """
    where = str(Path(pictures).absolute())
    kind = "folder" if Path(where).is_dir() else "manifest" if where.lower().endswith((".csv", ".tsv")) else "files"
    images: dict[str, Any] = {kind: where, "at_most": at_most, "per_expression": per_expression}
    study: dict[str, Any] = {
        "name": _title(Path(where), kind),
        "seed": seed,
        "images": {key: value for key, value in images.items() if value is not None},
        "models": [model if isinstance(model, str) else dict(model) for model in models or MODELS],
        "explainers": [_explainer(name) for name in explainers or EXPLAINERS],
    }
    people: list[dict[str, Any]] = []
    for name, file in (("clicks", clicks), ("gaze", gaze)):
        if file is not None:
            people.append({"name": name, "file": str(Path(file).absolute()), "format": "auto"})
            if screen:
                people[-1]["screen"] = dict(screen)
            elif name == "gaze" and pixels_per_degree is None:
                hint = "give --pixels-per-degree, or --resolution, --screen-cm and --distance-cm"
                raise InputError("the visual angle of gaze is not known", where=file, hint=hint)
            else:
                people[-1]["pixels_per_degree"] = pixels_per_degree or _click_width(study)
    if any("pixels_per_degree" in human for human in people) and pixels_per_degree is None:
        width = people[0]["pixels_per_degree"]
        study["note"] = (
            f"The visual angle of the clicks is not known: each counts as a Gaussian of {width:g} pixels, "
            f"{CLICK_WIDTH:.0%} of the median width of the pictures."
        )
    return {**study, **({"human": people} if people else {}), "masks": "ekman"}


def network(model: str, arch: str | None = None, classes: Sequence[str] = ()) -> str | dict[str, Any]:
    """A network as a study has it, from what a command line can say.

    Args:
        model: a bundled network's name, a file of weights (with ``arch``), an ONNX or Keras file, or a folder in
            Hugging Face's layout.
        arch: an architecture of timm, or of torchvision as ``torchvision:NAME``.
        classes: the expressions, in the order of the outputs.

    Raises:
        InputError: if a file is missing, or needs an architecture or classes.

    >>> network("photographic")
    'photographic'
    """
    file = Path(model)
    if not file.suffix and not file.exists() and arch is None:
        return model
    suffix = file.suffix.lower()
    if not file.exists():
        raise InputError("no such file or folder", where=f"--model {model}", hint="check its name")
    place = str(file.absolute())
    spec: dict[str, Any] = {"name": file.stem, "classes": list(classes)}
    if suffix in _WEIGHTS:
        if arch is None:
            raise InputError("weights need an architecture", where=f"--model {model}", hint="add --arch resnet18")
        library, _, name = arch.rpartition(":")
        spec |= {library or "timm": name, "weights": place}
    else:
        spec |= {"hf" if file.is_dir() else _FORMATS.get(suffix, "onnx"): place}
    if not classes and not file.is_dir():
        hint = "add --classes anger,disgust,... in the order of its outputs; check-model tells whether it is right"
        raise InputError("its classes are not known", where=f"--model {model}", hint=hint)
    return {key: value for key, value in spec.items() if value}


def _title(where: Path, kind: str) -> str:
    """The folder's name, or the manifest's, or the part of a pattern before its first wildcard."""
    if kind != "files":
        return where.stem if kind == "manifest" else where.name
    parts = [part for part in where.parts if not glob.has_magic(part)]
    return Path(*parts).stem or "pictures"


def _explainer(text: str) -> str | dict[str, Any]:
    from xai_compare.api.explaining import parse_explainer

    name, options = parse_explainer(text)
    return {name: options} if options else name


def _click_width(study: Mapping[str, Any]) -> float:
    """Pixels in what stands for a degree: `CLICK_WIDTH` of the median width of the pictures."""
    import statistics

    from PIL import Image

    from xai_compare.runs.face_cache import read_pictures
    from xai_compare.study import Study

    widths = []
    for file in read_pictures(Study.parse(dict(study))).rows["path"]:
        try:
            with Image.open(file) as picture:
                widths.append(picture.width)
        except OSError:  # The run itself says why it cannot be read.
            continue
    return round(CLICK_WIDTH * statistics.median(widths), 2) if widths else 1.0


def study_text(study: Mapping[str, Any], beside: Path | None = None) -> str:
    """A study as commented YAML, to be edited.

    Args:
        study: the mapping that a study file holds.
        beside: the folder that the file will lie in; paths below it become relative.
    """
    lines = [SCHEMA_LINE, "# Run it with: xai-compare run THIS_FILE", ""]
    for key, value in study.items():
        lines += [f"# {line}" for line in _ABOUT[key].splitlines()]
        block = yaml.safe_dump({key: _relative(value, beside)}, sort_keys=False, allow_unicode=True, width=110)
        lines += [block]
    return "\n".join(lines) + _FURTHER


def _relative(value: Any, beside: Path | None) -> Any:
    if isinstance(value, Mapping):
        return {key: _relative(item, beside) for key, item in value.items()}
    if isinstance(value, list):
        return [_relative(item, beside) for item in value]
    if beside is not None and isinstance(value, str) and Path(value).is_absolute():
        base = beside.resolve()
        return str(Path(value).relative_to(base)) if Path(value).is_relative_to(base) else value
    return value


def write_study(study: Mapping[str, Any], folder: Path, name: str = "study.yaml", *, overwrite: bool = False) -> Path:
    """Write a study to be edited, and the schema that its first line names, into a folder.

    Raises:
        InputError: if the file is there already and may not be replaced.
    """
    import json

    from xai_compare.files import write_atomically
    from xai_compare.study.schema import schema

    place = folder / name
    if place.exists() and not overwrite:
        raise InputError("is there already", where=place, hint="choose another folder, or --overwrite")
    folder.mkdir(parents=True, exist_ok=True)
    write_atomically(folder / "study.schema.json", json.dumps(schema(), indent=1))
    write_atomically(place, study_text(study, folder))
    return place
