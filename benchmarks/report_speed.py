"""How long a run's report takes, and how large it is: ``python benchmarks/report_speed.py RUN_DIR``.

The run is copied to a temporary folder first and stays as it is. One line: seconds (wall clock, and of the processor),
bytes of the page, bytes and number of the figures.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
import time
from pathlib import Path

import xai_compare as xc
from xai_compare import report


def measure(run_dir: Path) -> dict[str, float]:
    """Build the report of a copy of the run, without what an earlier report left there."""
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "run"
        shutil.copytree(run_dir, copy, ignore=shutil.ignore_patterns("figures", "report.html", "maps.zarr", "chunks"))
        run = xc.Run.open(copy)
        began, worked = time.perf_counter(), time.process_time()
        page = report.build(run)
        seconds, processor = time.perf_counter() - began, time.process_time() - worked
        figures = [path.stat().st_size for path in (copy / "figures").iterdir()]
        return {
            "seconds": round(seconds, 2),
            "processor_seconds": round(processor, 2),
            "page_bytes": page.stat().st_size,
            "figure_bytes": sum(figures),
            "figure_files": len(figures),
        }


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(str(__doc__).splitlines()[0])
    print(" ".join(f"{name} {value:,}" for name, value in measure(Path(sys.argv[1])).items()))
