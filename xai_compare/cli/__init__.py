"""The command line: `xai-compare`, with a file for each command."""

from __future__ import annotations

import importlib
import io
import logging
import os
import pkgutil
import sys
import warnings
from types import ModuleType

os.environ.setdefault("KERAS_BACKEND", "torch")
# Threads that wait for work by spinning make a run forty times slower on a machine that others use too.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

from xai_compare.cli.app import app
from xai_compare.errors import InputError
from xai_compare.files import FULL, MAKE_ROOM

SHARED = ("__main__", "app", "progress")
"""Modules of this folder that are not commands."""
STOPPED = 130
"""The exit code after Ctrl-C."""


def commands() -> list[ModuleType]:
    """Import every command; each registers itself."""
    names = sorted(info.name for info in pkgutil.iter_modules(__path__) if info.name not in SHARED)
    # The main job comes first in the help.
    return [importlib.import_module(f"{__name__}.{name}") for name in sorted(names, key=lambda name: name != "run")]


class _Lines(logging.Handler):
    """Prints what this package logs between the other lines that tell how far a job is."""

    def emit(self, record: logging.LogRecord) -> None:
        """Print a record's message."""
        print(self.format(record))


def main() -> None:
    """Run the command line; bad input ends in one line and exit code 2."""
    if not sys.warnoptions:  # What a user must know is said in a line of ours, never as a warning beside it.
        warnings.simplefilter("ignore")
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # Names of files need not be UTF-8.
    # Lines of ours are told as they are; those of libraries, some of which configure the root by themselves, are not.
    logging.getLogger("xai_compare").handlers = [_Lines()]
    logging.getLogger().addHandler(logging.NullHandler())
    commands()
    try:
        app()
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    except MemoryError:
        hint = "give it less at once (smaller pictures, --batch-size), or a machine with more"
        print(f"error: there is not enough memory; what was done before is kept; {hint}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:
        if error.strerror is None:
            raise
        place = error.filename or "the file system"
        what = f"{error.strerror}; what was done before is kept"
        if error.errno in FULL:
            what = f"the disk is full; {MAKE_ROOM}"
        print(f"error: {place}: {what}", file=sys.stderr)
        sys.exit(2)
    except SystemExit as end:
        # Typer makes an exit of Ctrl-C, and names it as the cause only where no command has said more.
        if isinstance(getattr(end.__context__, "__cause__", None), KeyboardInterrupt):
            print("stopped; what is done is kept, and the same command continues", file=sys.stderr)
        raise


def script() -> None:
    """`main` in a process of its own, which ends at once when it is stopped, whatever its threads are computing."""
    try:
        main()
    except SystemExit as end:
        if end.code == STOPPED:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(STOPPED)
        raise
