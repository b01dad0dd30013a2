"""Explainers by name: ours one file each, other packages' by entry point."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any, TypeVar, get_type_hints

import numpy as np
from pydantic import create_model

from xai_compare.errors import InputError, nearest
from xai_compare.explainers.base import Batch, Explainer, Explanation, Options
from xai_compare.explainers.families import METHODS
from xai_compare.models import Model
from xai_compare.registry import EXPLAINERS, Registry

Make = Callable[[str, dict[str, Any]], Explainer]
E = TypeVar("E", bound=Callable[..., Any])


REGISTRY: Registry[type[Explainer]] = EXPLAINERS
"""Another package names its own in the entry-point group: ``name = module:ExplainerClass``."""

FAMILIES: Registry[Make] = Registry(
    "family of explainers",
    "xai_compare.explainer_families",
    ("xai_compare.explainers.families.*",),
    one_per_module=True,
)
"""What makes ``create("prefix:METHOD")``, by prefix: a function of the method and its options."""


def register(name: str) -> Callable[[E], E]:
    """Decorator that makes an `Explainer`, or a function that makes maps, available as ``create(name)``.

    A function is called as `Explainer.explain_batch` is, with the network and a `Batch`; its keyword-only arguments
    become the explainer's options, in a study too.

    >>> @register("brightness")
    ... def brightness(model, batch, *, power: float = 1.0):
    ...     return batch.images.mean(3) ** power
    >>> create("brightness", power=2)
    brightness(power=2.0)
    >>> REGISTRY.remove("brightness")
    """

    def decorate(thing: E) -> E:
        cls: type[Explainer] = thing if isinstance(thing, type) else _from_function(name, thing)
        REGISTRY.register(name, cls)
        cls.name = name
        return thing

    return decorate


def _from_function(name: str, function: Callable[..., Any]) -> type[Explainer]:
    """An explainer class around a function of a network and a `Batch`."""
    keywords = [p for p in inspect.signature(function).parameters.values() if p.kind is p.KEYWORD_ONLY]
    if missing := [p.name for p in keywords if p.default is p.empty]:
        raise InputError(f"option {missing[0]!r} of explainer {name!r} has no default", hint="give it one")
    types = get_type_hints(function)
    fields: dict[str, Any] = {p.name: (types.get(p.name, Any), p.default) for p in keywords}

    def explain_batch(self: Explainer, model: Model, batch: Batch) -> Explanation | np.ndarray:
        return function(model, batch, **dict(self.options))

    options = create_model(f"{name}_options", __base__=Options, **fields)
    body = {"Options": options, "explain_batch": explain_batch, "__doc__": function.__doc__}
    return type(name, (Explainer,), {**body, "__module__": function.__module__, "__qualname__": function.__qualname__})


def family(prefix: str) -> Callable[[Make], Make]:
    """Function decorator that makes explainers available as ``create("prefix:METHOD")``."""
    return FAMILIES.register(prefix)


def names() -> list[str]:
    """Names that `create` knows: those of this package, of families such as ``captum:``, then of other packages.

    >>> "lime" in names() and "captum:IntegratedGradients" in names()
    True
    """
    of_families = [f"{prefix}:{method}" for prefix, methods in METHODS.items() for method in methods]
    return list(dict.fromkeys([*REGISTRY.names(plugins=False), *of_families, *REGISTRY.names()]))


def create(name: str, **options: Any) -> Explainer:
    """The explainer called ``name`` with ``options``.

    Raises:
        InputError: for an unknown explainer or option (naming the nearest), a bad value, or a plug-in that cannot
            be loaded.

    >>> create("lime", n_samples=500)
    lime(n_samples=500)
    >>> create("lyme")
    Traceback (most recent call last):
    ...
    xai_compare.errors.InputError: unknown explainer 'lyme'; did you mean 'lime'?
    """
    prefix, colon, method = str(name).partition(":")
    if colon:
        if prefix not in FAMILIES:
            raise InputError(f"unknown explainer {name!r}", hint=nearest(f"{prefix}:", [f"{p}:" for p in FAMILIES]))
        return FAMILIES.get(prefix)(method, options)
    name = REGISTRY.spelled(str(name))
    if name not in REGISTRY and (whole := _in_a_family(str(name))):
        raise InputError(f"unknown explainer {name!r}", hint=f"did you mean {whole!r}?")
    cls = REGISTRY.get(name)
    # A plug-in need not register itself; its entry point is its name.
    cls.name = cls.name or name
    return cls(**options)


def _in_a_family(name: str) -> str:
    """The full name of a method that a family knows and this package has no explainer for; ``""`` if there is none."""
    for prefix, methods in METHODS.items():
        for method in methods:
            if name.replace("_", "").lower() == method.lower():
                return f"{prefix}:{method}"
    return ""
