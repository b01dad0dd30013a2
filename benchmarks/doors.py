"""How long a user waits at each door: help, status, verify, an error line, imports, a finished study run again.

    python benchmarks/doors.py RUN_DIR

RUN_DIR is a finished run of the bundled default. Each is a process of its own, started as a user would, and the best of
three is printed, with the goal beside it.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import time
from pathlib import Path


def seconds(*command: str) -> float:
    """The best of three, in seconds."""
    best = float("inf")
    for _ in range(3):
        began = time.perf_counter()
        subprocess.run([sys.executable, *command], capture_output=True, check=False)
        best = min(best, time.perf_counter() - began)
    return best


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    run = str(parser.parse_args().run)
    doors = {
        "import xai_compare": (0.2, ["-c", "import xai_compare"]),
        "import xai_compare.runs": (1.5, ["-c", "import xai_compare.runs"]),
        "xai-compare --help": (0.5, ["-m", "xai_compare.cli", "--help"]),
        "an error line": (1.5, ["-m", "xai_compare.cli", "run", "no_such_study.yaml"]),
        "status": (1.5, ["-m", "xai_compare.cli", "status", run]),
        "verify": (1.5, ["-m", "xai_compare.cli", "verify", run]),
        "a finished study run again": (10.0, ["-m", "xai_compare.cli", "run", "--out", run]),
    }
    print(f"{'door':<28} {'goal s':>7} {'took s':>7}")
    for name, (goal, command) in doors.items():
        print(f"{name:<28} {goal:7.1f} {seconds(*command):7.2f}")


if __name__ == "__main__":
    main()
