"""Maps from elsewhere, a file for each picture: brought onto the standard face and scored like an explainer's."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import numpy as np
from pydantic import BaseModel, Field, field_validator, model_validator

from xai_compare.analysis.inputs.drawn_maps import file_hash
from xai_compare.analysis.predict import Predict
from xai_compare.analysis.predict.selection import labelled_facts, map_facts
from xai_compare.errors import InputError, nearest
from xai_compare.files import digest, load_npz
from xai_compare.registry import STAGES
from xai_compare.runs.map_stage import MapStage
from xai_compare.runs.stage import Task
from xai_compare.runs.store import Source
from xai_compare.validation import Strict

if TYPE_CHECKING:
    from xai_compare.runs.job import Job
    from xai_compare.runs.worker import Worker

FIELDS = ("image", "model", "explainer")
SUFFIXES = (".npy", ".npz", ".png", ".tif", ".tiff")
ASPECT = 0.02
"""A map whose sides differ by more than this from its picture's proportions is of another picture."""


class MapsOptions(Strict):
    """Where the maps lie, and of what they are."""

    files: str = Field(description="`folder/{image}.npy`; `{model}` and `{explainer}` if there are several of them")
    of: Literal["picture", "crop"] = Field(
        "picture",
        description="whether a map covers the whole picture, or the upright square crop that networks are fed",
    )
    model: str = Field("elsewhere", pattern=r"^[^/\\]+$", description="the network, where the files do not name it")
    explainer: str = Field("maps", pattern=r"^[^/\\]+$", description="the explainer, where the files do not name it")

    @model_validator(mode="before")
    @classmethod
    def _short(cls, value: Any) -> Any:
        return {"files": value} if isinstance(value, str) else value

    @field_validator("files")
    @classmethod
    def _fields(cls, value: str) -> str:
        named = re.findall(r"\{(.*?)\}", value)
        for field in named:
            if field not in FIELDS:
                raise ValueError(f"unknown field {{{field}}}; {nearest(field, FIELDS)}")
        if named.count("image") != 1 or len(set(named)) < len(named):
            raise ValueError("must hold {image} once, as in folder/{image}.npy")
        if not value.endswith(SUFFIXES):
            raise ValueError(f"must end in {', '.join(SUFFIXES)}")
        return value

    def resolve(self, base: Path) -> None:
        """Make the files start from ``base``."""
        self.files = str(base / Path(self.files).expanduser())


@STAGES.register("maps")
class Maps(MapStage):
    """Stores maps that other tools made.

    Where ``{model}`` is a network of the study, its maps are grouped as its explainers' are (by what it predicts, or by
    label, as the study says), and only the pictures that it explains count; else they are grouped by the label.
    """

    name: ClassVar[str] = "maps"
    title: ClassVar[str] = "maps from elsewhere"
    needs: ClassVar[tuple[str, ...]] = ("predict",)
    Options: ClassVar[type[BaseModel] | None] = MapsOptions

    def __init__(self, job: Job) -> None:
        super().__init__(job)
        self._files = self._find(self.options)
        self._of_source: dict[Source, dict[str, Path]] = {}
        taken = {(spec.label, str(asked.label)) for spec in job.study.models for asked in job.study.explainers}
        for model, explainer in self._files:
            if (model, explainer) in taken:
                what = f"{model}/{explainer} is what the study calls its own maps"
                raise InputError(what, where="maps", hint="give maps another explainer's name")

    def plan(self) -> None:
        """Plan a source for each network and explainer of which there are files."""
        pictures = self.job.pictures
        for (model, explainer), files in self._files.items():
            number = next((n for n, spec in enumerate(self.job.study.models) if spec.label == model), None)
            name, fold = model, ""
            if number is None:
                pictures.find(files)
                images = [image for image in files if not pictures.reason(image)]
                items = labelled_facts(self.job.study, pictures.rows, images)
            else:
                name, fold = self.job.study.models[number].name, self.job.study.models[number].fold or ""
                chosen = self.job.get(Predict).items.get(number, [])
                items = [map_facts(one, pictures.rows.loc[one.image]) for one in chosen if one.image in files]
                images = [str(item["image"]) for item in items]
                if len(chosen) > len(items):
                    self.job.say(
                        f"{model}/{explainer}: {len(chosen) - len(items)} of {len(chosen)} pictures have no map"
                    )
            simulated = any(pictures.rows.at[image, "dataset"] == "simulated" for image in images)
            self._plan(Source("model", name, explainer, fold, simulated), images, items, files)

    def fill(self, task: Task) -> Task:
        """Send along the files."""
        source = task.data.store.source
        files = [str(self._of_source[source][image]) for image in task.images]
        return replace(task, data=replace(task.data, data=(files, self.options.of)))

    @staticmethod
    def make(worker: Worker, task: Task) -> Any:
        """Read the maps of a chunk and bring them onto the standard face."""
        from xai_compare import faces

        files, of = task.data.data
        maps, low, high = [], [], []
        for image, file in zip(task.images, files, strict=True):
            values = read_map(Path(file))
            maps.append(faces.standardize(values[None], _landmarks(worker, image, values.shape, of, file)[None])[0])
            low.append(float(values.min()))
            high.append(float(values.max()))
        return np.stack(maps), {"columns": {"low": low, "high": high, "reason": [""] * len(maps)}}

    def inputs(self) -> list[str]:
        """The files of maps."""
        return [str(file) for files in self._files.values() for file in files.values()]

    def _plan(self, source: Source, images: Sequence[str], items: list[dict[str, Any]], files: dict[str, Path]) -> None:
        self._of_source[source] = files
        hashes = [(file_hash(files[image]), self.job.pictures.sha256(image)) for image in images]
        whole = digest([items, hashes, self.options.of, self.job.pictures.spec.margin])
        self.plan_source(source, items, lambda part: whole, label=source.label + source.fold)

    def _find(self, options: MapsOptions) -> dict[tuple[str, str], dict[str, Path]]:
        """By network and explainer, the file of each picture."""
        parts = re.split(r"\{(.*?)\}", options.files)
        groups = {"image": ".+", "model": "[^/]+", "explainer": "[^/]+"}
        text = "".join(f"(?P<{part}>{groups[part]})" if i % 2 else re.escape(part) for i, part in enumerate(parts))
        root = Path(parts[0]).parent if not parts[0].endswith("/") else Path(parts[0])
        if not root.is_dir():
            raise InputError("no such folder of maps", where=root, hint="check maps: files")
        names = self._names()
        files_of_source: dict[tuple[str, str], dict[str, Path]] = {}
        for path in sorted(root.rglob("*")):
            match = re.fullmatch(text, path.as_posix())
            image = names.get(match["image"]) if match else None
            if match and image is not None and path.is_file():
                named = match.groupdict()
                key = (named.get("model", options.model), named.get("explainer", options.explainer))
                files_of_source.setdefault(key, {})[image] = path
        if not files_of_source:
            first = next(iter(self.job.pictures.rows.index), "")
            what = f"no file is named {Path(options.files).name} with a picture of the study (the first: {first})"
            raise InputError(what, where=root, hint="{image} stands for the picture's name without its ending")
        return files_of_source

    def _names(self) -> dict[str, str]:
        """Every name of a picture, with and without folder and ending, that is no other picture's too."""
        names: dict[str, str] = {}
        doubled: set[str] = set()
        for image in map(str, self.job.pictures.rows.index):
            path = Path(image)
            for name in {image, path.with_suffix("").as_posix(), path.name, path.stem}:
                if names.setdefault(name, image) != image:
                    doubled.add(name)
        return {name: image for name, image in names.items() if name not in doubled}


def read_map(file: Path) -> np.ndarray:
    """A map, float32 ``(h, w)``: from a picture of grey values, a ``.npy`` array, or the one array of a ``.npz``.

    Raises:
        InputError: if it cannot be read as one, or holds values that are not finite.
    """
    from xai_compare.comparison.heatmap_files import read_grey

    if file.suffix != ".npz":
        return np.asarray(read_grey(file), np.float32)
    try:
        archive = load_npz(file)
        names = list(archive)
        values = archive[names[0]] if len(names) == 1 else None
    except InputError:
        raise
    except Exception as error:  # A damaged file makes decoders raise whatever they like.
        raise InputError(f"cannot be read: {error}", where=file) from None
    if values is None:
        raise InputError(f"holds {len(names)} arrays", where=file, hint="save one map in each file")
    if values.ndim != 2 or values.dtype.kind not in "buif" or 0 in values.shape or not np.isfinite(values).all():
        raise InputError(f"a map is (height, width) finite numbers, got {values.dtype} {values.shape}", where=file)
    return values.astype(np.float32)


def _landmarks(worker: Worker, image: str, shape: tuple[int, ...], of: str, file: str) -> np.ndarray:
    """The picture's landmarks in pixels of its map.

    Raises:
        InputError: if the map has other proportions than what it is of.
    """
    if of == "crop":
        placed = worker.pictures.frame(image)
        points, height, width = placed.landmarks, placed.side, placed.side
    else:
        points = np.array(worker.pictures.record(image)["landmarks"], np.float64)
        height, width = worker.pictures.shape(image)
    if abs(shape[1] * height / (shape[0] * width) - 1) > ASPECT:
        what = f"the map is {shape[0]} x {shape[1]} (height x width), the {of} {height} x {width}"
        raise InputError(what, where=file, hint="say `of: crop` or `of: picture`, or make maps of the same proportions")
    return (points + 0.5) * (shape[1] / width, shape[0] / height) - 0.5
