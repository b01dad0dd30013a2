"""What loading says of small networks that behave in every way, and what the check costs in milliseconds.

``python -m benchmarks.load_check [--out table.csv] [--repeats 20] [--large]`` prints one row for each network of
`benchmarks.small_networks`: what is said when it is loaded, which layer Grad-CAM and CAM take, whether each is what is
right, and the median milliseconds of the check beside those of one forward pass of one picture. ``--large`` adds the
bundled networks and those of the zoo, with random weights: nothing must be said of them.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from benchmarks.small_networks import CASES, SEVEN, specification
from xai_compare.errors import InputError
from xai_compare.models import Model, cam_head, feature_layer, load
from xai_compare.models.behaviour import checked
from xai_compare.models.bundled import NAMES
from xai_compare.models.outputs import chosen, remark_on_outputs
from xai_compare.models.zoo import ZOO


def milliseconds(run: Callable[[], object], repeats: int) -> float:
    """The median duration, after one call that is not counted."""
    run()
    spent = []
    for _ in range(repeats):
        begun = time.perf_counter()
        run()
        spent.append(1000 * (time.perf_counter() - begun))
    return statistics.median(spent)


def layers_of(model: Model) -> tuple[str, str]:
    """The layers that Grad-CAM (or the line by which it refuses) and CAM take, as the network itself calls them."""
    try:
        layer = feature_layer(model)
    except InputError as error:
        layer = error.what
    head = cam_head(model)
    return layer.removeprefix("network."), "none" if head is None else head.layer.removeprefix("network.")


def costs_of(model: Model, repeats: int) -> dict[str, float]:
    """Milliseconds of the load check, and of one forward pass of one picture."""
    batch = torch.rand(1, model.input.depth, *model.input.size)

    def forward() -> None:
        with torch.no_grad():
            model.module(batch)

    def check() -> None:
        checked(chosen(model), None)

    return {"check_ms": milliseconds(check, repeats), "forward_ms": milliseconds(forward, repeats)}


def small(repeats: int) -> Iterator[dict[str, Any]]:
    """A row for each small network."""
    for name, case in CASES.items():
        row: dict[str, Any] = {"network": name}
        try:
            model = load(specification(name), allow_code=True)
        except InputError as error:
            right = bool(case.refused) and case.refused in error.what
            yield {**row, "said": f"refused: {error.what}", "grad_cam": "", "cam": "", "right": right}
            continue
        remark, (grad_cam, cam) = remark_on_outputs(model) or "nothing", layers_of(model)
        right = not case.refused and (case.remark in remark if case.remark else remark == "nothing")
        right = right and case.grad_cam in grad_cam and cam == (case.cam or "none")
        yield {**row, "said": remark, "grad_cam": grad_cam, "cam": cam, "right": right, **costs_of(model, repeats)}


def large(repeats: int) -> Iterator[dict[str, Any]]:
    """A row for each bundled network and each of the zoo: nothing must be said of them."""
    specs: list[dict[str, Any]] = [{"bundled": name} for name in NAMES]
    specs += [{"zoo": name, "weights": "random", "seed": 0, "classes": list(SEVEN)} for name in ZOO]
    for spec in specs:
        name = " ".join(next(iter(spec.items())))
        try:
            model = load(spec)
        except InputError as error:
            yield {"network": name, "said": f"refused: {error.what}", "right": False}
            continue
        remark = remark_on_outputs(model)
        yield {"network": name, "said": remark or "nothing", "right": remark is None, **costs_of(model, repeats)}


def main() -> None:
    """Print the table, and write it where asked."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=None)
    parser.add_argument("--repeats", type=int, default=20)
    parser.add_argument("--large", action="store_true")
    given = parser.parse_args()
    rows = list(small(given.repeats))
    if given.large:
        rows += large(max(given.repeats // 5, 3))
    table = pd.DataFrame(rows).round({"check_ms": 1, "forward_ms": 2})
    print(table.to_string(index=False, na_rep=""))
    print(f"{int(table['right'].sum())} of {len(table)} rows are right")
    timed = table.dropna(subset="check_ms")
    print(f"median: {timed['check_ms'].median():.1f} ms for the check, {timed['forward_ms'].median():.2f} ms forward")
    if given.out is not None:
        table.to_csv(given.out, index=False)


if __name__ == "__main__":
    main()
