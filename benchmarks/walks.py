"""How far one walks through the package for a faithfulness task, the scores, and a batch of pictures.

``python benchmarks/walks.py`` runs a small simulated study in one thread and notes every call from one module of the
package to another. Printed are the modules that the walk touches, and the climbs: pairs of modules of which the lower
calls the higher (a task that asks its stage, say). Which is higher follows from the order of the rooms in
``.importlinter``; within `runs` and `analysis` from `height`. ``--list`` names them.
"""

from __future__ import annotations

import argparse
import configparser
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import yaml

import xai_compare as xc
from xai_compare.registry import STAGES

RULES = configparser.ConfigParser()
RULES.read(Path(__file__).parents[1] / ".importlinter")
ROOMS = RULES["importlinter:contract:rooms"]["layers"].split()[::-1]
"""The rooms, from the lowest."""
WITHIN = ("store", "progress", "face_cache", "worker", "stage", "executors", "job")
"""Parts of `runs`, from the lowest; the others lie between the store and the worker."""
Walk = set[tuple[str, str]]


def height(module: str) -> tuple[int, int]:
    """Where a module lies: its room, and its part of the room."""
    _, room, *inner = [*module.split("."), ""]
    part = inner[0] if inner else ""
    if room == "runs":
        return ROOMS.index(room), WITHIN.index(part) if part in WITHIN else 1
    if room == "analysis":
        return ROOMS.index(room), int(part != "inputs")
    return (ROOMS.index(room) if room in ROOMS else -1), 0


def walked(function: Callable[..., Any], walk: Walk) -> Callable[..., Any]:
    """A function that notes every step from one module of the package to another while it runs."""

    def note(frame: FrameType, event: str, argument: object) -> None:
        if event != "call":
            return
        module = frame.f_globals.get("__name__", "")
        caller = frame.f_back
        while caller is not None and not caller.f_globals.get("__name__", "").startswith("xai_compare"):
            caller = caller.f_back
        before = caller.f_globals["__name__"] if caller is not None else ""
        if module.startswith("xai_compare.") and before.startswith("xai_compare.") and module != before:
            walk.add((before, module))

    def wrapped(*arguments: Any, **options: Any) -> Any:
        sys.setprofile(note)
        threading.setprofile(note)
        try:
            return function(*arguments, **options)
        finally:
            sys.setprofile(None)
            threading.setprofile(None)

    return wrapped


def main() -> None:
    """Run the study and print the three walks."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--list", action="store_true", help="name the modules and the climbs")
    listed = parser.parse_args().list
    walks: dict[str, Walk] = {"faithfulness task": set(), "scores": set(), "batch of pictures": set()}
    judging, scoring, looking = walks.values()
    for stage, method, walk in (
        ("faithfulness", "make", judging),
        ("faithfulness", "fill", judging),
        ("scores", "produce", scoring),
        ("predict", "make", looking),
    ):
        cls = STAGES.get(stage)
        function = walked(getattr(cls, method), walk)
        setattr(cls, method, staticmethod(function) if method == "make" else function)
    with tempfile.TemporaryDirectory() as place:
        faces = xc.synthetic.faces(("anger", "happiness"), 4, seed=3, size=(160, 160))
        xc.synthetic.write_dataset(Path(place), faces, n_observers=3)
        study = {
            "name": "walks",
            "images": {"manifest": "labels.csv", "choose_by": "label"},
            "models": [{"name": "compact", "bundled": "compact"}],
            "explainers": ["grad_cam"],
            "compare": {"bootstrap": 10},
            "faithfulness": {"images": 4, "steps": 4, "rectangles": 8, "retest": 1},
        }
        (Path(place) / "study.yaml").write_text(yaml.safe_dump(study))
        xc.run(xc.Study.load(Path(place) / "study.yaml"), Path(place) / "run", threads=1, report=False)
    for title, walk in walks.items():
        modules = sorted({module for step in walk for module in step})
        climbs = sorted(f"{a} -> {b}" for a, b in walk if height(a) < height(b))
        print(f"{title}: {len(modules)} modules, {len(climbs)} climbs")
        if listed:
            print("  " + "\n  ".join([*modules, *climbs]))


if __name__ == "__main__":
    main()
