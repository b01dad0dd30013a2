"""What every explainer has in common: options, checks of the input, batches, and the explanation it returns."""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar

import numpy as np
import torch
from pydantic import BaseModel, ConfigDict, ValidationError
from torch.nn import functional

from xai_compare.allocator import pages_kept
from xai_compare.errors import InputError
from xai_compare.explainers.model_outputs import preserve_state
from xai_compare.explainers.targets import resolve
from xai_compare.models import Model
from xai_compare.models.ensembles import asks_pairs, by_pair, is_ensemble
from xai_compare.registry import html_table
from xai_compare.validation import input_error


class Options(BaseModel):
    """What the user may choose; unknown names are errors.

    Only what changes the maps is an option. How many pictures are shown at once is not: that is `Model.batch_size`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, validate_default=True)


MOVED_OPTIONS = {
    "batch_size": "it belongs to the network: models.load(..., batch_size=64), or xai-compare run --batch-size 64",
    "compile": "leave it out: networks are no longer compiled",
}
"""What used to be an option, and where it is now."""


@dataclass(frozen=True)
class Explanation:
    """Maps, and what is known about them.

    Attributes:
        maps: float32 ``(n, h, w)``, raw values; NaN throughout where the explanation is undefined.
        reasons: for each picture, why its map is undefined; ``""`` where it is fine, as all are by default.
        extras: further arrays whose first axis is the picture, or lists with an entry for each picture.
    """

    maps: np.ndarray
    reasons: list[str] = field(default_factory=list)
    extras: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.reasons:
            object.__setattr__(self, "reasons", [""] * len(self.maps))


@dataclass(frozen=True)
class Batch:
    """Pictures as an explainer sees them.

    Attributes:
        images: uint8 ``(n, H, W, 3)`` at the network's input size.
        inputs: float32 ``(n, c, H, W)``, the same as the network takes them, on its device.
        weights: float32 ``(n, classes)``; their product with the outputs is the explained quantity.
        seeds: one for each picture, from its content, the explainer's options and its `seed` option.
        landmarks: float ``(n, 68, 2)`` in pixels of ``images``, or None where nobody gave them.
    """

    images: np.ndarray
    inputs: torch.Tensor
    weights: torch.Tensor
    seeds: list[int]
    landmarks: np.ndarray | None = None

    def __len__(self) -> int:
        return len(self.images)


class Explainer(ABC):
    """A way to map where in a picture a network's output comes from.

    A subclass writes one method, `explain_batch`. It sets ``Options`` (a frozen pydantic model) if there is something
    to choose, and may say what it costs (`forwards`) and which networks it cannot explain (`refusal`). Calling it is
    safe: the network runs in evaluation mode, asks for no parameter gradients, and is given back as it was.

    >>> class Brightness(Explainer):
    ...     name = "brightness"
    ...
    ...     def explain_batch(self, model, batch):
    ...         return batch.images.mean(3)
    >>> Brightness()
    brightness()
    """

    name: ClassVar[str] = ""
    results: ClassVar[int] = 1
    """Raised whenever a change of its code changes its maps, so that stored ones are made again."""
    alone: ClassVar[bool] = False
    """Whether it keeps all cores busy by itself; runs then do nothing beside it."""
    control: ClassVar[bool] = False
    """Whether it is a control, ignorant of the network: reports show it beside the others and never rank it."""
    Options: ClassVar[type[Options]] = Options

    def __init__(self, **options: Any) -> None:
        self.options: Any = _validated(self.Options, options, f"explainer {self.name!r}")

    def __call__(
        self, model: Model, images: np.ndarray, targets: Any = "predicted", landmarks: np.ndarray | None = None
    ) -> np.ndarray:
        """Maps, float32 ``(n, h, w)``, of uint8 ``(n, h, w, 3)`` RGB pictures; see `explain`."""
        return self.explain(model, images, targets, landmarks).maps

    def explain(
        self, model: Model, images: np.ndarray, targets: Any = "predicted", landmarks: np.ndarray | None = None
    ) -> Explanation:
        """Explain what ``model`` says about each picture.

        Args:
            model: the network.
            images: uint8 ``(n, h, w, 3)`` RGB. Pictures that are not of the network's input size are explained at
                that size, and their maps are resized back bilinearly.
            targets: a class name, an output index, ``"predicted"``, or a tuple of two of them (a pair: the
                difference of the two outputs is explained), for all pictures; or a list with one for each. An
                ensemble of pairs is explained pair by pair, each by its own binary network.
            landmarks: of the faces, ``(n, 68, 2)`` in pixels of ``images``, for explainers that ask for them.

        Raises:
            InputError: if the network cannot be explained this way (see `refuses`), or for bad pictures or targets.
        """
        images = np.asarray(images)
        if why := self.refuses(model, targets):
            raise InputError(why, where=f"explainer {self.name!r}, model {model.name!r}")
        if is_ensemble(model):
            return self._pair_by_pair(model, images, targets, landmarks)
        if landmarks is not None and np.shape(landmarks) != (len(images), 68, 2):
            raise InputError(f"{np.shape(landmarks)} landmarks for {len(images)} pictures", hint="give (n, 68, 2)")
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[-1] != 3:
            raise InputError(f"images must be uint8 (n, h, w, 3), not {images.dtype} {images.shape}")
        with pages_kept(), preserve_state(model.module):
            weights = resolve(model, images, targets)

            def explain_part(part: slice) -> Explanation:
                own = None if landmarks is None else landmarks[part]
                batch = self._batch(model, images[part], weights[part], own)
                return _finished(self.explain_batch(model, batch), images.shape[1:3])

            parts = model.engine.batches(len(images), explain_part, lambda: self.chunk(model))
        return _joined(parts, images.shape[:3])

    def chunk(self, model: Model) -> int:
        """How many pictures `explain_batch` is given at once."""
        return model.batch_size

    @abstractmethod
    def explain_batch(self, model: Model, batch: Batch) -> Explanation | np.ndarray:
        """Explain a batch: maps ``(n, H, W)`` at the network's input size, or an `Explanation` with more than maps."""

    def forwards(self, model: Model) -> int:
        """Forward passes for each picture, one by default; a backward pass counts as two. For estimates of time."""
        return 1

    def refusal(self, model: Model) -> str | None:
        """Why ``model`` cannot be explained this way and what to use instead, or None if it can."""
        return None

    def refuses(self, model: Model, targets: Any) -> str | None:
        """`refusal`, where ``targets`` are known too: the networks of an ensemble's pairs answer for their pairs."""
        if not is_ensemble(model):
            return self.refusal(model)
        if not asks_pairs(targets):
            return "an ensemble of pairs is explained pair by pair; ask for pairs (in a study, `images: {pairs: true}`)"
        return next((why for _, binary in by_pair(model, targets, 1) if (why := self.refusal(binary))), None)

    def _pair_by_pair(
        self, model: Model, images: np.ndarray, targets: Any, landmarks: np.ndarray | None
    ) -> Explanation:
        parts = by_pair(model, targets, len(images))
        order = np.argsort(np.concatenate([rows for rows, _ in parts]))
        explained = [
            self.explain(binary, images[rows], binary.classes, None if landmarks is None else landmarks[rows])
            for rows, binary in parts
        ]
        shared = set.intersection(*(set(part.extras) for part in explained))
        explained = [replace(part, extras={key: part.extras[key] for key in shared}) for part in explained]
        joined = _joined(explained, images.shape[:3])
        extras = {
            key: [value[k] for k in order] if isinstance(value, list) else value[order]
            for key, value in joined.extras.items()
        }
        return Explanation(joined.maps[order], [joined.reasons[k] for k in order], extras)

    def _batch(self, model: Model, images: np.ndarray, weights: torch.Tensor, landmarks: np.ndarray | None) -> Batch:
        seeds = [self.seed_of(image) for image in images]
        inputs = model.prepare(images)
        if images.shape[1:3] != tuple(model.input.size):
            if landmarks is not None:
                shrunk = np.array(model.input.size[::-1]) / images.shape[2:0:-1]
                landmarks = (np.asarray(landmarks) + 0.5) * shrunk - 0.5
            small = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float()
            small = functional.interpolate(small, model.input.size, mode="bilinear", antialias=True)
            images = small.round().clamp(0, 255).to(torch.uint8).permute(0, 2, 3, 1).numpy()
        return Batch(images, inputs, weights, seeds, landmarks)

    def seed_of(self, image: np.ndarray) -> int:
        """A 63-bit seed from the picture's content and every option that changes the answer."""
        options = self.options.model_dump(mode="json", exclude={"precision"})
        digest = hashlib.sha256(json.dumps([self.name, options, image.shape], sort_keys=True).encode())
        digest.update(np.ascontiguousarray(image).tobytes())
        return int.from_bytes(digest.digest()[:8], "big") >> 1

    def __repr__(self) -> str:
        fields = type(self.options).model_fields
        chosen = {key: value for key, value in self.options if value != fields[key].default}
        return f"{self.name or type(self).__name__}({', '.join(f'{key}={value!r}' for key, value in chosen.items())})"

    def _repr_html_(self) -> str:
        fields = type(self.options).model_fields
        rows = [(key, repr(value), fields[key].description or "") for key, value in self.options]
        return html_table(self.name, ("option", "value", "meaning"), rows)


class DeterministicExplainer(Explainer):
    """An explainer that draws nothing at random, and so spends no time on seeds."""

    def seed_of(self, image: np.ndarray) -> int:
        """Always 0."""
        return 0


def _finished(result: Explanation | np.ndarray, size: tuple[int, int]) -> Explanation:
    """Undefined maps made NaN throughout, and everything picture-shaped brought to the pictures' own size."""
    explanation = result if isinstance(result, Explanation) else Explanation(np.asarray(result))
    maps = np.array(explanation.maps, np.float32)
    finite = [bool(np.isfinite(values).all()) for values in maps]
    reasons = [
        reason or ("" if fine else "the map is not finite")
        for reason, fine in zip(explanation.reasons, finite, strict=True)
    ]
    maps[np.array([bool(reason) for reason in reasons], bool)] = np.nan
    extras = explanation.extras
    if maps.shape[1:] != tuple(size):
        inner = maps.shape
        extras = {
            k: _resized(v, size) if isinstance(v, np.ndarray) and v.shape == inner else v for k, v in extras.items()
        }
        maps = _resized(maps, size)
    return replace(explanation, maps=maps, reasons=reasons, extras=extras)


def _resized(maps: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Maps at ``size``: bilinearly if they are real numbers, else from the nearest pixel."""
    tensor = torch.from_numpy(np.ascontiguousarray(maps))[:, None]
    if not tensor.is_floating_point():
        return functional.interpolate(tensor.double(), size, mode="nearest-exact")[:, 0].numpy().astype(maps.dtype)
    shrinks = size[0] < maps.shape[1] or size[1] < maps.shape[2]
    return functional.interpolate(tensor, size, mode="bilinear", antialias=shrinks)[:, 0].numpy()


def _joined(parts: list[Explanation], shape: tuple[int, ...]) -> Explanation:
    if not parts:
        return Explanation(np.zeros(shape, np.float32), [], {})
    extras = {key: _in_a_row([part.extras[key] for part in parts]) for key in parts[0].extras}
    reasons = [reason for part in parts for reason in part.reasons]
    return Explanation(np.concatenate([part.maps for part in parts]), reasons, extras)


def _in_a_row(extras: list[Any]) -> Any:
    if isinstance(extras[0], list):
        return [one for some in extras for one in some]
    return np.concatenate(extras)


def _validated(options: type[Options], given: dict[str, Any], where: str) -> Options:
    for key in MOVED_OPTIONS:
        if key in given and key not in options.model_fields:
            raise InputError(f"{key} is not an option of an explainer", where=where, hint=MOVED_OPTIONS[key])
    try:
        return options(**given)
    except ValidationError as error:
        raise input_error(error, where, options, kind="option", what="options") from None
