"""Threads of the linear algebra libraries, limited where more of them would only be in the way."""

from __future__ import annotations

from contextlib import AbstractContextManager
from functools import cache

from threadpoolctl import ThreadpoolController


def one_blas_thread() -> AbstractContextManager[object]:
    """Run the block with one thread for each of NumPy's and SciPy's linear algebra libraries.

    For small matrices, next to a network that has its own threads: BLAS threads that wait for work by spinning take
    the cores from the network, and make both several times slower. Holds for the whole process while the block runs,
    and is undone at its end. Torch's own threads stay as they are.
    """
    return _controller().limit(limits=1, user_api="blas")


@cache
def _controller() -> ThreadpoolController:
    """Found once, for looking through the process's libraries takes milliseconds; the limit itself takes none."""
    # Both bring a library of their own, which must be loaded to be found.
    import numpy.linalg  # noqa: F401
    import scipy.linalg  # noqa: F401

    return ThreadpoolController()
