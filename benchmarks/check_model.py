"""How often `check-model` finds a planted fault in forty labelled pictures, and how often it finds what is not there.

``python -m benchmarks.check_model --out DIR`` asks of the networks trained on simulated faces, with simulated faces
that they never saw. ``--faces DIR`` (labels.csv, images/) adds the bundled network of photographs, with people whom it
never saw, and ``--keras FILE`` a Keras network trained on FER2013 as its authors feed it. Each network answers each
picture once for each way to feed it; a draw is a choice of forty of these answers. ``--random N`` asks N small
networks with random weights, of which nothing can be told: how many are confirmed, or given a line, all the same.

A fault counts as found where its check names a line; range and normalization count for one another, because each can be
fixed by the other's line. A false alarm is any line where no fault was planted.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from torch import nn

from tools.train_photographic import unseen
from xai_compare.errors import InputError
from xai_compare.expressions import BASIC
from xai_compare.faces.cropping import FaceCropper
from xai_compare.images import align
from xai_compare.models import InputSpec, Model, load
from xai_compare.models.checking import CHECKS, check_responses
from xai_compare.models.checking.class_orders import ORDERS
from xai_compare.models.checking.probe import Response, probe
from xai_compare.models.checking.variants import InputVariant, input_variants
from xai_compare.synthetic import faces

MARGINS = (1.0, 1.3, 1.7, 2.2)
GIVEN, WIDE = 1.3, 2.2
KERAS = ("anger", "disgust", "fear", "happiness", "sadness", "surprise", "neutral")
PICTURES = 40
IMAGENET = {1: ((0.449,), (0.226,)), 3: ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))}
Shots = tuple[dict[str, np.ndarray], np.ndarray]


def margin_line(margin: float) -> str:
    """The line of a study that asks for a crop."""
    return f"images: {{margin: {margin:g}}}"


def simulated(identities: int) -> Shots:
    """Simulated faces whom no bundled network has seen, cut around imprecise landmarks, and their labels."""
    data, rng = faces(BASIC, identities, 5151, (160, 160), intensity=(0.5, 1.0), slips=0.1), np.random.default_rng(0)
    points = [data.landmarks[k] + rng.normal(0, 1.2, (68, 2)) for k in range(len(data))]
    crops = {
        margin_line(m): np.stack([align(data.images[k], points[k], m).resized((96, 96))[0] for k in range(len(data))])
        for m in MARGINS
    }
    return crops, np.array(data.labels)


def photographs(folder: Path, out: Path) -> Shots:
    """Photographs of people whom the bundled network of photographs has not seen, and their labels."""
    kept = out / "photographs.npz"
    if not kept.is_file():
        rows = unseen(folder, out)
        cutter, labels = FaceCropper(), []
        crops: dict[float, list[np.ndarray]] = {m: [] for m in MARGINS}
        for row in rows.itertuples():
            image = cutter.read(folder / "images" / str(row.image))
            try:
                points = cutter.choose(image, "").face.landmarks
            except InputError:
                continue
            labels.append(str(row.expression))
            for m in MARGINS:
                crops[m].append(align(image, points, m).resized((96, 96))[0])
        held = {"labels": np.array(labels)} | {margin_line(m): np.stack(crops[m]) for m in MARGINS}
        np.savez(kept, **held)  # type: ignore[arg-type]
    with np.load(kept, allow_pickle=False) as file:
        return {name: file[name] for name in file.files if name != "labels"}, file["labels"]


def planted(model: Model, fault: str, rng: np.random.Generator) -> tuple[Model, float]:
    """The network with a fault, and the crop that it is then given."""
    spec = model.input
    if fault == "class order":
        usual = [tuple(one for one in order if one in model.classes) for order in ORDERS.values()]
        usual = [order for order in usual if order != model.classes]
        order = usual[rng.integers(len(usual))] if rng.random() < 0.5 else model.classes
        while order == model.classes:
            order = tuple(str(one) for one in rng.permutation(model.classes))
        model = replace(model)
        model.classes = order
    elif fault == "channel order":
        model = replace(model, input=replace(spec, channels="bgr"))
    elif fault == "grey":
        model = replace(model, input=replace(spec, channels="grey3"))
    elif fault == "range":
        others = [one for one in ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0)) if one != tuple(spec.range)]
        model = replace(model, input=replace(spec, range=others[rng.integers(len(others))]))
    elif fault == "normalization":
        mean, std = IMAGENET[spec.depth] if spec.mean is None else (None, None)
        model = replace(model, input=replace(spec, range=(0.0, 1.0) if mean else spec.range, mean=mean, std=std))
    return model, WIDE if fault == "crop" else GIVEN


def responder(model: Model, shots: dict[str, np.ndarray]) -> Callable[[np.ndarray], Callable[[InputVariant], Response]]:
    """What feeds the network a choice of the pictures; each way to feed all of them is tried once."""
    held: dict[tuple[object, str], Response] = {}

    def of(chosen: np.ndarray) -> Callable[[InputVariant], Response]:
        def respond(variant: InputVariant) -> Response:
            key = (variant.spec, variant.crop)
            if key not in held:
                held[key] = probe(model, shots, variant)
            whole = held[key]
            return Response(variant, whole.logs[chosen], [(a[chosen], b[chosen]) for a, b in whole.moments])

        return respond

    return of


def rates(name: str, model: Model, shots: Shots, draws: int) -> Iterator[dict[str, object]]:
    """How often each planted fault is found."""
    crops, labels = shots
    pool = np.flatnonzero(np.isin(labels, model.classes))
    of = responder(model, crops)
    for fault in ("none", *CHECKS):
        if fault in ("channel order", "grey") and model.input.channels == "grey":
            continue
        if fault in ("channel order", "grey") and float(np.ptp(crops[margin_line(GIVEN)], axis=-1).mean()) < 2:
            continue
        rng, right, alarms, others = np.random.default_rng(7), 0, 0, 0
        for draw in range(draws):
            wrong, margin = planted(model, fault, rng)
            chosen = rng.choice(pool, PICTURES, replace=False)
            given = margin_line(margin)
            truth = np.array([wrong.classes.index(one) for one in labels[chosen]])
            some = {line: images[chosen] for line, images in crops.items()}
            table = check_responses(wrong, of(chosen), input_variants(wrong, some, given), truth, given, seed=draw)
            named = set(table.loc[table["line"] != "", "check"])
            same = {"range", "normalization"} if fault in ("range", "normalization") else {fault}
            right += bool(named & same)
            alarms += bool(named)
            others += bool(named - same)
        row = {"network": name, "planted": fault, "draws": draws}
        found = {"found": np.nan, "false_alarms": alarms / draws} if fault == "none" else {"found": right / draws}
        yield {**row, **found, "also_named_another": others / draws if fault != "none" else np.nan}


def untrained(seed: int, classes: tuple[str, ...] = BASIC) -> Model:
    """A small network with random weights: one to four blocks, with or without batch norms, pooled or flat."""
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    norms, channels, layers = bool(rng.random() < 0.5), 3, list[nn.Module]()
    for _ in range(rng.integers(1, 5)):
        width = int(rng.choice([8, 16, 32]))
        layers += [nn.Conv2d(channels, width, 3, 2, 1), *([nn.BatchNorm2d(width)] if norms else []), nn.ReLU()]
        channels = width
    side = int(rng.choice([1, 2, 4]))
    head = nn.Linear(channels * side**2, len(classes))
    nn.init.normal_(head.weight, std=float(np.exp(rng.uniform(-3, 2))) / channels**0.5)
    module = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(side), nn.Flatten(), head)
    ranges = ((0.0, 1.0), (-1.0, 1.0), (0.0, 255.0))
    return Model(f"random {seed}", classes, module, InputSpec((48, 48), range=ranges[rng.integers(3)]))


def of_random(count: int, shots: Shots) -> pd.DataFrame:
    """What is found of untrained networks, one row each, each with forty pictures of its own."""
    crops, labels = shots
    given, rows = margin_line(GIVEN), []
    for seed in range(count):
        model = untrained(seed)
        chosen = np.random.default_rng(seed).choice(len(labels), PICTURES, replace=False)
        some = {line: images[chosen] for line, images in crops.items()}
        truth = np.array([model.classes.index(label) for label in labels[chosen]])
        variants = input_variants(model, some, given)
        table = check_responses(model, responder(model, crops)(chosen), variants, truth, given, seed=seed)
        findings = table.set_index("check")["finding"]
        lines = list(table.loc[table["line"] != "", "line"])
        reassured = bool((findings == "as the labels say").any() or (findings == "nothing else fits better").any())
        rows.append(
            {"network": seed, "order": findings["class order"], "reassured": reassured, "lines": "; ".join(lines)}
        )
    return pd.DataFrame(rows)


def main() -> None:
    """Ask all networks, and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--faces", type=Path, default=None)
    parser.add_argument("--keras", type=Path, default=None)
    parser.add_argument("--draws", type=int, default=100)
    parser.add_argument("--identities", type=int, default=60)
    parser.add_argument("--random", type=int, default=0, help="ask about so many untrained networks instead")
    parser.add_argument("--only", default=None, help="a network whose name begins so")
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    drawn = simulated(given.identities)
    if given.random:
        table = of_random(given.random, drawn)
        table.to_csv(given.out / "random_networks.csv", index=False)
        wrong = int(table["reassured"].sum()), int((table["lines"] != "").sum())
        print(f"of {len(table)} untrained networks {wrong[0]} were reassured and {wrong[1]} were given a line")
        return
    asked = [(f"{name} (simulated faces)", load({"bundled": name}), drawn) for name in ("compact", "residual")]
    if given.faces is not None:
        seen = photographs(given.faces, given.out)
        asked.append(("photographic", load({"bundled": "photographic"}), seen))
        if given.keras is not None:
            spec = {"keras": given.keras, "classes": list(KERAS), "input": {"range": [-1, 1]}}
            asked.append((given.keras.stem.split(".")[0], load(spec), seen))
    rows = []
    for name, model, shots in asked:
        if given.only is not None and not name.startswith(given.only):
            continue
        for row in rates(name, model, shots, given.draws):
            rows.append(row)
            print(*row.values(), flush=True)
            pd.DataFrame(rows).to_csv(given.out / "check_model.csv", index=False)
    print(pd.DataFrame(rows).round(3).to_string(index=False))


if __name__ == "__main__":
    main()
