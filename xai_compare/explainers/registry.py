"""Explainers by name: ours one file each, other packages' by entry point."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, TypeVar

from xai_compare.errors import InputError, nearest
from xai_compare.explainers.base import Explainer
from xai_compare.registry import Registry

Make = Callable[[str, dict[str, Any]], Explainer]
E = TypeVar("E", bound=type[Explainer])


def _is_explainer(thing: Any) -> str:
    fits = isinstance(thing, type) and issubclass(thing, Explainer)
    return "" if fits else "is not a subclass of xai_compare.explainers.Explainer"


REGISTRY: Registry[type[Explainer]] = Registry(
    "explainer",
    "xai_compare.explainers",
    ("xai_compare.explainers.methods.*",),
    one_per_module=True,
    check=_is_explainer,
)
"""Another package names its own in the entry-point group: ``name = module:ExplainerClass``."""

FAMILIES: Registry[Make] = Registry(
    "family of explainers",
    "xai_compare.explainer_families",
    ("xai_compare.explainers.families.*",),
    one_per_module=True,
)
"""What makes ``create("prefix:METHOD")``, by prefix: a function of the method and its options."""


def register(name: str) -> Callable[[E], E]:
    """Class decorator that makes an `Explainer` available as ``create(name)``."""

    def decorate(cls: E) -> E:
        REGISTRY.register(name, cls)
        cls.name = name
        return cls

    return decorate


def family(prefix: str) -> Callable[[Make], Make]:
    """Function decorator that makes explainers available as ``create("prefix:METHOD")``."""
    return FAMILIES.named(prefix)


def names() -> list[str]:
    """Names that `create` knows: those of this package first, then those of installed packages, each sorted."""
    return REGISTRY.names()


def create(name: str, **options: Any) -> Explainer:
    """The explainer called ``name`` with ``options``.

    Raises:
        InputError: for an unknown explainer or option (naming the nearest), a bad value, or a plug-in that cannot
            be loaded.

    >>> create("lime", n_samples=500).options.n_samples
    500
    """
    prefix, colon, method = str(name).partition(":")
    if colon:
        if prefix not in FAMILIES:
            raise InputError(f"unknown explainer {name!r}", hint=nearest(f"{prefix}:", [f"{p}:" for p in FAMILIES]))
        return FAMILIES.get(prefix)(method, options)
    if name not in REGISTRY and (whole := _in_a_family(str(name))):
        raise InputError(f"unknown explainer {name!r}", hint=f"did you mean {whole!r}?")
    cls = REGISTRY.get(name)
    # A plug-in need not register itself; its entry point is its name.
    cls.name = cls.name or name
    return cls(**options)


def _in_a_family(method: str) -> str:
    """The full name of a method that a family knows and this package has no explainer for; ``""`` if there is none."""
    for prefix in FAMILIES:
        make = FAMILIES.get(prefix)
        for known in getattr(sys.modules[make.__module__], "METHODS", ()):
            if method.replace("_", "").lower() == known.lower():
                return f"{prefix}:{known}"
    return ""
