"""Damaged inputs and run directories: no traceback, no hang, no table changed in silence, nothing else touched.

    python benchmarks/fuzz.py [--number 2000] [--seed 0]

Half of the rounds damage one kind of file of a small study on rendered (simulated) faces (the study, the manifest, a
picture, plain and packed clicks, a mask, a state dict, a ready-made heatmap as picture or array) by flipped bits, cut
or repeated pieces, swapped values and odd strings, and run the study (or the comparison).

The other half damage a finished run: any of its files is emptied, cut, changed in bits or in values, made foreign, or
put where a folder belongs (and the reverse). Then the run is read as `status`, `verify` and `report` read it, or run
again. What was read, or made again, must be the tables of the whole run.

A line from `InputError` or a finished run is right; anything else is a failure, and the exit code is 1.
"""

from __future__ import annotations

import argparse
import gzip
import hashlib
import json
import random
import shutil
import signal
import sys
import tempfile
import traceback
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
import yaml
from PIL import Image
from safetensors.torch import save_file

from xai_compare import ekman, synthetic
from xai_compare.api import write_comparison
from xai_compare.comparison import read_heatmaps
from xai_compare.errors import InputError
from xai_compare.human import read_clicks
from xai_compare.models.checkpoint import read_state_dict
from xai_compare.report.data import from_run
from xai_compare.runs import Run, run
from xai_compare.runs.inspection import status, verify
from xai_compare.study import Study

LIMIT = 30
ARRAYS = "{model}_{expression}.npy"
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
    arrays = folder / "arrays"
    arrays.mkdir()
    for name in ("anger", "fear"):
        np.save(arrays / f"a_{name}.npy", draws.random((20, 16)))
    (folder / "clicks.csv.gz").write_bytes(gzip.compress((folder / "clicks.csv").read_bytes()))
    tensors = {"fc.weight": torch.zeros(3, 4), "fc.bias": torch.zeros(3)}
    torch.save(tensors, folder / "weights.pt")
    save_file(tensors, folder / "weights.safetensors")
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
    files: dict[str, list[Path]] = {
        "study": [place / "study.yaml"],
        "manifest": [place / "labels.csv"],
        "picture": sorted((place / "images").glob("*.png")),
        "clicks": [place / "clicks.csv"],
        "mask": sorted((place / "masks").glob("*.png")),
        "packed clicks": [place / "clicks.csv.gz"],
        "weights": [place / "weights.pt", place / "weights.safetensors"],
        "heatmap": sorted((place / "heat").glob("*.png")),
        "array": sorted((place / "arrays").glob("*.npy")),
    }
    path = random.choice(files[kind])
    text = kind in ("study", "manifest", "clicks")
    whole = path.read_bytes()
    path.write_bytes(random.choice([swap, swap, bits, cut, repeat] if text else [bits, cut, repeat])(whole))
    before = state(place)
    try:
        if kind in ("heatmap", "array"):
            read = read_heatmaps(place / "heat") if kind == "heatmap" else read_heatmaps(place / "arrays", ARRAYS)
            if random.random() < 0.1:  # Drawing takes seconds.
                write_comparison(place / "heat", place / "masks", out, overwrite=True)
            assert read
        elif kind == "weights":
            read_state_dict(path)
        elif kind == "packed clicks":
            read_clicks(path)
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


def damage_run(folder: Path) -> str:
    """Damage one thing of a run directory; what was done."""
    everything = sorted(path for path in folder.rglob("*") if path.name != "study.yaml")
    path = random.choice([path for path in everything if path.is_file()] if random.random() < 0.85 else everything)
    name = path.relative_to(folder).as_posix()
    if path.is_dir():
        shutil.rmtree(path)
        path.write_bytes(random.choice([b"", b"null", b"{}"]))
        return f"{name}: a file instead of the folder"
    whole = path.read_bytes()
    ways: dict[str, Callable[[bytes], bytes]] = {
        "bits": bits, "cut": cut, "repeated": repeat, "swapped": swap, "values": values,
        "empty": lambda data: b"", "null": lambda data: b"null", "text": lambda data: b'"text"',
        "nested": lambda data: b"[" * 50_000, "foreign": lambda data: b"PK\x03\x04" + data[:50],
    }  # fmt: skip
    way = random.choice([*ways, "folder", "gone"])
    if way in ("folder", "gone"):
        path.unlink()
        if way == "folder":
            (path / "inside").mkdir(parents=True)
    else:
        path.write_bytes(ways[way](whole))
    return f"{name}: {way}"


def values(data: bytes) -> bytes:
    """Put something absurd in the place of one value of JSON lines."""
    lines = data.splitlines() or [b""]
    at = random.randrange(len(lines))
    try:
        facts = json.loads(lines[at])
        place, key = random.choice(list(_places(facts)))
        place[key] = random.choice([None, "text", [], {}, -1, 10**18, 1e9, float("nan"), True, "\ud800"])
        lines[at] = json.dumps(facts).encode()
    except (ValueError, IndexError, TypeError):
        return swap(data)
    return b"\n".join(lines) + b"\n"


def _places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place of nested lists and mappings where a value stands."""
    for key, inner in value.items() if isinstance(value, dict) else enumerate(value if isinstance(value, list) else []):
        yield value, key
        yield from _places(inner)


TABLES = ("scores", "merges", "predictions", "images", "skipped", "maps")


def of_run(whole: Path, copy: Path, study: Study, tables: dict[str, pd.DataFrame]) -> str:
    """Damage a copy of a finished run and use it; what became of it."""
    shutil.rmtree(copy, ignore_errors=True)
    shutil.copytree(whole, copy)
    done = damage_run(copy)
    use = random.choice(["status", "verify", "report", "run"])
    try:
        if use == "status":
            status(copy)
        elif use == "verify":
            verify(copy)
        else:
            opened = run(study, copy, report=False) if use == "run" else Run.open(copy)
            found = {name: opened.table(name) for name in TABLES}
            from_run(opened)
            assert isinstance(opened.provenance, dict)
            for name, table in tables.items():
                if not found[name].equals(table):
                    raise AssertionError(f"SILENT CHANGE of {name} by {use} after {done}")
        return f"{use}: whole"
    except InputError as error:
        if use == "run":
            return f"run: refused ({error})"
        return f"{use}: one clear line" if "\n" not in str(error) else "InputError of several lines"
    except Exception as error:
        raise RuntimeError(f"{use} after {done}: {type(error).__name__}: {error}") from error


def main() -> None:
    """Run the rounds and print what became of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--number", type=int, default=2000)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    random.seed(arguments.seed)
    warnings.simplefilter("ignore")
    kinds = ["study", "manifest", "picture", "clicks", "packed clicks", "mask", "weights", "heatmap", "array"]
    outcomes: Counter[tuple[str, str]] = Counter()

    def hang(*_: Any) -> None:
        raise HungError

    handler: Callable[..., None] = hang
    signal.signal(signal.SIGALRM, handler)
    with tempfile.TemporaryDirectory() as top:
        place, whole = Path(top) / "in", Path(top) / "whole"
        place.mkdir()
        make_inputs(place)
        study = Study.load(place / "study.yaml")
        finished = run(study, whole, report=False)
        tables = {name: finished.table(name) for name in TABLES}
        for number in range(arguments.number):
            kind = "run directory" if number % 2 else kinds[number // 2 % len(kinds)]
            out = Path(top) / "out"
            signal.alarm(LIMIT)
            try:
                if kind == "run directory":
                    outcome = of_run(whole, Path(top) / "copy", study, tables)
                else:
                    outcome = one(place, out, kind)
            except HungError:
                outcome = "FAILURE: a hang"
            except BaseException as error:
                outcome = f"FAILURE {type(error).__name__}: {str(error)[:200]}"
                traceback.print_exc()
            finally:
                signal.alarm(0)
            outcomes[kind, outcome] += 1
            if number % 100 == 99:
                failed = sum(count for (_, one), count in outcomes.items() if "FAILURE" in one)
                print(f"{number + 1} rounds, {failed} failures", flush=True)
            if random.random() < 0.2:
                shutil.rmtree(out, ignore_errors=True)
    for (kind, outcome), count in sorted(outcomes.items()):
        print(f"{kind:>14} {count:6d}  {outcome}")
    sys.exit(any("FAILURE" in outcome or "several lines" in outcome for _, outcome in outcomes))


if __name__ == "__main__":
    main()
