"""One way to know things by name: by decorator, or, for those of other packages, by entry point.

Explainers, metrics, readers of human data, sources of networks, stages of a run and sections of the report are all
found through a `Registry`. A thing registers itself where it is defined, in this package or in a notebook; another
package names its own in an entry-point group of its ``pyproject.toml``, and needs no change here::

    [project.entry-points."xai_compare.metrics"]
    my_metric = "my_package.metrics:my_metric"
"""

from __future__ import annotations

import importlib
import importlib.util
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from html import escape
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, Generic, TypeVar, overload

from xai_compare.errors import InputError, first_line, nearest

T = TypeVar("T")
F = TypeVar("F")


class Registry(Generic[T]):
    """Things of one kind by name; a thing is imported when it is first asked for.

    Args:
        kind: what messages call one of them, such as ``"metric"``.
        group: entry-point group in which other packages name theirs.
        rooms: packages of this package whose modules register things when imported; a name that ends in ``.*`` stands
            for all its modules.
        one_per_module: whether each module or package in the rooms holds one thing that is called as it is. Then
            `names` imports nothing, and `get` imports one module.
        besides: modules in the rooms that hold no such thing.
        check: raises, or returns why a thing that a plug-in offers is not one; ``""`` if it is.
    """

    def __init__(
        self,
        kind: str,
        group: str,
        rooms: tuple[str, ...] = (),
        *,
        one_per_module: bool = False,
        besides: tuple[str, ...] = (),
        check: Callable[[Any], str] = lambda thing: "",
    ) -> None:
        self.kind, self.group = kind, group
        self.broken: dict[str, str] = {}
        self._rooms, self._one_per_module, self._check = rooms, one_per_module, check
        self._besides = besides
        self._things: dict[str, T] = {}
        self._filled = False

    @overload
    def register(self, name: str) -> Callable[[F], F]: ...

    @overload
    def register(self, name: str, thing: T) -> T: ...

    def register(self, name: str, thing: Any = None) -> Any:
        """Make a thing known by a name; without the thing, a decorator that does so.

        The same definition may register itself again, as when a module is reloaded or a notebook's cell is run twice.

        Raises:
            ValueError: if another thing has the name.

        >>> GREETINGS = Registry("greeting", "my_package.greetings")
        >>> @GREETINGS.register("hello")
        ... def hello(whom):
        ...     return f"Hello, {whom}!"
        >>> GREETINGS
        Registry of 1 greeting: hello
        >>> GREETINGS.get("hello")("you")
        'Hello, you!'
        """
        if thing is None:
            return lambda decorated: self.register(name, decorated)
        known = self._things.get(name)
        if known is not None and _identity(known) != _identity(thing):
            raise ValueError(f"two {self.kind}s are called {name!r}")
        self._things[name] = thing
        return thing

    def spelled(self, name: str) -> str:
        """The name as it is registered, whatever its case, blanks, hyphens and underscores; unknown names as they are.

        >>> GREETINGS = Registry("greeting", "my_package.greetings")
        >>> _ = GREETINGS.register("good_morning", str)
        >>> GREETINGS.spelled("Good Morning"), GREETINGS.spelled("goodbye")
        ('good_morning', 'goodbye')
        """
        if name in self:
            return name
        alike = [known for known in self.names() if _letters(known) == _letters(name)]
        return alike[0] if len(alike) == 1 else name

    def remove(self, name: str) -> None:
        """Forget what was registered by a name, so that something else may have it."""
        self._things.pop(name, None)

    def names(self, *, plugins: bool = True) -> list[str]:
        """Every name: this package's in the order of definition, those registered since, then plug-ins', sorted."""
        own = self._modules() if self._one_per_module else self._own()
        if not plugins:
            return [name for name in dict.fromkeys([*own, *self._things]) if name not in self._plugins()]
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
        things = {}
        for name in self.names():
            try:
                things[name] = self.get(name)
            except InputError as error:
                self.broken[name] = str(error)
        return things

    def __repr__(self) -> str:
        names = self.names()
        first, *rest = self.kind.split(" ", 1)
        kinds = " ".join([first if len(names) == 1 else f"{first}s", *rest])
        return f"Registry of {len(names)} {kinds}: {', '.join(names)}"

    def _repr_html_(self) -> str:
        rows = [(name, _first_line(thing)) for name, thing in self.all().items()]
        return html_table(repr(self).partition(":")[0], ("name", "what it is"), rows)

    def __contains__(self, name: object) -> bool:
        return name in self._things or name in self.names()

    def __iter__(self) -> Iterator[str]:
        return iter(self.names())

    def _own(self) -> dict[str, T]:
        """What the rooms register, imported once."""
        if not self._filled:
            self._filled = True
            modules = list(self._modules().values())
            for module in modules:
                importlib.import_module(module)
            # Whoever imported one of the modules before must not decide in what order tables list things.
            places = {module: place for place, module in enumerate(modules)}
            ordered = sorted(self._things.items(), key=lambda item: places.get(_module_of(item[1]), len(places)))
            self._things = dict(ordered)
        return self._things

    def _modules(self) -> dict[str, str]:
        modules: dict[str, str] = {}
        for room in self._rooms:
            if not room.endswith(".*"):
                modules[room] = room
                continue
            top, *inner = room.removesuffix(".*").split(".")
            spec = importlib.util.find_spec(top)
            places = [Path(place, *inner) for place in (spec.submodule_search_locations or [])] if spec else []
            for info in sorted(pkgutil.iter_modules(map(str, places)), key=lambda info: info.name):
                if not info.name.startswith("_") and info.name not in self._besides:
                    modules[info.name] = f"{room.removesuffix('.*')}.{info.name}"
        return modules

    def _plugins(self) -> dict[str, EntryPoint]:
        return {point.name: point for point in entry_points(group=self.group)}

    def _load(self, point: EntryPoint) -> None:
        where = f"entry point {point.value}"
        try:
            thing = point.load()
        except (
            Exception,
            SystemExit,
        ) as error:  # Whatever it does, its name is what the user can fix.
            what = f"{self.kind} {point.name!r} cannot be loaded ({type(error).__name__}: {first_line(error)})"
            raise InputError(what, where=where) from error
        if point.name in self._things:  # The import registered it by decorator.
            return
        problem = self._check(thing)
        if problem:
            raise InputError(f"{self.kind} {point.name!r} {problem}", where=where)
        self.register(point.name, thing)


def html_table(title: str, header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A small table for a notebook."""

    def line(cells: Sequence[str], tag: str) -> str:
        return "<tr>" + "".join(f"<{tag} style='text-align: left'>{escape(cell)}</{tag}>" for cell in cells) + "</tr>"

    body = "".join(line(row, "td") for row in rows)
    return f"<table><caption>{escape(title)}</caption>{line(header, 'th')}{body}</table>"


def _first_line(thing: Any) -> str:
    """What a thing says of itself: its title, or the first line of its own docstring."""
    text = getattr(thing, "title", None) or getattr(thing, "about", None) or vars(thing).get("__doc__") or ""
    return str(text).strip().partition("\n")[0]


def _letters(name: str) -> str:
    """A name without what people write differently."""
    return "".join(character for character in name.lower().replace("+", "plus") if character.isalnum())


def _module_of(thing: Any) -> str:
    """Where a thing, or the function that it holds, was defined."""
    return str(getattr(getattr(thing, "function", thing), "__module__", ""))


def _identity(thing: Any) -> tuple[object, object]:
    """Where a thing was defined; of a function that was wrapped (a metric, a format), where the function was."""
    thing = getattr(thing, "function", getattr(thing, "read", thing))
    return getattr(thing, "__module__", None), getattr(thing, "__qualname__", thing)


def _is_stage(thing: Any) -> str:
    there = isinstance(thing, type) and all(hasattr(thing, name) for name in ("name", "Options", "run"))
    return "" if there else "is not a subclass of xai_compare.runs.stage.Stage"


def _is_explainer(thing: Any) -> str:
    there = isinstance(thing, type) and all(hasattr(thing, name) for name in ("Options", "explain_batch"))
    return "" if there else "is not a subclass of xai_compare.explainers.Explainer"


EXPLAINERS: Registry[Any] = Registry(
    "explainer",
    "xai_compare.explainers",
    ("xai_compare.explainers.methods.*",),
    one_per_module=True,
    check=_is_explainer,
)
"""The explainers; named here, because a study may spell their names freely, and imports nothing heavy."""

STAGES: Registry[Any] = Registry(
    "stage",
    "xai_compare.stages",
    ("xai_compare.analysis.*", "xai_compare.report.stages.*"),
    one_per_module=True,
    besides=("inputs",),
    check=_is_stage,
)
"""The stages of a run; named here, because a study may ask for one by its name."""

VIEWS: Registry[Any] = Registry("view of a run", "xai_compare.views", ("xai_compare.report.views",))
"""How a run shows itself: ``html`` and ``plot``; named here, because a run does not know the report."""
