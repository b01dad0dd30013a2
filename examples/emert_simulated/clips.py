"""Simulated clips as a folder in the neutral layout, to try `xai-compare emotion` on.

python examples/emert_simulated/clips.py --out runs/simulated_clips
xai-compare emotion runs/simulated_clips --out runs/tried --folds 2 --epochs 3 --frames 3 --steps 8 --side 32
"""

from __future__ import annotations

import argparse
from pathlib import Path

from xai_compare.emotion import Clip, write_clips
from xai_compare.synthetic.clips import simulate_clips
from xai_compare.synthetic.eye_sequences import EYE_FEATURES


def main() -> None:
    """Simulate clips and write them."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--out", type=Path, default=Path("runs/simulated_clips"))
    parser.add_argument("--people", type=int, default=8)
    parser.add_argument("--clips", type=int, default=14)
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    simulated = simulate_clips(given.people, given.clips, given.seed)
    table = simulated.clips.table
    clips = [
        Clip(str(name), str(person), simulated.face[k], simulated.eye[k], simulated.fixation[k])
        for k, (name, person) in enumerate(zip(table["clip"], table["person"], strict=True))
    ]
    write_clips(given.out, table, clips, EYE_FEATURES)
    print(f"{len(clips)} simulated clips of {given.people} people: {given.out}")


if __name__ == "__main__":
    main()
