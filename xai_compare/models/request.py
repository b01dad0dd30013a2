"""What the user asked for, checked: the part of a model's specification that every source shares."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import torch

from xai_compare.errors import InputError, nearest
from xai_compare.models.model import InputSpec
from xai_compare.models.outputs import DECLARABLE, IGNORED

INPUT_KEYS = ("size", "channels", "range", "mean", "std")
MOST_PIXELS = 1024 * 1024
"""Of a network's input: far more than any network of faces takes, and what any machine runs in seconds."""
_CHANNELS = {"rgb": "rgb", "bgr": "bgr", "grey": "grey", "gray": "grey", "grey3": "grey3", "gray3": "grey3"}


@dataclass(frozen=True)
class Request:
    """One model's specification, as a source sees it.

    Attributes:
        source: the source key, such as ``"timm"``.
        value: what stands under the source key.
        spec: the whole specification.
        base: the folder that relative paths start from.
        name: the model's name.
    """

    source: str
    value: Any
    spec: Mapping[str, Any]
    base: Path
    name: str

    @property
    def where(self) -> str:
        """How messages call this model."""
        return f"model {self.name!r}"

    @property
    def classes(self) -> tuple[str, ...]:
        """The classes as written.

        Raises:
            InputError: if they are missing or not a list of names.
        """
        classes = self.spec.get("classes")
        if classes is None:
            raise InputError(
                "its classes are not given",
                where=self.where,
                hint="list under `classes` the expression of each output, in the order of the outputs",
            )
        if isinstance(classes, str) or not isinstance(classes, Sequence) or not classes:
            raise InputError("`classes` must be a list of expressions", where=self.where)
        # Outputs that are no expressions keep their place until the network is built.
        return tuple(f"{IGNORED} {k})" if name is None else str(name) for k, name in enumerate(classes))

    def path(self, value: object, what: str) -> Path:
        """The existing file that ``value`` names, relative to ``base``.

        Raises:
            InputError: if it is not a file.
        """
        if not isinstance(value, (str, Path)):
            raise InputError(f"{what} must be a file name, not {value!r}", where=self.where)
        path = self.base / Path(value).expanduser()
        if not path.is_file():
            raise InputError(f"there is no {what} {path}", where=self.where, hint="check the path")
        return path

    def text(self, known: Iterable[str], what: str) -> str:
        """The source's value, which must be one of the ``known`` names.

        Raises:
            InputError: if it is not.
        """
        known = list(known)
        if not isinstance(self.value, str) or self.value not in known:
            few = nearest(str(self.value), known)
            raise InputError(
                f"unknown {what} {self.value!r}", where=self.where, hint=few if few.startswith("did") else None
            )
        return self.value

    @property
    def output(self) -> Literal["logits", "probabilities"]:
        """What the network gives: ``output`` of the specification, logits by default.

        Raises:
            InputError: if it says something else.
        """
        declared = self.spec.get("output", "logits")
        if declared not in DECLARABLE:
            raise InputError(f"output must be {', '.join(DECLARABLE)}, not {declared!r}", where=self.where)
        return "logits" if declared in ("logits", "independent_logits") else "probabilities"

    @property
    def seed(self) -> int | None:
        """The seed of random weights, if one is given."""
        seed = self.spec.get("seed")
        if seed is not None and (isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**63):
            raise InputError(f"`seed` must be a whole number from 0 to 2**63 - 1, not {seed!r}", where=self.where)
        return seed

    def input(self, known: Mapping[str, Any]) -> InputSpec:
        """The input specification: what the user says, else what the source knows.

        Raises:
            InputError: for an unknown key, a bad value, or a value that neither says.
        """
        given = self.spec.get("input") or {}
        if not isinstance(given, Mapping):
            raise InputError(f"`input` must hold {', '.join(INPUT_KEYS)}, not {given!r}", where=self.where)
        for key in given:
            if key not in INPUT_KEYS:
                raise InputError(f"unknown key input.{key}", where=self.where, hint=nearest(str(key), INPUT_KEYS))
        given = {key: value for key, value in given.items() if value is not None}
        size = _size(self._need(given, known, "size", "the pixels it takes, such as 224 or [224, 192]"), self.where)
        channels = _CHANNELS.get(str(self._need(given, known, "channels", "rgb, bgr, grey or grey3")).lower())
        if channels is None:
            raise InputError(
                f"input.channels must be rgb, bgr, grey or grey3, not {given.get('channels')!r}", where=self.where
            )
        count = 1 if channels == "grey" else 3
        mean, std = (self._per_channel(given, known, key, count) for key in ("mean", "std"))
        if "range" in given or "mean" not in given:
            span = self._need(given, known, "range", "the values of black and white, such as [0, 1] or [-1, 1]")
        else:
            # Means and deviations are, by the custom of every torch recipe, those of pictures in 0..1.
            span = known.get("range", (0.0, 1.0))
        return InputSpec(size, channels, _range(span, self.where), mean, std)  # type: ignore[arg-type]

    def _need(self, given: Mapping[str, Any], known: Mapping[str, Any], key: str, what: str) -> Any:
        if key in given:
            return given[key]
        if known.get(key) is not None:
            return known[key]
        raise InputError(
            f"input.{key} is not given and {self.source} does not know it", where=self.where, hint=f"say {what}"
        )

    def _per_channel(
        self, given: Mapping[str, Any], known: Mapping[str, Any], key: str, count: int
    ) -> tuple[float, ...] | None:
        value = given.get(key, known.get(key))
        if value is None:
            return None
        values = _numbers(value, f"input.{key}", self.where)
        if len(values) == 1:
            values *= count
        if len(values) != count:
            raise InputError(
                f"input.{key} has {len(values)} values for {count} channel{'s' * (count > 1)}",
                where=self.where,
                hint=f"give input.{key} one value per channel",
            )
        if key == "std" and min(values) <= 0:
            raise InputError(f"input.std must be positive, not {value!r}", where=self.where)
        return tuple(values)


@contextmanager
def seeded(seed: int | None) -> Iterator[None]:
    """Run a block from ``seed`` and leave torch's CPU generator as it was; do nothing when ``seed`` is None."""
    if seed is None:
        yield
        return
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        yield


def _numbers(value: Any, what: str, where: str) -> list[float]:
    values: list[Any] = list(value) if isinstance(value, (list, tuple)) else [value]
    if not values or any(
        isinstance(v, bool) or not isinstance(v, (int, float)) or not math.isfinite(v) for v in values
    ):
        raise InputError(f"{what} must be numbers, not {value!r}", where=where)
    return [float(v) for v in values]


def _size(value: object, where: str) -> tuple[int, int]:
    sides = _numbers(value, "input.size", where)
    sides = sides * 2 if len(sides) == 1 else sides
    if len(sides) != 2 or any(side != int(side) or not 1 <= side <= 4096 for side in sides):
        raise InputError(f"input.size must be whole pixels, one or [height, width], not {value!r}", where=where)
    if sides[0] * sides[1] > MOST_PIXELS:
        what = f"input.size {value!r} has more than {MOST_PIXELS:,} pixels"
        raise InputError(what, where=where, hint="say the size that the network was trained with")
    return int(sides[0]), int(sides[1])


def _range(value: object, where: str) -> tuple[float, float]:
    ends = _numbers(value, "input.range", where)
    if len(ends) != 2 or not ends[0] < ends[1]:
        raise InputError(f"input.range must be [black, white] with black below white, not {value!r}", where=where)
    return ends[0], ends[1]
