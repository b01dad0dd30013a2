"""Is anything stale, or lost? Kill a command, change something, call it again, and compare with a fresh call.

    python benchmarks/stale.py [--cases 60] [--first 0] [--seed 0]

Each case copies a small input (rendered faces, simulated clicks, clips), starts a command, kills it (SIGKILL) after a
random part of its usual time, changes one thing (a label, a picture, weights, people's data, an option, or a result),
and calls the command again, to its end. Its tables must equal those of the same call in an empty folder: anything else
is stale or lost. A refusal in one line (exit code 2) that asks for another folder is counted by itself.
"""

from __future__ import annotations

import argparse
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import yaml
from PIL import Image

from xai_compare.synthetic import faces
from xai_compare.synthetic.dataset import write_dataset

Change = Callable[[Path, random.Random], None]
REFUSALS = ("another training is in this folder", "the directory holds trainings that differ in", "and no list (")
"""Words of the lines that ask for another folder."""
FACTORY = """
from torch import nn
def tiny(classes=3):
    return nn.Sequential(nn.Conv2d(1, 8, 3, 2, 1), nn.BatchNorm2d(8), nn.ReLU(), nn.Conv2d(8, 8, 3, 2, 1), nn.ReLU(),
                         nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(8, classes))
"""


@dataclass(frozen=True)
class Command:
    """A command under test: how its input is made, what is typed, where its tables lie, and what may change."""

    make: Callable[[Path], None]
    line: tuple[str, ...]
    tables: tuple[str, ...]
    changes: tuple[Change, ...]


def make_faces(place: Path) -> None:
    """Rendered faces with labels and clicks, a network with random weights, a study and a training."""
    import torch
    from safetensors.torch import save_file

    data = faces(("anger", "happiness", "surprise"), n_identities=4, seed=3, size=(120, 110))
    write_dataset(place, data, n_observers=3, seed=3)
    (place / "tinynet.py").write_text(FACTORY, "utf-8")
    space: dict[str, Callable[[], torch.nn.Module]] = {}
    exec(FACTORY, space)
    torch.manual_seed(0)
    save_file(space["tiny"]().state_dict(), place / "net.safetensors")
    network = {"factory": "tinynet:tiny", "input": {"size": 48, "channels": "grey", "range": [0, 1]}}
    study = {
        "name": "stale",
        "seed": 1,
        "images": {"manifest": "labels.csv", "choose_by": "label"},
        "models": [
            {"name": "tiny", **network, "weights": "net.safetensors", "classes": ["anger", "happiness", "surprise"]}
        ],
        "explainers": ["grad_cam", {"lime": {"n_samples": 60, "n_segments": 12}}],
        "human": [
            {"name": "clicks", "file": "clicks.csv", "format": "clicks", "pixels_per_degree": 15, "simulated": True}
        ],
        "compare": {"bootstrap": 50},
    }
    training = {
        "name": "tiny",
        "seed": 3,
        "network": network,
        "data": [{"manifest": "labels.csv"}],
        "folds": 2,
        "epochs": 4,
        "batch_size": 8,
        "optimizer": {"name": "adamw", "lr": 0.01, "schedule": "constant"},
        "accelerator": "cpu",
    }
    for name, spec in (("study.yaml", study), ("training.yaml", training)):
        (place / name).write_text(yaml.safe_dump(spec, sort_keys=False), "utf-8")


def make_clips(place: Path) -> None:
    """Simulated clips of eyes and fixations with both labels, in the neutral layout."""
    from xai_compare.emotion import Clip, write_clips

    random_numbers = np.random.default_rng(4)
    labels = ["anger", "happiness", "sadness", "neutral"]
    rows, clips = [], []
    for person in range(4):
        for number in range(4):
            eye = random_numbers.normal(number, 1, (12, 5)).astype(np.float32)
            rows.append(
                {"clip": f"c{person}{number}", "person": f"p{person}", "er": labels[number], "fer": labels[number]}
            )
            clips.append(Clip(name=rows[-1]["clip"], person=rows[-1]["person"], eye=eye))
    write_clips(place / "clips", pd.DataFrame(rows), clips)


def label(place: Path, draw: random.Random) -> None:
    """Two labels change places."""
    table = pd.read_csv(place / "labels.csv")
    first, second = (draw.choice(table.index[table["expression"] == name].tolist()) for name in ("anger", "surprise"))
    table.loc[[first, second], "expression"] = ["surprise", "anger"]
    table.to_csv(place / "labels.csv", index=False)


def picture(place: Path, draw: random.Random) -> None:
    """A picture is mirrored."""
    file = draw.choice(sorted(place.glob("images/*.png")))
    before = file.stat()
    Image.fromarray(np.asarray(Image.open(file))[:, ::-1]).save(file)
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))  # As `cp -p` and `rsync -t` leave it.


def fewer(place: Path, draw: random.Random) -> None:
    """A picture is no longer in the manifest."""
    table = pd.read_csv(place / "labels.csv")
    table.drop(index=draw.randrange(len(table))).to_csv(place / "labels.csv", index=False)


def weights(place: Path, draw: random.Random) -> None:
    """Weights are replaced."""
    from safetensors.torch import load_file, save_file

    state = {
        name: value * 1.3 if value.is_floating_point() else value
        for name, value in load_file(place / "net.safetensors").items()
    }
    save_file(state, place / "net.safetensors")


def code(place: Path, draw: random.Random) -> None:
    """The network's code is another."""
    text = (place / "tinynet.py").read_text("utf-8")
    (place / "tinynet.py").write_text(text.replace("nn.ReLU(), nn.Conv2d", "nn.Tanh(), nn.Conv2d"), "utf-8")


def clicks(place: Path, draw: random.Random) -> None:
    """Someone's clicks are moved."""
    table = pd.read_csv(place / "clicks.csv")
    person = draw.choice(sorted(table["participant"].unique()))
    table.loc[table["participant"] == person, ["x", "y"]] += 6
    table.to_csv(place / "clicks.csv", index=False)


def nobody(place: Path, draw: random.Random) -> None:
    """Someone is taken out of the data."""
    table = pd.read_csv(place / "clicks.csv")
    person = draw.choice(sorted(table["participant"].unique()))
    table[table["participant"] != person].to_csv(place / "clicks.csv", index=False)


def subjects(place: Path, draw: random.Random) -> None:
    """Pictures are of other people than was said."""
    table = pd.read_csv(place / "labels.csv")
    table["subject"] = np.roll(table["subject"].to_numpy(), draw.randrange(1, 6))
    table.to_csv(place / "labels.csv", index=False)


def option(place: Path, draw: random.Random) -> None:
    """An option is another: of the study's LIME, and of the training."""
    study = yaml.safe_load((place / "study.yaml").read_text("utf-8"))
    study["explainers"][1]["lime"]["n_samples"] = 80
    (place / "study.yaml").write_text(yaml.safe_dump(study, sort_keys=False), "utf-8")
    training = yaml.safe_load((place / "training.yaml").read_text("utf-8"))
    training["epochs"] = 5
    (place / "training.yaml").write_text(yaml.safe_dump(training, sort_keys=False), "utf-8")


def result(place: Path, draw: random.Random) -> None:
    """A byte of something that was written is another."""
    files = [file for file in sorted((place / "out").rglob("*")) if file.is_file() and file.stat().st_size > 20]
    if files:
        file = draw.choice(files)
        content = bytearray(file.read_bytes())
        content[draw.randrange(len(content))] ^= 1
        file.write_bytes(content)


def clip(place: Path, draw: random.Random) -> None:
    """A clip is replaced by another."""
    one, other = draw.sample(sorted(place.glob("clips/clips/*.npz")), 2)
    shutil.copyfile(one, other)


def clip_label(place: Path, draw: random.Random) -> None:
    """A clip has another label."""
    table = pd.read_csv(place / "clips" / "clips.csv")
    table.loc[draw.randrange(len(table)), "er"] = "happiness"
    table.to_csv(place / "clips" / "clips.csv", index=False)


COMMANDS = {
    "run": Command(
        make_faces,
        ("run", "study.yaml", "--out", "out", "--allow-code", "--overwrite"),
        ("tables/*.csv",),
        (label, picture, fewer, weights, code, clicks, nobody, option, result),
    ),
    "train": Command(
        make_faces,
        ("train", "training.yaml", "--out", "out", "--allow-code"),
        ("predictions.csv", "metrics.csv", "folds.csv"),
        (label, picture, fewer, code, subjects, option, result),
    ),
    "emotion": Command(
        make_clips,
        ("emotion", "clips", "--out", "out", "--setting", "eye", "--folds", "2", "--epochs", "6", "--batch", "8"),
        ("tables/*.csv", "*.csv"),
        (clip, clip_label, result),
    ),
    "human": Command(
        make_faces,
        ("human", "clicks.csv", "--out", "out", "--pictures", "images", "--pixels-per-degree", "15", "--overwrite"),
        ("tables/*.csv",),
        (clicks, nobody, picture, result),
    ),
}


def started(place: Path, line: tuple[str, ...]) -> subprocess.Popen[str]:
    """The command, in a process of its own."""
    program = [sys.executable, "-m", "xai_compare.cli", *line]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(["", *sys.path]), "OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        program, cwd=place, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )


def finished(place: Path, line: tuple[str, ...]) -> tuple[int, str]:
    """The command to its end: exit code, and the last line that it printed."""
    process = started(place, line)
    out, err = process.communicate(timeout=300)
    return process.returncode, ((err or out).strip().splitlines() or [""])[-1]


def tables(place: Path, patterns: tuple[str, ...]) -> dict[str, str]:
    """The tables that a command wrote, by name."""
    return {file.relative_to(place).as_posix(): file.read_text("utf-8") for one in patterns for file in place.glob(one)}


def case(command: Command, change: Change, usual: float, draw: random.Random, folder: Path) -> str:
    """One case: ``equal``, ``refused`` or what is wrong."""
    place, fresh = folder / "place", folder / "fresh"
    command.make(place)
    process = started(place, command.line)
    time.sleep(usual * draw.uniform(0.3, 1.1))
    killed = process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.communicate()
    change(place, draw)
    shutil.copytree(place, fresh, ignore=lambda at, names: ["out"] if Path(at) == place else [])
    code_again, line = finished(place, command.line)
    if code_again == 2 and any(words in line for words in REFUSALS):
        return f"refused{' after a kill' if killed else ''}"
    code_fresh, fresh_line = finished(fresh, command.line)
    if (code_again, code_fresh) != (0, 0):
        return f"exit codes {code_again}, {code_fresh}: {line} | {fresh_line}"
    again, expected = tables(place / "out", command.tables), tables(fresh / "out", command.tables)
    different = sorted(name for name in again.keys() | expected.keys() if again.get(name) != expected.get(name))
    return f"DIFFERENT: {', '.join(different)}" if different else f"equal{' after a kill' if killed else ''}"


def main() -> None:
    """Do the cases, and print a line for each, then a table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cases", type=int, default=60)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--seed", type=int, default=0)
    asked = parser.parse_args()
    wanted = [(name, change) for name, command in COMMANDS.items() for change in command.changes]
    usual: dict[str, float] = {}
    outcomes: Counter[tuple[str, str, str]] = Counter()
    for number in range(asked.first, asked.first + asked.cases):
        name, change = wanted[number % len(wanted)]
        command = COMMANDS[name]
        with tempfile.TemporaryDirectory(prefix="stale-") as folder:
            if name not in usual:
                command.make(Path(folder) / "timed")
                began = time.perf_counter()
                finished(Path(folder) / "timed", command.line)
                usual[name] = time.perf_counter() - began
            outcome = case(command, change, usual[name], random.Random(asked.seed * 1000 + number), Path(folder))
        print(f"{number:3d} {name:8s} {change.__name__:10s} {outcome}", flush=True)
        outcomes[name, change.__name__, outcome.split(":")[0]] += 1
    print(pd.Series(outcomes).rename_axis(["command", "change", "outcome"]).to_string())
    if any(kind.startswith(("DIFFERENT", "exit")) for _, _, kind in outcomes):
        sys.exit(1)


if __name__ == "__main__":
    main()
