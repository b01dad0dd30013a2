"""One way to know things by name: those of this package by decorator, those of other packages by entry point.

Explainers, metrics, readers of human data, sources of networks, stages of a run and sections of the report are all
found through a `Registry`. A thing of this package registers itself where it is defined; another package names its own
in an entry-point group, and needs no change here::

    [options.entry_points]
    xai_compare.metrics =
        my_metric = my_package.metrics:my_metric
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Callable, Iterator
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Generic, TypeVar

from xai_compare.errors import InputError, nearest

T = TypeVar("T")
F = TypeVar("F")


class Registry(Generic[T]):
    """Things of one kind by name; a thing is imported when it is first asked for.

    Args:
        kind: what messages call one of them, such as ``"metric"``.
        group: entry-point group in which other packages name theirs.
        rooms: packages of this package whose modules register things when imported; a name that ends in ``.*`` stands
            for all its modules.
        one_per_module: whether each module of the rooms holds one thing that is called as the module is. Then
            `names` imports nothing, and `get` imports one module.
        check: raises, or returns why a thing that a plug-in offers is not one; ``""`` if it is.
    """

    def __init__(
        self,
        kind: str,
        group: str,
        rooms: tuple[str, ...] = (),
        *,
        one_per_module: bool = False,
        check: Callable[[Any], str] = lambda thing: "",
    ) -> None:
        self.kind, self.group = kind, group
        self.broken: dict[str, str] = {}
        self._rooms, self._one_per_module, self._check = rooms, one_per_module, check
        self._things: dict[str, T] = {}
        self._filled = False

    def register(self, name: str, thing: T) -> T:
        """Make a thing known by a name; the same definition may register itself again (as a reload does).

        Raises:
            ValueError: if another thing has the name.
        """
        known = self._things.get(name)
        if known is not None and _identity(known) != _identity(thing):
            raise ValueError(f"two {self.kind}s are called {name!r}")
        self._things[name] = thing
        return thing

    def named(self, name: str) -> Callable[[F], F]:
        """A decorator that registers what it decorates."""

        def decorate(thing: F) -> F:
            self.register(name, thing)  # type: ignore[arg-type]
            return thing

        return decorate

    def names(self) -> list[str]:
        """Every name: those of this package in the order of definition, then those of plug-ins, sorted."""
        own = self._modules() if self._one_per_module else self._own()
        return list(dict.fromkeys([*own, *self._things, *sorted(self._plugins())]))

    def get(self, name: str) -> T:
        """The thing called ``name``.

        Raises:
            InputError: if there is none (naming the nearest), or its package cannot be imported.
        """
        if name not in self._things and self._one_per_module and name in self._modules():
            importlib.import_module(self._modules()[name])
        if name not in self._things and not self._one_per_module:
            self._own()
        if name not in self._things:
            point = self._plugins().get(name)
            if point is None:
                raise InputError(f"unknown {self.kind} {name!r}", hint=nearest(str(name), self.names()))
            self._load(point)
        return self._things[name]

    def all(self) -> dict[str, T]:
        """Everything by name. Plug-ins that cannot be loaded are left out and named in `broken`, with the reason."""
        found = {}
        for name in self.names():
            try:
                found[name] = self.get(name)
            except InputError as error:
                self.broken[name] = str(error)
        return found

    def __contains__(self, name: object) -> bool:
        return name in self._things or name in self.names()

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def _own(self) -> dict[str, T]:
        """What the rooms register, imported once."""
        if not self._filled:
            self._filled = True
            for module in self._modules().values():
                importlib.import_module(module)
        return self._things

    def _modules(self) -> dict[str, str]:
        found: dict[str, str] = {}
        for room in self._rooms:
            if not room.endswith(".*"):
                found[room] = room
                continue
            top, *inner = room.removesuffix(".*").split(".")
            spec = importlib.util.find_spec(top)
            places = [Path(place, *inner) for place in (spec.submodule_search_locations or [])] if spec else []
            for info in sorted(pkgutil.iter_modules(map(str, places)), key=lambda info: info.name):
                if not info.name.startswith("_"):
                    found[info.name] = f"{room.removesuffix('.*')}.{info.name}"
        return found

    def _plugins(self) -> dict[str, EntryPoint]:
        return {point.name: point for point in entry_points(group=self.group)}

    def _load(self, point: EntryPoint) -> None:
        where = f"entry point {point.value}"
        try:
            thing = point.load()
        except Exception as error:  # Whatever another package does when imported, its name is what the user can fix.
            what = f"{self.kind} {point.name!r} cannot be loaded ({type(error).__name__}: {error})"
            raise InputError(what, where=where) from error
        if point.name in self._things:  # The import registered it by decorator.
            return
        problem = self._check(thing)
        if problem:
            raise InputError(f"{self.kind} {point.name!r} {problem}", where=where)
        self.register(point.name, thing)


def _identity(thing: Any) -> tuple[object, object]:
    return getattr(thing, "__module__", None), getattr(thing, "__qualname__", thing)


def _is_stage(thing: Any) -> str:
    there = isinstance(thing, type) and all(hasattr(thing, name) for name in ("name", "Options", "tasks", "run"))
    return "" if there else "is not a subclass of xai_compare.runs.stage.Stage"


STAGES: Registry[Any] = Registry(
    "stage",
    "xai_compare.stages",
    ("xai_compare.analysis.stages.*", "xai_compare.report.stages.*"),
    one_per_module=True,
    check=_is_stage,
)
"""The stages of a run; named here, because a study may ask for one by its name."""

VIEWS: Registry[Any] = Registry("view of a run", "xai_compare.views", ("xai_compare.report.views",))
"""How a run shows itself: ``html`` and ``plot``; named here, because a run does not know the report."""
