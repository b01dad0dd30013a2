"""People and known regions as sources: their maps are cut and warped as the pictures are."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from xai_compare import faces, human
from xai_compare.errors import InputError, nearest
from xai_compare.images import Crop, read_image
from xai_compare.runs.faces import Faces
from xai_compare.runs.journal import digest
from xai_compare.runs.points import on_face, points_are, write_points
from xai_compare.runs.provenance import sha256
from xai_compare.runs.selection import pair_name
from xai_compare.runs.store import MapStore, Source
from xai_compare.study import HumanSpec, Study

Advance = Callable[[int], None]


@dataclass(frozen=True)
class People:
    """A human source: who clicked or looked where.

    Attributes:
        spec: as the study says.
        points: participant, image, x, y, ...
        images: those of the study's images that they saw.
        sigma: standard deviation of the Gaussian, in pixels of the pictures.
    """

    spec: HumanSpec
    points: pd.DataFrame
    images: list[str]
    sigma: float

    @property
    def files(self) -> list[str]:
        """The data files."""
        return list(self.points.attrs.get("files", []))

    def account(self) -> dict[str, Any]:
        """What the provenance says of it: points read, points dropped by reason, columns renamed, sigma in pixels."""
        attrs = self.points.attrs
        counts = {key: attrs.get(key, {}) for key in ("points", "dropped", "renamed")}
        return {**counts, "images": len(self.images), "sigma_px": self.sigma}


def pixels_per_degree(spec: HumanSpec) -> float:
    """Pixels per degree of visual angle, given or computed from the screen.

    Raises:
        InputError: if the study gives neither.
    """
    if spec.pixels_per_degree is not None:
        return spec.pixels_per_degree
    screen = spec.screen
    if screen and screen.size_cm and screen.distance_cm and screen.resolution:
        return human.pixels_per_degree(screen.size_cm, screen.distance_cm, screen.resolution)
    raise InputError(
        "how many pixels a degree of visual angle has is not known",
        where=f"human source {spec.name!r}",
        mend="give pixels_per_degree, or screen: {size_cm, distance_cm, resolution}",
    )


def read(spec: HumanSpec, images: Sequence[str]) -> People:
    """Read a human source and match it with the study's images.

    Raises:
        InputError: if the files are unreadable, the format is unknown, or no point lies on an image of the study.
    """
    where = f"human source {spec.name!r}"
    clicks, fixations = human.click_formats(), human.fixation_formats()
    if spec.format not in (*clicks, *fixations):
        mend = nearest(spec.format, (*clicks, *fixations))
        raise InputError(f"unknown format {spec.format!r}", where=where, mend=mend)
    sigma = spec.sigma_degrees * pixels_per_degree(spec)
    reader = human.read_clicks if spec.format in clicks else human.read_fixations
    points = reader(spec.file, format=spec.format)
    found, _ = human.match(points["image"].astype(str).unique(), images)
    if not found:
        some = ", ".join(str(name) for name in points["image"].unique()[:3])
        raise InputError(f"none of its images is in the manifest (it has {some} ...)", where=where)
    seen = set(found.values())
    return People(spec, points, [image for image in images if image in seen], sigma)


def groups(study: Study, pictures: Faces) -> dict[str, str]:
    """The group of each image by its label, for sources that predict nothing; ``""`` where it is not labelled."""
    rows = pictures.rows
    if study.images.pairs:
        pairs = zip(rows["expression"], rows["false_label"], strict=True)
        names = [pair_name(a, b) if a and b else "" for a, b in pairs]
        return dict(zip(rows.index.astype(str), names, strict=True))
    return dict(zip(rows.index.astype(str), rows["expression"].astype(str), strict=True))


def store_people(
    run: Path,
    people: People,
    pictures: Faces,
    grouped: Mapping[str, str],
    advance: Advance,
    say: Callable[[str], None],
) -> MapStore:
    """Make and store the standardized map of each picture that people attended to."""
    for image in people.images:
        if not pictures.sha256(image):
            pictures.find([image])
    images = [image for image in people.images if not pictures.reason(image)]
    source = Source("human", people.spec.name, simulated=people.spec.simulated)
    store = MapStore(run, source, [_item(image, grouped, pictures) for image in images])
    inputs = [people.spec.model_dump(mode="json"), *(_file_hash(file) for file in people.points.attrs["files"])]
    placed: dict[str, pd.DataFrame] = {}
    by_image = _points_by_image(people, {image: pictures.shape(image) for image in images})

    def clicked(image: str) -> pd.DataFrame:
        return by_image.get(image, people.points.iloc[:0])

    def maps() -> Iterable[tuple[np.ndarray, Crop, dict[str, Any]]]:
        shapes = {image: pictures.shape(image) for image in images}
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            made = human.human_maps(
                people.points, shapes, people.sigma, weights=people.spec.weights, only_correct=people.spec.only_correct
            )
        for warning in told:
            say(f"human/{people.spec.name}: {warning.message}")
        for one in made:
            facts = {"participants": one.n_participants, "points": one.n_points, "reason": one.reason}
            crop = pictures.crop(one.image)
            placed[one.image] = on_face(clicked(one.image), crop, people.spec.weights)
            yield one.map, crop, facts

    filled = _filled(store, maps, inputs, pictures, advance)
    hashes = [pictures.sha256(image) for image in images]
    fingerprint = digest([inputs, images, hashes, pictures.spec.margin])
    if images and not points_are(store, fingerprint):
        for image in images:  # Maps that were kept were not cut again, so neither were their points.
            if image not in placed:
                placed[image] = on_face(clicked(image), pictures.crop(image), people.spec.weights)
        table = pd.concat([placed[image] for image in images], ignore_index=True)
        write_points(store, table, fingerprint)
    return filled


def _points_by_image(people: People, shapes: Mapping[str, tuple[int, int]]) -> dict[str, pd.DataFrame]:
    """The points that the maps are made of, by picture."""
    points = people.points
    if people.spec.only_correct and "correct" in points:
        points = points[points["correct"].fillna(False).astype(bool)]
    if not shapes or points.empty:
        return {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # The maps, made of the same points, warn.
        return {str(image): rows for image, rows in human.on_pictures(points, shapes).groupby("image", sort=False)}


def store_regions(run: Path, pictures: Faces, grouped: Mapping[str, str], advance: Advance) -> MapStore:
    """Store the standardized region of each picture whose manifest row names one (white: where it really differs)."""
    images = [image for image in images_with_region(pictures) if pictures.sha256(image) and not pictures.reason(image)]
    simulated = any(pictures.rows.at[image, "dataset"] == "simulated" for image in images)
    store = MapStore(run, Source("known", "region", simulated=simulated), [_item(i, grouped, pictures) for i in images])
    files = [_region_file(pictures, image) for image in images]
    inputs = [_file_hash(file) for file in files]

    def maps() -> Iterable[tuple[np.ndarray, Crop, dict[str, Any]]]:
        for image, file in zip(images, files, strict=True):
            region = (read_image(file).mean(2) > 127).astype(np.float32)
            if region.shape != pictures.shape(image):
                raise InputError(f"the region is {region.shape}, its picture {pictures.shape(image)}", where=file)
            yield region, pictures.crop(image), {"reason": ""}

    return _filled(store, maps, inputs, pictures, advance)


def images_with_region(pictures: Faces) -> list[str]:
    """The images whose manifest row names a region."""
    rows = pictures.rows
    return [str(image) for image in rows.index[rows["region"] != ""]]


def _filled(
    store: MapStore,
    maps: Callable[[], Iterable[tuple[np.ndarray, Crop, dict[str, Any]]]],
    inputs: Sequence[Any],
    pictures: Faces,
    advance: Advance,
) -> MapStore:
    hashes = [pictures.sha256(item["image"]) for item in store.items]
    fingerprint = digest([list(inputs), store.items, hashes, pictures.spec.margin])
    store.prepare()
    if not any(store.problem(index, fingerprint) for index in range(len(store.chunks))):
        advance(len(store.items))
    else:
        source = iter(maps())
        for index, part in enumerate(store.chunks):
            began = time.perf_counter()
            made = [next(source) for _ in range(part.start, part.stop)]
            cut = [faces.standardize(crop.cut(one)[None], crop.landmarks[None])[0] for one, crop, _ in made]
            stack = np.stack(cut)
            columns: dict[str, list[Any]] = {key: [facts[key] for _, _, facts in made] for key in made[0][2]}
            columns["low"], columns["high"] = stack.min((1, 2)).tolist(), stack.max((1, 2)).tolist()
            seconds = time.perf_counter() - began
            store.write(index, stack, {"fingerprint": fingerprint, "columns": columns, "seconds": seconds})
            advance(len(made))
    kind, name = store.source.kind, store.source.name
    store.finish({"source": store.source.label, "kind": kind, "model": name, "explainer": "", "fold": ""})
    return store


def _item(image: str, grouped: Mapping[str, str], pictures: Faces) -> dict[str, Any]:
    row = pictures.rows.loc[image]
    facts = {"image": image, "group": grouped[image], "label": str(row["expression"])}
    return {**facts, "subject": row["subject"], "dataset": row["dataset"]}


def _region_file(pictures: Faces, image: str) -> Path:
    root = pictures.spec.root or pictures.spec.folder or Path()
    path = root / str(pictures.rows.at[image, "region"])
    if not pictures.spec.allow_outside and not path.resolve().is_relative_to(root.resolve()):
        raise InputError(f"the region of {image!r} lies outside the root", where=path, mend="say allow_outside: true")
    return path


def _file_hash(path: str | Path) -> str:
    try:
        return sha256(path)
    except OSError as error:
        raise InputError(f"cannot be read ({error.strerror})", where=path) from None
