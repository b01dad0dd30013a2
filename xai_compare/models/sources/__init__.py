"""Where networks come from: one file for each source, called as its key in a specification.

A source is a class (or module) with three names, found through `SOURCES`; another package offers its own by entry
point, in the group ``xai_compare.networks``::

    class Hub:
        KEYS = ("weights", "revision")  # keys of the specification that it reads, besides its own and the common ones
        PATHS = ("weights",)  # which of them, or its own, name a file or folder
        NAMES = ()  # which of PATHS may also be names: a path only where the file is there
        DEFAULTS = {"weights": "random"}  # optional: what keys stand for in a study where they are not given
        RUNS_CODE = False  # optional: whether it runs code that the specification names; then it must be allowed

        @staticmethod
        def build(request):  # xai_compare.models.request.Request -> xai_compare.models.Model
            import hub
            ...

What is heavy is imported in ``build``, so that a specification can be read, and its paths found, without it.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from xai_compare.registry import Registry

if TYPE_CHECKING:
    from xai_compare.models.model import Model
    from xai_compare.models.request import Request

COMMON = ("name", "classes", "input")
"""Keys of every specification."""
WORDS = ("random", "pretrained")
"""What may stand for a file of weights."""


class Source(Protocol):
    """What makes networks of specifications."""

    KEYS: tuple[str, ...]
    PATHS: tuple[str, ...]

    @staticmethod
    def build(request: Request) -> Model:
        """The network."""
        ...


def _is_source(thing: Any) -> str:
    missing = [name for name in ("KEYS", "PATHS", "build") if not hasattr(thing, name)]
    return f"has no {' and no '.join(missing)}" if missing else ""


SOURCES: Registry[type[Source]] = Registry(
    "source of networks",
    "xai_compare.networks",
    ("xai_compare.models.sources.*",),
    one_per_module=True,
    check=_is_source,
)


OWN_FACTORIES = ("xai_compare.models.training.default:network", "xai_compare.emotion.saving:saved_head")
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
    """
    return (source, *COMMON, *SOURCES.get(source).KEYS)


def located(spec: Mapping[str, Any], base: Path) -> dict[str, Any]:
    """A specification whose relative paths start from ``base``; words that stand for a file stay.

    Raises:
        InputError: if a source's package cannot be imported.
    """
    named = [SOURCES.get(key) for key in spec if key in SOURCES]
    paths = {key for source in named for key in source.PATHS}
    for source in named:
        spec = {**getattr(source, "DEFAULTS", {}), **spec}
    names = {key for source in named for key in getattr(source, "NAMES", ())}

    def placed(key: str, value: Any) -> Any:
        if key == "network" and isinstance(value, Mapping):
            return located(value, base)
        if key not in paths or not isinstance(value, (str, Path)) or str(value) in WORDS:
            return value
        place = base / Path(value).expanduser()
        return value if key in names and not place.exists() else str(place)

    return {key: placed(key, value) for key, value in spec.items()}
