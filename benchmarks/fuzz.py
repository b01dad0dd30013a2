"""Damaged inputs of every command and reader, and damaged runs: one clear line, or an ordinary end; nothing else.

    python benchmarks/fuzz.py [--rounds 3000] [--seed 0] [--only human] [--again 17]

Each round takes the valid inputs of one case (`fuzzing.commands`), damages a file, a name or an option of them
(`fuzzing.damage`), and calls the command line in this process; a seventh of the rounds damage a finished run instead
(`fuzzing.finished_runs`). The convention: exit code 0 for a finished job, 2 for what the user can fix, said in one
line on standard error that begins with ``error:`` (or in typer's usage). A failure is a traceback, another
exit code, a hang of more than 90 s, several lines or a library's own words beside the line, a changed input, or a table
that changed in silence. Any failure makes this exit with code 1.

Round N of seed S is always the same; ``--again N`` repeats it alone. What only draws (figures, pages) or learns (the
steps of a training) is replaced by stand-ins, for what is tried is how files are read; networks, faces, maps and tables
are the real ones. All data are simulated.
"""

from __future__ import annotations

import argparse
import io
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from pathlib import Path
from typing import Any

LIMIT = 90
EVERY = 7


class _Current(io.TextIOBase):
    """A stream that stays, for handlers of logging keep the one that they first saw."""

    def __init__(self) -> None:
        self.text = io.StringIO()

    def write(self, text: str) -> int:
        """Keep what is said."""
        return self.text.write(text)


class HungError(BaseException):
    """A round took too long; no handler of ordinary errors may take it for one."""


def call(arguments: list[str]) -> tuple[object, str, str]:
    """Call the command line: its exit code (or the traceback), standard error, and what libraries wrote past Python."""
    from xai_compare import cli

    streams = (sys.stdout, sys.stderr)
    sys.stdout, sys.stderr = OUTPUT, ERRORS
    OUTPUT.text, ERRORS.text = io.StringIO(), io.StringIO()
    with tempfile.TemporaryFile() as below:
        kept = [os.dup(1), os.dup(2)]
        os.dup2(below.fileno(), 1), os.dup2(below.fileno(), 2)
        try:
            sys.argv = ["xai-compare", *arguments]
            code: object = 0
            cli.main()
        except SystemExit as end:
            code = end.code or 0
        except HungError:
            code = "a hang"
        except BaseException as error:
            code = f"traceback: {type(error).__name__}: {error}"[:300] + "\n" + traceback.format_exc()
        finally:
            os.dup2(kept[0], 1), os.dup2(kept[1], 2)
            os.close(kept[0]), os.close(kept[1])
            sys.stdout, sys.stderr = streams
        below.seek(0)
        noise = below.read().decode("utf-8", "replace")
    return code, ERRORS.text.getvalue(), noise


OUTPUT, ERRORS = _Current(), _Current()


def failure(code: object, errors: str, noise: str) -> str:
    """Why what a call came to is a failure; ``""`` if it is none."""
    if code not in (0, 2):
        return str(code) if isinstance(code, str) else f"exit code {code}"
    if noise.strip():
        return f"a library's words past Python: {noise.strip()[:200]!r}"
    if code == 0:
        odd = any(word in errors for word in ("Traceback", "Warning", "WARNING"))
        return f"words beside a finished job: {errors.strip()[:200]!r}" if odd else ""
    lines = errors.splitlines()
    if lines and lines[0].startswith(("Usage:", "╭─ Error")):
        return ""
    return "" if len(lines) == 1 and lines[0].startswith("error: ") else f"not one line: {errors[:300]!r}"


def stand_ins() -> None:
    """Replace what only draws or learns."""
    import matplotlib.figure

    from xai_compare import api
    from xai_compare.emotion import plan as plans
    from xai_compare.models.training import cross_validation
    from xai_compare.report.emotion import writing

    def saved(figure: Any, file: Any, *_: Any, **__: Any) -> None:
        file.write(b"") if hasattr(file, "write") else Path(file).write_bytes(b"")

    def read_only(clips: Any, plan: Any, *_: Any, **__: Any) -> None:
        names = {name for job in plan.protocols for one in plan.settings for name in plan.setting(one, job).modalities}
        data = plans.clip_arrays(clips, sorted(names), plan.sizes)
        plans._Trainings(clips, data, plan)

    matplotlib.figure.Figure.savefig = saved  # type: ignore[method-assign]
    run = api.run
    api.run = lambda *args, **named: run(*args, **named, report=False)  # type: ignore[assignment]
    cross_validation.fit = lambda *args, **named: [{"epoch": 1.0, "loss": 1.0, "accuracy": 0.5, "term": 0.0}]
    writing.run_plan = read_only  # type: ignore[assignment]


def made(case: Any, whole: Path, place: Path) -> str:
    """Write a case's valid inputs, and call the command with them: damage tells nothing of what is refused anyway."""
    whole.mkdir(parents=True)
    case.make(whole)
    code, errors, noise = called(case.call, whole, place)
    return "" if code == 0 and not noise.strip() else f"the valid input is refused: {code} {errors} {noise}"


def called(arguments: list[str], folder: Path, place: Path) -> tuple[object, str, str]:
    """Call a command in a folder, with an empty directory of results beside it."""
    out = place / "out"
    shutil.rmtree(out, ignore_errors=True)
    os.chdir(folder)
    try:
        return call([str(out) + part.removeprefix("OUT") if part.startswith("OUT") else part for part in arguments])
    finally:
        os.chdir(place)


def one(case: Any, whole: Path, place: Path) -> tuple[str, str, object]:
    """Damage a copy of a case's inputs and call the command; what was done, why it is a failure, and the exit code."""
    from fuzzing import damage

    folder = place / "in"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(whole, folder)
    arguments = list(case.call)
    files = [path for pattern in case.files for path in sorted(folder.glob(pattern)) if path.is_file()]
    chance = random.random()
    if case.options and (chance < 0.25 or not files):
        option = random.choice(case.options)
        odd = random.choice(damage.NUMBERS if random.random() < 0.7 else damage.TEXTS)
        if option == "--explainer":
            odd = f"{random.choice(EXPLAINERS)}:{random.choice(OPTIONS)}={odd}"
        odd = "".join(letter for letter in odd if letter != "\x00")
        done, arguments = f"{option} {odd[:60]!r}", [*arguments, option, odd]
    elif case.renamed and chance < 0.32:
        path = folder / arguments[1]
        before = set(path.parent.iterdir())
        done = damage.rename(path)
        arguments[1] = os.fspath((set(path.parent.iterdir()) - before).pop().relative_to(folder))
    elif chance < 0.35 and files:
        path = random.choice(files)
        done = f"{path.name}: {damage.rename(path)}"
    else:
        path = random.choice(files)
        done = f"{path.relative_to(folder)}: {damage.file(path)}"
    before = _state(folder)
    said = called(arguments, folder, place)
    return done, failure(*said) or ("an input was changed" if _state(folder) != before else ""), said[0]


EXPLAINERS = ("random", "lime", "grad_cam", "rise", "cam", "captum:Saliency", "score_cam", "nothing")
OPTIONS = ("n_samples", "seed", "n_segments", "layer", "abs", "n_masks", "cells", "x")


def _state(folder: Path) -> list[tuple[str, int, int]]:
    """Name, size and time of everything in a folder."""
    return [(str(p), p.lstat().st_size, p.lstat().st_mtime_ns) for p in sorted(folder.rglob("*")) if not p.is_dir()]


def main() -> None:
    """Run the rounds and print what became of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", default="", help="cases whose name begins so")
    parser.add_argument("--again", type=int, help="one round, with its traceback")
    asked = parser.parse_args()
    print(f"seed {asked.seed}, {asked.rounds} rounds", flush=True)
    stand_ins()
    from fuzzing.commands import cases
    from fuzzing.finished_runs import FinishedRun

    def hang(*_: Any) -> None:
        raise HungError

    signal.signal(signal.SIGALRM, hang)
    chosen = [case for case in cases() if case.name.startswith(asked.only)]
    counts: Counter[str] = Counter()
    seconds: Counter[str] = Counter()
    whole_jobs: Counter[str] = Counter()
    failures: list[str] = []
    finished: FinishedRun | None = None
    with tempfile.TemporaryDirectory() as top:
        place = Path(top)
        for number in [asked.again] if asked.again is not None else range(asked.rounds):
            random.seed(f"{asked.seed} {number}")
            case = None if number % EVERY == EVERY - 1 and not asked.only else chosen[number % len(chosen)]
            name = "a finished run" if case is None else case.name
            whole = place / "valid" / name.replace(" ", "_")
            if case is not None and not whole.exists() and (refused := made(case, whole, place)):
                failures.append(name)
                print(f"FAILURE of {name}: {refused}", flush=True)
            if case is None and finished is None:
                study = next(one for one in cases() if one.name == "run")
                (place / "study").mkdir()
                study.make(place / "study")
                finished = FinishedRun(place / "study" / "study.yaml", place)
            began = time.monotonic()
            signal.alarm(LIMIT)
            try:
                done, wrong, code = finished.one() if case is None and finished else one(case, whole, place)
            except HungError:
                done, wrong, code = "", "a hang", 1
            finally:
                signal.alarm(0)
            counts[name] += 1
            whole_jobs[name] += code == 0
            seconds[name] += time.monotonic() - began
            if wrong:
                failures.append(name)
                first, _, rest = wrong.partition("\n")
                print(f"FAILURE in round {number}, {name}, {done}: {first}", flush=True)
                if rest and (asked.again is not None or len(failures) < 40):
                    print("   ", "    ".join(rest.splitlines(keepends=True)[-7:]), flush=True)
    failed = Counter(failures)
    print(f"{'':28} rounds  finished  one line  failures  s a round")
    for name in counts:
        ended = f"{whole_jobs[name]:9d} {counts[name] - whole_jobs[name] - failed[name]:9d} {failed[name]:9d}"
        print(f"{name:28} {counts[name]:6d} {ended} {seconds[name] / counts[name]:10.2f}")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    total, spent, ended = sum(counts.values()), sum(seconds.values()), sum(whole_jobs.values())
    table = f"{total:6d} {ended:9d} {total - ended - len(failures):9d} {len(failures):9d}"
    print(f"{'all':28} {table} {spent:10.0f} s in all, {peak:.1f} GB at most")
    sys.exit(bool(failures))


if __name__ == "__main__":
    main()
