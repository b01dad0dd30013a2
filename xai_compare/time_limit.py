"""A limit on the seconds of work that a file asks of a library, which cannot itself be asked how long it will take."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from xai_compare.errors import InputError

LIMIT_S = "XAI_COMPARE_MAX_S"
"""Environment variable: the most seconds that reading a network may take; 600 by default."""


class _TooLongError(BaseException):
    """No `Exception`, so that no library takes it for an error of its own."""


@contextmanager
def time_limit(what: str, where: object) -> Iterator[None]:
    """End the block with an error once the limit is over; in a thread that is not the main one it has none.

    Args:
        what: what takes the time, such as ``"reading the network"``.
        where: what it is told of.

    Raises:
        InputError: if it takes too long, or the limit is no number of seconds.
    """
    seconds = _seconds()
    main = threading.current_thread() is threading.main_thread()
    # Another alarm that runs is its owner's affair.
    if not main or not hasattr(signal, "SIGALRM") or signal.getitimer(signal.ITIMER_REAL)[0]:
        yield
        return

    def stop(number: int, frame: object) -> None:
        raise _TooLongError

    before = signal.signal(signal.SIGALRM, stop)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    except _TooLongError:
        hint = f"if that is meant, allow more seconds: {LIMIT_S}={10 * seconds:.0f}"
        raise InputError(f"{what} took more than {seconds:g} s", where=where, hint=hint) from None
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _seconds() -> float:
    text = os.environ.get(LIMIT_S, "600")
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not 0 < value < 1e8:
        raise InputError(f"{LIMIT_S} must be a number of seconds, not {text!r}")
    return value
