"""Settings from files and keywords: strict YAML, and what is wrong with a setting in one line."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, ClassVar, get_args

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from xai_compare.errors import InputError, first_line, nearest
from xai_compare.files import read_bytes

MAX_BYTES = 10_000_000
MAX_VALUES, MAX_DEPTH = 100_000, 50
"""More values, or more deeply nested ones, are a mistake (aliases that expand without end) or an attack."""

_UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")


class Strict(BaseModel):
    """Settings in which an unknown key is a mistake, and defaults are checked too."""

    model_config = ConfigDict(extra="forbid", validate_default=True, allow_inf_nan=False)
    RENAMED: ClassVar[Mapping[str, str]] = {}
    """Keys of earlier versions, and what they are called now."""


class UnknownKeyError(InputError):
    """Keys that are not known where they stand; for validators of settings whose keys are not all fields."""

    def __init__(self, hints: Mapping[str, str], where: object | None = None) -> None:
        super().__init__(**unknown_line(hints), where=where)
        self.hints = hints


def unknown_line(hints: Mapping[str, str], kind: str = "key") -> dict[str, str]:
    """What an `InputError` says of unknown keys, each with its hint: all of them, for who mistypes one mistypes two.

    >>> unknown_line({"nam": "did you mean 'name'?", "x": "known: name, seed"})
    {'what': "unknown keys 'nam' (did you mean 'name'?), 'x'", 'hint': 'known: name, seed'}
    """
    if len(hints) == 1:
        ((key, hint),) = hints.items()
        return {"what": f"unknown {kind} {key!r}", "hint": hint}
    close = {key: hint for key, hint in hints.items() if not hint.startswith("known:")}
    named = [f"{key!r} ({close[key]})" if key in close else repr(key) for key in hints]
    return {
        "what": f"unknown {kind}s {', '.join(named)}",
        "hint": next((hint for key, hint in hints.items() if key not in close), "correct them"),
    }


class StrictLoader(yaml.SafeLoader):
    """YAML without tags that build objects, in which no key may be repeated."""

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self._merged = self._nodes = 0

    def compose_node(self, parent: Any, index: Any) -> Any:
        """Stop at more nodes than `check_extent` allows, for a million take minutes."""
        self._nodes += 1
        if self._nodes > 2 * MAX_VALUES:
            raise yaml.MarkedYAMLError(problem=f"it has more than {MAX_VALUES:,} keys and values")
        return super().compose_node(parent, index)

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Put merged keys in; as aliases, they can double at every level."""
        super().flatten_mapping(node)
        self._merged += len(node.value)
        if self._merged > MAX_VALUES:
            raise yaml.MarkedYAMLError(problem="its merge keys expand without end", problem_mark=node.start_mark)

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        # YAML itself keeps the last of two equal keys, so a setting that was pasted twice would be lost in silence.
        node = super().compose_mapping_node(anchor)
        before: set[str] = set()
        for key in (key for key, _ in node.value if isinstance(key, yaml.ScalarNode)):
            if key.value in before and key.value != "<<":
                raise yaml.MarkedYAMLError(problem=f"the key {key.value!r} is there twice", problem_mark=key.start_mark)
            before.add(key.value)
        return node


def read_yaml(path: Path, what: str) -> dict[str, Any]:
    """The keys and values of a YAML file.

    Args:
        path: the file.
        what: what messages call its content, such as ``"study"``.

    Raises:
        InputError: if it cannot be read, repeats a key, holds anything but keys and values, or is endless.
    """
    try:
        text = read_bytes(path, MAX_BYTES)
    except InputError as error:
        raise InputError(f"the {what} {error.what}", where=path, hint=error.hint) from None
    try:
        data = parse_yaml(text.decode("utf-8"))
    except (yaml.YAMLError, ValueError) as error:
        raise InputError(f"the {what} is not valid YAML ({error})", where=path) from None
    if not isinstance(data, dict):
        raise InputError(f"the {what} must be a mapping of keys to values", where=path)
    check_extent(data, path, what)
    return data


def parse_yaml(text: str) -> Any:
    """The value of a YAML text; raises `yaml.YAMLError`, also for a repeated key or a date that is none.

    >>> parse_yaml("size: [64, 48]")
    {'size': [64, 48]}
    """
    try:
        return yaml.load(text, StrictLoader)
    except yaml.YAMLError:
        raise
    except Exception as error:  # Tags such as `!!timestamp x` and `!!int ""` make PyYAML raise whatever it likes.
        raise yaml.YAMLError(first_line(error)) from None


def check_extent(data: object, where: object, what: str = "study") -> None:
    """Refuse what is endless once its aliases are expanded, and what cannot be written down again."""
    waiting: list[tuple[object, int]] = [(data, 0)]
    for _ in range(MAX_VALUES):
        if not waiting:
            return
        value, depth = waiting.pop()
        if depth > MAX_DEPTH:
            break
        if isinstance(value, bytes | set):
            raise InputError(f"a {type(value).__name__} has no place in a {what}", where=where)
        if isinstance(value, Mapping):
            waiting += [(item, depth + 1) for item in value.values()]
        elif isinstance(value, Sequence) and not isinstance(value, str):
            waiting += [(item, depth + 1) for item in value]
    problem = f"the {what} has more than {MAX_VALUES:,} values or {MAX_DEPTH} levels once its aliases are expanded"
    raise InputError(problem, where=where, hint="write out what the aliases stand for")


def input_error(
    error: ValidationError,
    where: object,
    model: type[Any],
    *,
    prefix: tuple[str, ...] = (),
    kind: str = "key",
    what: str = "study",
) -> InputError:
    """The first thing that pydantic found wrong, and how many more there are, as our error.

    Args:
        error: what pydantic found.
        where: the file, or whatever else messages name first.
        model: what was validated; unknown keys are answered with its nearest one.
        prefix: the keys under which the model stands, if it is a part of something larger.
        kind: what messages call a key, such as ``"option"``.
        what: what messages call the whole.

    >>> class Size(Strict):
    ...     width: int = 3
    >>> try:
    ...     Size.model_validate({"widht": 4})
    ... except ValidationError as error:
    ...     print(input_error(error, "my.yaml", Size))
    my.yaml: unknown key 'widht'; did you mean 'width'?
    """
    problems = error.errors(include_url=False)
    unknown = unknown_keys(error, model, prefix)
    if unknown:
        return InputError(**unknown_line(unknown, kind), where=where)
    for problem in problems:
        cause = problem.get("ctx", {}).get("error")
        if isinstance(cause, InputError):
            return InputError(cause.what, where=where, hint=cause.hint)
    first = problems[0]
    key = _path(prefix, first)
    more = f" (and {len(problems) - 1} more)" if len(problems) > 1 else ""
    if first["type"] == "missing":
        return InputError(f"{kind} {key!r} is missing{more}", where=where, hint="add it")
    value = "" if isinstance(first["input"], dict | list) else f" = {first['input']!r}"
    message = first["msg"].removeprefix("Value error, ")
    return InputError(f"{f'{kind} {key!r}' if key else f'the {what}'}{value}{more}", where=where, hint=message)


def _path(prefix: tuple[str, ...], problem: Any) -> str:
    """The whole path of keys to what is wrong."""
    return ".".join(str(part) for part in (*prefix, *problem["loc"]) if not str(part).startswith("function-"))


def unknown_keys(error: ValidationError, model: type[Any], prefix: tuple[str, ...] = ()) -> dict[str, str]:
    """Every key that is not known, by its whole path, with what was probably meant."""
    hints: dict[str, str] = {}
    for problem in error.errors(include_url=False):
        cause = problem.get("ctx", {}).get("error")
        if isinstance(cause, UnknownKeyError):
            place = _path(prefix, problem)
            hints |= {f"{place}.{key}" if place else key: hint for key, hint in cause.hints.items()}
        elif problem["type"] in _UNKNOWN:
            holder, last = _model_at(model, problem["loc"][:-1]), str(problem["loc"][-1])
            renamed: Mapping[str, str] = getattr(holder, "RENAMED", {})
            known = f"it is called {renamed[last]!r} now" if last in renamed else nearest(last, list(_fields(holder)))
            hints[_path(prefix, problem)] = known
    return hints


def _fields(model: Any) -> dict[str, Any]:
    """The fields of a model, or of a dataclass that pydantic checks."""
    return dict(model.__pydantic_fields__)


def _model_at(model: type[Any], loc: Sequence[int | str]) -> type[Any]:
    """The model that stands at a place, found by following the fields' types."""
    for part in loc:
        field = _fields(model).get(str(part))
        inner = None if field is None else next(iter(_models(field.annotation)), None)
        model = model if inner is None else inner
    return model


def _models(annotation: Any) -> list[type[Any]]:
    """The models, or dataclasses that pydantic checks, inside a type such as ``list[Model] | None``."""
    if isinstance(annotation, type) and hasattr(annotation, "__pydantic_fields__"):
        return [annotation]
    return [model for part in get_args(annotation) for model in _models(part)]
