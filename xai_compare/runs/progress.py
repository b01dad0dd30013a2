"""How a run tells what it is doing, without knowing who listens."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Protocol, TypeVar

T = TypeVar("T")
Advance = Callable[[int], None]


class Progress(Protocol):
    """What a listener offers: a bar per stage, and a place for messages."""

    def stage(self, title: str, total: int | None) -> AbstractContextManager[Advance]:
        """Open a stage of ``total`` steps (None: unknown); the context is called with the steps done."""

    def say(self, message: str) -> None:
        """Say one line."""


class Silent:
    """Nobody listens."""

    def stage(self, title: str, total: int | None) -> AbstractContextManager[Advance]:
        """Return a context that counts nothing."""
        return nullcontext(lambda steps: None)

    def say(self, message: str) -> None:
        """Say nothing."""


def batches(things: Iterable[T], size: int) -> Iterator[list[T]]:
    """Cut ``things`` into lists of ``size``, the last one shorter."""
    part: list[T] = []
    for thing in things:
        part.append(thing)
        if len(part) == size:
            yield part
            part = []
    if part:
        yield part
