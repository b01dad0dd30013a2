"""What the user must fix, said in one line."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


class InputError(ValueError):
    """Bad input: one line that says what is wrong, where, and how to fix it.

    The command line prints it without a traceback and ends with exit code 2.
    """

    def __init__(self, what: str, *, where: object | None = None, hint: str | None = None) -> None:
        self.what, self.where, self.hint = what, where, hint
        line = f"{where}: {what}" if where is not None else what
        super().__init__(" ".join(f"{line}; {hint}".split() if hint else line.split()))


def first_line(error: BaseException, most: int = 200) -> str:
    """The first line of what an error of a library says, cut at ``most`` characters; its type where it says nothing.

    >>> first_line(ValueError("bad header\\nat byte 7"))
    'bad header'
    """
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:most]


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``"did you mean 'x'?"`` for the nearest known name, or the list of known names.

    >>> nearest("expresion", ["expression", "image"])
    "did you mean 'expression'?"
    """
    known = list(known)
    close = get_close_matches(name, known, n=1)
    return f"did you mean {close[0]!r}?" if close else f"known: {', '.join(known)}"
