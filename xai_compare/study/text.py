"""From text to nested values: YAML without surprises, and values that can be written down again."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from xai_compare.errors import InputError

MAX_VALUES, MAX_DEPTH = 100_000, 50
"""More values, or more deeply nested ones, are a mistake (aliases that expand without end) or an attack."""


class Loader(yaml.SafeLoader):
    """YAML without tags that build objects, in which no key may be repeated."""

    def __init__(self, stream: Any) -> None:
        super().__init__(stream)
        self._merged = 0

    def flatten_mapping(self, node: yaml.MappingNode) -> None:
        """Put merged keys in; as aliases, they can double at every level."""
        super().flatten_mapping(node)
        self._merged += len(node.value)
        if self._merged > MAX_VALUES:
            raise yaml.MarkedYAMLError(problem="its merge keys expand without end", problem_mark=node.start_mark)

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        keys = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for number, (key, _) in enumerate(node.value):
            if isinstance(key, yaml.ScalarNode) and key.value in keys[:number] and key.value != "<<":
                raise yaml.MarkedYAMLError(problem=f"the key {key.value!r} is there twice", problem_mark=key.start_mark)
        return node


def texts(value: object) -> Iterable[str]:
    """Every text of nested keys and values."""
    waiting = [value]
    for _ in range(MAX_VALUES):
        if not waiting:
            return
        one = waiting.pop()
        if isinstance(one, str | Path):
            yield str(one)
        elif isinstance(one, Mapping):
            waiting += [*one.keys(), *one.values()]
        elif isinstance(one, Sequence) and not isinstance(one, bytes):
            waiting += one


def lone(text: str) -> bool:
    """Whether a text holds half a character, as names of files do whose bytes are not UTF-8."""
    return any("\ud800" <= character <= "\udfff" for character in text)


def check_extent(data: object, where: object) -> None:
    """Refuse what is endless once its aliases are expanded, and what cannot be written into a run."""
    waiting: list[tuple[object, int]] = [(data, 0)]
    for _ in range(MAX_VALUES):
        if not waiting:
            return
        value, depth = waiting.pop()
        if depth > MAX_DEPTH:
            break
        if isinstance(value, bytes | set):
            raise InputError(f"a {type(value).__name__} has no place in a study", where=where)
        if isinstance(value, Mapping):
            waiting += [(one, depth + 1) for one in value.values()]
        elif isinstance(value, Sequence) and not isinstance(value, str):
            waiting += [(one, depth + 1) for one in value]
    what = f"the study has more than {MAX_VALUES:,} values or {MAX_DEPTH} levels once its aliases are expanded"
    raise InputError(what, where=where, hint="write out what the aliases stand for")
