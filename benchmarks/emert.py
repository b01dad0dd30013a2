"""What training EMERT costs: seconds a clip and memory, of the released size and of the small one of the example.

    python benchmarks/emert.py [--clips 32] [--threads 2]

Inputs are noise: time and memory do not depend on what they show.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np
import torch
from rich.console import Console
from rich.table import Table

from xai_compare.emotion import EMERT, ClipArrays, Recipe, Scaler, fit
from xai_compare.synthetic.unit_reader import UnitReader

SMALL = {"layers": 1, "heads": 4, "head_width": 16}


def noise(clips: int, side: int) -> ClipArrays:
    """Clips of noise with frames, or with the example's 96 features if ``side`` is 0."""
    rng = np.random.default_rng(0)
    face = (
        rng.integers(0, 256, (clips, 8, side, side, 3), dtype=np.uint8)
        if side
        else rng.standard_normal((clips, 8, 96), np.float32)
    )
    eye, fixation = (rng.standard_normal((clips, 32, k), np.float32) for k in (39, 2))
    return ClipArrays(face, eye, fixation, tuple(map(str, range(clips))))


def main() -> None:
    """Train two epochs of each, the first to warm up, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--clips", type=int, default=32)
    parser.add_argument("--threads", type=int, default=2)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    table = Table("network", "parameters", "batch", "ms a clip", "minutes for 1,043 clips x 200 epochs", "peak GiB")
    cases = (
        ("small, frozen reader", EMERT("paper", backbone=UnitReader(), **SMALL), 0, 32),  # type: ignore[arg-type]
        ("paper's size, ResNet-18", EMERT("paper"), 112, 16),
    )
    for name, net, side, batch in cases:
        data = noise(given.clips if side else 8 * given.clips, side)
        labels = {head: np.arange(len(data)) % 7 for head in net.heads}
        spent = []
        for _ in range(2):
            began = time.perf_counter()
            fit(net, data, Scaler.fit(data), labels, Recipe(epochs=1, batch=batch))
            spent.append(time.perf_counter() - began)
        each = spent[-1] / len(data)
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
        count = sum(p.numel() for p in net.parameters())
        table.add_row(
            name, f"{count:,}", str(batch), f"{1000 * each:.1f}", f"{each * 1043 * 200 / 60:.0f}", f"{peak:.2f}"
        )
    Console(width=120).print(table)


if __name__ == "__main__":
    main()
