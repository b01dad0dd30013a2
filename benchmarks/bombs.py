"""What does a small file cost that promises much? Make each bomb, run the command that reads it, print what it took.

    python benchmarks/bombs.py [--only NAME ...] [--seconds 120] [--gigabytes 12]

Each command runs in a process of its own, with limits on its time and memory. A row says how it ended, the peak of its
memory in MB, its seconds, and the line that it printed. A command ends well if it prints one line and ends by itself.
"""

from __future__ import annotations

import argparse
import os
import resource
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import NamedTuple

import bomb_networks  # noqa: F401 - registers its bombs
from bomb_files import BOMBS


class Outcome(NamedTuple):
    """How a command ended, its peak memory in MB, its seconds, and its last line."""

    end: str
    megabytes: int
    seconds: float
    line: str


def measured(arguments: list[str], folder: Path, seconds: float, gigabytes: float) -> Outcome:
    """Run a command within limits."""

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (int(gigabytes * 1e9),) * 2)
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(8e9),) * 2)

    # `run`, `report` and `verify` have folders of their own.
    out = [] if arguments[0] in ("run", "report", "verify") else ["--out", str(folder / "out")]
    command = [sys.executable, "-m", "xai_compare.cli", *arguments, *out]
    began = time.perf_counter()
    with (folder / "said").open("w+") as said:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=said, stderr=subprocess.STDOUT, cwd=folder, preexec_fn=limit
        )
        timer = threading.Timer(seconds, process.kill)
        timer.start()
        _, status, used = os.wait4(process.pid, 0)
        timer.cancel()
        took = time.perf_counter() - began
        said.seek(0)
        lines = [line for line in said.read().splitlines() if line.strip()]
    code = os.waitstatus_to_exitcode(status)
    traced = any("Traceback" in line for line in lines)
    end = "too slow" if took >= seconds else "killed" if code < 0 else "traceback" if traced else f"exit {code}"
    line = (lines or [""])[-1].replace(str(folder), "…")
    return Outcome(end, used.ru_maxrss // 1024, took, line)


def main() -> None:
    """Make and read every bomb; exit code 1 if one of them did not end by itself, in a line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--only", nargs="*", choices=sorted(BOMBS))
    parser.add_argument("--seconds", type=float, default=120)
    parser.add_argument("--gigabytes", type=float, default=12)
    asked = parser.parse_args()
    bad = 0
    print(f"{'bomb':36}{'bytes':>12}  {'ends':10}{'MB':>7}{'s':>7}  line")
    for name in asked.only or BOMBS:
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            command = BOMBS[name](folder)
            size = sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
            outcome = measured(command, folder, asked.seconds, asked.gigabytes)
        bad += outcome.end not in ("exit 0", "exit 2", "exit 1")
        words = f"{outcome.end:10}{outcome.megabytes:7}{outcome.seconds:7.1f}  {outcome.line}"
        print(f"{name:36}{size:12,}  {words}", flush=True)
    sys.exit(bad > 0)


if __name__ == "__main__":
    main()
