"""Memory that is used again and again is kept while much is computed, instead of being given back after each step."""

from __future__ import annotations

import ctypes
import platform
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from threading import Lock
from typing import Any

TRIM_THRESHOLD, TOP_PAD, MMAP_THRESHOLD = -1, -2, -3
"""Numbers of glibc's options (malloc.h)."""
KEEP = {MMAP_THRESHOLD: 32 * 2**20, TRIM_THRESHOLD: 512 * 2**20, TOP_PAD: 64 * 2**20}
"""Blocks up to 32 MB (the most that glibc allows) come from the heap, and up to 512 MB of it that is free is kept."""
SET_BACK = {MMAP_THRESHOLD: 32 * 2**20, TRIM_THRESHOLD: 64 * 2**20, TOP_PAD: 128 * 2**10}
"""Where glibc's own rule ends in a process that frees large blocks; once an option was set, it does not move again."""

_lock = Lock()
_users = 0


@contextmanager
def pages_kept(release: bool = False) -> Iterator[None]:
    """While this lasts, freed memory stays with the process; other systems than glibc do without.

    A network's activations are megabytes that live for a millisecond. glibc gives such blocks back to the system at
    once, and the next pass faults every page in anew: a quarter to a third of the processor's time of LIME on a small
    network. What is kept is at most `KEEP`'s half gigabyte more than was in use. The environment's ``MALLOC_...``
    variables are overruled meanwhile. It may be nested, and entered by several threads.

    Args:
        release: whether what is free is given back to the system at the end; it takes some milliseconds.
    """
    global _users
    libc = _glibc()
    if libc is None:
        yield
        return
    with _lock:
        _users += 1
        if _users == 1:
            _set(libc, KEEP)
    try:
        yield
    finally:
        with _lock:
            _users -= 1
            if _users == 0:
                _set(libc, SET_BACK)
                if release:
                    libc.malloc_trim(0)


def _set(libc: Any, options: dict[int, int]) -> None:
    for option, value in options.items():
        libc.mallopt(option, value)


@lru_cache(maxsize=1)
def _glibc() -> Any:
    """The C library, if it is glibc; None otherwise."""
    if platform.libc_ver()[0] != "glibc":
        return None
    library = ctypes.CDLL(None)
    return library if hasattr(library, "mallopt") and hasattr(library, "malloc_trim") else None
