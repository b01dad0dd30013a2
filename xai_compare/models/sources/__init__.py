"""Where networks come from: a source for each key of a specification that names one.

A source has three names, found through `SOURCES`; another package offers its own by entry point, in the group
``xai_compare.networks``, and a file here is known by its own name::

    class Hub:
        KEYS = ("weights", "revision")  # keys of the specification that it reads, besides its own and the common ones
        PATHS = ("weights",)  # which of them, or its own, name a file or folder
        NAMES = ()  # which of PATHS may also be names: a path only where the file is there
        DEFAULTS = {"weights": "random"}  # optional: what keys stand for in a study where they are not given
        RUNS_CODE = False  # optional: whether it runs code of the specification or its file; then it must be allowed

        @staticmethod
        def build(request):  # xai_compare.models.request.Request -> xai_compare.models.Model
            import hub
            ...

What is heavy is imported in ``build``, so that a specification can be read, and its paths found, without it.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from xai_compare.extras import require
from xai_compare.registry import Registry

if TYPE_CHECKING:
    from xai_compare.models.model import Model
    from xai_compare.models.request import Request

COMMON = ("name", "classes", "input", "output", "dropout", "take", "outputs", "ignore")
"""Keys of every specification."""
WORDS = ("random", "pretrained")
"""What may stand for a file of weights."""


class Source(Protocol):
    """What makes networks of specifications."""

    @property
    def KEYS(self) -> tuple[str, ...]: ...  # noqa: N802

    @property
    def PATHS(self) -> tuple[str, ...]: ...  # noqa: N802

    def build(self, request: Request) -> Model:
        """The network."""
        ...


@dataclass(frozen=True)
class FileSource:
    """A source whose function ``place``, ``"module:function"`` of `xai_compare.models`, is imported when needed."""

    place: str
    KEYS: tuple[str, ...]
    PATHS: tuple[str, ...]
    NAMES: tuple[str, ...] = ()
    DEFAULTS: Mapping[str, str] = field(default_factory=dict)
    RUNS_CODE: bool = False
    PACKAGES: tuple[str, ...] = ()

    def build(self, request: Request) -> Model:
        """The network; what it needs beside the base install is asked for first."""
        require(*self.PACKAGES, where=request.where)
        module, _, function = self.place.partition(":")
        made: Model = getattr(importlib.import_module(f"xai_compare.models.{module}"), function)(request)
        return made


def _is_source(thing: Any) -> str:
    missing = [name for name in ("KEYS", "PATHS", "build") if not hasattr(thing, name)]
    return f"has no {' and no '.join(missing)}" if missing else ""


SOURCES: Registry[Source] = Registry(
    "source of networks",
    "xai_compare.networks",
    ("xai_compare.models.sources.*",),
    one_per_module=True,
    check=_is_source,
)
for _name, _source in {
    "ensemble": FileSource("ensembles:from_folder", ("vote", "network"), ("ensemble",)),
    "export": FileSource("exported:from_export", ("output",), ("export",), RUNS_CODE=True),
    "factory": FileSource(
        "user_factory:from_factory",
        ("weights", "seed", "options", "output", "folder"),
        ("folder", "weights"),
        DEFAULTS={"folder": "."},
        RUNS_CODE=True,
    ),
    "hf": FileSource("huggingface:from_hub", ("revision",), ("hf",), NAMES=("hf",), PACKAGES=("transformers",)),
    "keras": FileSource("keras.file:from_keras", ("engine",), ("keras",), PACKAGES=("keras", "h5py")),
    "onnx": FileSource("onnx_file:from_onnx", ("output",), ("onnx",), PACKAGES=("onnx", "onnx2torch", "onnxruntime")),
    "torchscript": FileSource("exported:from_script", ("output",), ("torchscript",), RUNS_CODE=True),
}.items():
    SOURCES.register(_name, _source)


OWN_FACTORIES = ("xai_compare.emotion.saving:saved_head",)
"""Factories of this package itself: what they run is no code of a study's."""


def runs_code(spec: Mapping[str, Any]) -> str:
    """The code that a specification asks to run, as it names it; ``""`` where it asks for none.

    Raises:
        InputError: if a source's package cannot be imported.
    """
    for key in spec:
        if key == "network" and isinstance(spec[key], Mapping) and (code := runs_code(spec[key])):
            return code
        if key == "factory" and spec[key] in OWN_FACTORIES:
            continue
        if key in SOURCES and getattr(SOURCES.get(key), "RUNS_CODE", False):
            return f"{key} {spec[key]!r}"
    return ""


def keys_of(source: str) -> tuple[str, ...]:
    """Every key that a specification with this source may have.

    Raises:
        InputError: if there is no such source, or its package cannot be imported.

    >>> keys_of("keras")
    ('keras', 'name', 'classes', 'input', 'output', 'dropout', 'take', 'outputs', 'ignore', 'engine')
    """
    return (source, *COMMON, *SOURCES.get(source).KEYS)


def located(spec: Mapping[str, Any], base: Path) -> dict[str, Any]:
    """A specification whose relative paths start from ``base``; words that stand for a file stay.

    Raises:
        InputError: if a source's package cannot be imported.

    >>> located({"timm": "resnet18", "weights": "mine.safetensors"}, Path("/study"))["weights"]
    '/study/mine.safetensors'
    """
    sources = [SOURCES.get(key) for key in spec if key in SOURCES]
    paths = {key for source in sources for key in source.PATHS}
    for source in sources:
        spec = {**getattr(source, "DEFAULTS", {}), **spec}
    names = {key for source in sources for key in getattr(source, "NAMES", ())}

    def placed(key: str, value: Any) -> Any:
        if key == "network" and isinstance(value, Mapping):
            return located(value, base)
        if key not in paths or not isinstance(value, (str, Path)) or str(value) in WORDS:
            return value
        place = base / Path(value).expanduser()
        return value if key in names and not place.exists() else str(place)

    return {key: placed(key, value) for key, value in spec.items()}
