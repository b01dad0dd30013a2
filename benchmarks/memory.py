"""Peak memory of a run against the number of (rendered, simulated) images: it must not grow with them.

python benchmarks/memory.py [--images 200 1000] [--explainer grad_cam]
"""

from __future__ import annotations

import argparse
import csv
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import yaml
from PIL import Image

from xai_compare.expressions import BASIC
from xai_compare.synthetic import faces


def pictures(folder: Path, number: int) -> None:
    """Render distinct faces once and name them often enough: reading and explaining cost the same."""
    folder.mkdir(parents=True)
    rendered = faces(BASIC, n_identities=10, seed=3, size=(160, 160))
    rows = []
    for index in range(number):
        one = index % len(rendered.images)
        name = f"simulated_{index:06d}.png"
        Image.fromarray(rendered.images[one]).save(folder / name)
        rows.append((name, rendered.labels[one], "simulated"))
    with (folder / "labels.csv").open("w", newline="") as file:
        csv.writer(file).writerows([("image", "expression", "dataset"), *rows])


def study(folder: Path, explainer: str) -> Path:
    """A study of all the pictures."""
    asked = {
        "name": "memory",
        "images": {"manifest": "labels.csv", "choose_by": "label"},
        "models": [{"name": "compact", "bundled": "compact"}],
        "explainers": [explainer],
        "compare": {"bootstrap": 200},
    }
    path = folder / "study.yaml"
    path.write_text(yaml.safe_dump(asked))
    return path


def main() -> None:
    """Run the command line on each number of images and print its peak memory and time."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--images", type=int, nargs="+", default=[200, 1000])
    parser.add_argument("--explainer", default="grad_cam")
    arguments = parser.parse_args()
    first = 0.0
    print(f"{'images':>8} {'peak GB':>9} {'against first':>14} {'seconds':>9}")
    for number in sorted(arguments.images):
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place) / "faces"
            pictures(folder, number)
            command = [sys.executable, __file__, "--child", str(study(folder, arguments.explainer)), place + "/run"]
            began = time.perf_counter()
            out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
            peak = float(out.split()[-1])
            first = first or peak
            print(f"{number:8d} {peak:9.3f} {peak / first:14.3f} {time.perf_counter() - began:9.1f}", flush=True)


def child(path: str, out: str) -> None:
    """Run one study and say the peak memory of this process, in GB."""
    from xai_compare.runs import run
    from xai_compare.study import Study

    run(Study.load(path), out)
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6)


if __name__ == "__main__":
    child(*sys.argv[2:]) if sys.argv[1:2] == ["--child"] else main()
