"""The register of explainers: ours by decorator, other packages' by entry point."""

from __future__ import annotations

from collections.abc import Callable
from importlib.metadata import EntryPoint, entry_points
from typing import Any, TypeVar

from xai_compare.errors import InputError, nearest
from xai_compare.explainers.base import Explainer

GROUP = "xai_compare.explainers"
"""Entry-point group in which another package names its explainers: ``name = module:ExplainerClass``."""

E = TypeVar("E", bound=type[Explainer])

_REGISTERED: dict[str, type[Explainer]] = {}


def register(name: str) -> Callable[[E], E]:
    """Class decorator that makes an `Explainer` available as ``create(name)``."""

    def decorate(cls: E) -> E:
        if name in _REGISTERED and _REGISTERED[name].__qualname__ != cls.__qualname__:
            raise ValueError(f"two explainers are called {name!r}")
        cls.name = name
        _REGISTERED[name] = cls
        return cls

    return decorate


def names() -> list[str]:
    """Names that `create` knows: those of this package first, then those of installed packages, each sorted."""
    return [*sorted(_REGISTERED), *sorted(set(_plugins()) - set(_REGISTERED))]


def create(name: str, **options: Any) -> Explainer:
    """The explainer called ``name`` with ``options``.

    Raises:
        InputError: for an unknown explainer or option (naming the nearest), a bad value, or a plug-in that cannot
            be loaded.

    >>> create("lime", n_samples=500).options.n_samples
    500
    """
    prefix, colon, method = str(name).partition(":")
    if colon and prefix in _FAMILIES:
        return _FAMILIES[prefix](method, options)
    cls = _REGISTERED.get(name) or _plugin(name)
    return cls(**options)


_FAMILIES: dict[str, Callable[[str, dict[str, Any]], Explainer]] = {}


def family(prefix: str) -> Callable[[Callable[[str, dict[str, Any]], Explainer]], Callable[..., Explainer]]:
    """Function decorator that makes explainers available as ``create("prefix:METHOD")``."""

    def decorate(make: Callable[[str, dict[str, Any]], Explainer]) -> Callable[..., Explainer]:
        _FAMILIES[prefix] = make
        return make

    return decorate


def _plugins() -> dict[str, EntryPoint]:
    return {point.name: point for point in entry_points(group=GROUP)}


def _plugin(name: str) -> type[Explainer]:
    point = _plugins().get(name)
    if point is None:
        raise InputError(f"unknown explainer {name!r}", mend=nearest(str(name), names()))
    try:
        cls = point.load()
    except Exception as error:
        raise InputError(f"explainer {name!r} cannot be loaded ({type(error).__name__}: {error})",
                         where=f"entry point {point.value}") from error  # fmt: skip
    if not (isinstance(cls, type) and issubclass(cls, Explainer)):
        raise InputError(f"explainer {name!r} is no subclass of xai_compare.explainers.Explainer",
                         where=f"entry point {point.value}")  # fmt: skip
    cls.name = name
    return cls
