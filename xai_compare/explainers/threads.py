"""Threads of the linear algebra libraries, limited where they are in the way; and a lock for what is not shared."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import cache
from threading import Lock, RLock

from threadpoolctl import ThreadpoolController

GLOBAL_STATE = RLock()
"""Held while an explainer changes what belongs to the whole process: global seeds, filters of warnings."""

_entering = Lock()
_inside: list[AbstractContextManager[object]] = []
_count = 0


@contextmanager
def one_blas_thread() -> Iterator[None]:
    """Run the block with one thread for each of NumPy's and SciPy's linear algebra libraries.

    For small matrices, next to a network that has its own threads: BLAS threads that wait for work by spinning take
    the cores from the network, and make both several times slower. Holds for the whole process while a block runs,
    and is undone when the last one ends, whatever thread it runs in. Torch's own threads stay as they are.
    """
    global _count
    with _entering:
        if _count == 0:
            limit = _controller().limit(limits=1, user_api="blas")
            limit.__enter__()
            _inside.append(limit)
        _count += 1
    try:
        yield
    finally:
        with _entering:
            _count -= 1
            if _count == 0:
                _inside.pop().__exit__(None, None, None)


@cache
def _controller() -> ThreadpoolController:
    """Found once, for looking through the process's libraries takes milliseconds; the limit itself takes none."""
    # Both bring a library of their own, which must be loaded to be found.
    import numpy.linalg  # noqa: F401
    import scipy.linalg  # noqa: F401

    return ThreadpoolController()
