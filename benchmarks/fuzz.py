"""A thousand damaged inputs: no traceback, no hang over 10 s, no file outside the output directory touched.

    python benchmarks/fuzz.py [--number 1000] [--seed 0]

Each round damages one kind of file of a small study on rendered (simulated) faces (the study, the manifest, a picture,
the clicks, a mask, a ready-made heatmap) by flipped bits, cut or repeated pieces, swapped values and odd strings, and
runs the study (or the comparison). A line from `InputError` or a finished run is right; anything else is a failure.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import shutil
import signal
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import yaml
from PIL import Image

from xai_compare import ekman, synthetic
from xai_compare.cli.compare import compare_heatmaps
from xai_compare.errors import InputError
from xai_compare.runs import run
from xai_compare.study import Study

LIMIT = 10
ODD = [
    "", "nan", "inf", "-1", "1e400", "../../etc/passwd", "/dev/zero", "\x00", "ä€😀", "<script>", "'\"; rm -rf ~",
    "a" * 5000, "[1,2", "{a: 1}", "!!python/object:os.system", "&a [*a]", "null", "true", "0x10", "1_000", "\r\n,,,",
]  # fmt: skip


class HungError(Exception):
    """A round took too long."""


def bits(data: bytes) -> bytes:
    """Flip up to eight bits."""
    out = bytearray(data)
    for _ in range(random.randint(1, 8)):
        if out:
            out[random.randrange(len(out))] ^= 1 << random.randrange(8)
    return bytes(out)


def cut(data: bytes) -> bytes:
    """End too early."""
    return data[: random.randrange(len(data) + 1)]


def repeat(data: bytes) -> bytes:
    """Say a piece twice, somewhere else."""
    a, b = sorted(random.randrange(len(data) + 1) for _ in range(2))
    at = random.randrange(len(data) + 1)
    return data[:at] + data[a:b] + data[at:]


def swap(data: bytes) -> bytes:
    """Replace one value of a text by something odd, or shuffle its lines."""
    lines = data.decode("utf-8", "replace").splitlines()
    if not lines:
        return b""
    if random.random() < 0.2:
        random.shuffle(lines)
    else:
        index = random.randrange(len(lines))
        parts = lines[index].replace(": ", ",").split(",")
        mark = ": " if ": " in lines[index] else ","
        parts[random.randrange(len(parts))] = random.choice(ODD)
        lines[index] = mark.join(parts)
    return "\n".join(lines).encode("utf-8", "replace")


def make_inputs(folder: Path) -> None:
    """A study of two faces, its clicks, masks, and heatmaps for a comparison."""
    data = synthetic.faces(("anger", "happiness"), 1, seed=2, size=(128, 128))
    synthetic.write_dataset(folder, data, n_observers=2)
    masks = folder / "masks"
    masks.mkdir()
    heat = folder / "heat"
    heat.mkdir()
    draws = np.random.default_rng(0)
    for name, mask in ekman.masks().items():
        Image.fromarray(mask.astype(np.uint8) * 255).save(masks / f"{name}.png")
        for model in ("a", "b"):
            Image.fromarray(draws.integers(0, 256, mask.shape, dtype=np.uint8)).save(
                heat / f"{model}_{name}_heatmap.png"
            )
    asked = {
        "name": "fuzz",
        "images": {"manifest": "labels.csv", "choose_by": "label"},
        "models": [{"name": "compact", "bundled": "compact"}],
        "explainers": ["random"],
        "human": [{"name": "clicks", "file": "clicks.csv", "format": "clicks", "pixels_per_degree": 20}],
        "masks": "masks",
        "compare": {"bootstrap": 0},
    }
    (folder / "study.yaml").write_text(yaml.safe_dump(asked, sort_keys=False))


def state(folder: Path) -> str:
    """A hash of all files of a folder."""
    digest = hashlib.sha256()
    for path in sorted(p for p in folder.rglob("*") if p.is_file()):
        digest.update(str(path.relative_to(folder)).encode() + path.read_bytes())
    return digest.hexdigest()


def one(place: Path, out: Path, kind: str) -> str:
    """Damage one file of ``kind`` and use it; what became of it."""
    files = {
        "study": [place / "study.yaml"],
        "manifest": [place / "labels.csv"],
        "picture": sorted((place / "images").glob("*.png")),
        "clicks": [place / "clicks.csv"],
        "mask": sorted((place / "masks").glob("*.png")),
        "heatmap": sorted((place / "heat").glob("*.png")),
    }
    path = random.choice(files[kind])
    text = kind in ("study", "manifest", "clicks")
    whole = path.read_bytes()
    path.write_bytes(random.choice([swap, swap, bits, cut, repeat] if text else [bits, cut, repeat])(whole))
    before = state(place)
    try:
        if kind == "heatmap":
            compare_heatmaps(place / "heat", place / "masks", out, overwrite=True)
        else:
            run(Study.load(place / "study.yaml"), out, overwrite=True, report=False)
        return "finished"
    except InputError as error:
        return "one clear line" if "\n" not in str(error) else "InputError of several lines"
    finally:
        touched = state(place) != before
        path.write_bytes(whole)
        if touched:
            raise AssertionError("a file outside the output directory was touched")


def main() -> None:
    """Run the rounds and print what became of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--number", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    random.seed(arguments.seed)
    warnings.simplefilter("ignore")
    kinds = ["study", "manifest", "picture", "clicks", "mask", "heatmap"]
    outcomes: Counter[tuple[str, str]] = Counter()

    def hang(*_: Any) -> None:
        raise HungError

    handler: Callable[..., None] = hang
    signal.signal(signal.SIGALRM, handler)
    with tempfile.TemporaryDirectory() as top:
        place = Path(top) / "in"
        place.mkdir()
        make_inputs(place)
        for number in range(arguments.number):
            kind = kinds[number % len(kinds)]
            out = Path(top) / "out"
            # Drawing a report's pictures takes seconds on a busy machine, which is no hang.
            signal.alarm(LIMIT if kind != "heatmap" else 3 * LIMIT)
            try:
                outcome = one(place, out, kind)
            except HungError:
                outcome = "HANG"
            except BaseException as error:
                outcome = f"FAILURE {type(error).__name__}: {str(error)[:80]}"
                traceback.print_exc()
            finally:
                signal.alarm(0)
            outcomes[kind, outcome] += 1
            if random.random() < 0.2:
                shutil.rmtree(out, ignore_errors=True)
    for (kind, outcome), count in sorted(outcomes.items()):
        print(f"{kind:>10} {count:6d}  {outcome}")


if __name__ == "__main__":
    main()
