"""Shapley values beside shapiq's: error against the number of passes, coverage of the intervals, time.

``--players 30``: the reference is a long run: a surrogate fitted to 2,000 of its masks, whose values are known, and the
regression of KernelSHAP on what is left over, which is not biased by the surrogate; its error comes from a jackknife.
``--players 12``: all 4,096 masks, compared with shapiq's own enumeration. Every estimator is given the same number of
passes and one run. Rows are appended to ``--out``, so that pictures may be done in pieces (``--first``);
``--pictures 0`` prints the tables of what is there. shapiq is used where it can be imported.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from common import arguments, faces, network

from xai_compare import explainers, models
from xai_compare.explainers.game_indices import LimeIndex, PairIndex, PlayerIndex
from xai_compare.explainers.game_process import estimate_all
from xai_compare.explainers.mask_designs import code_masks, size_masks
from xai_compare.explainers.methods.lime import LIME
from xai_compare.explainers.players import Players, players_of
from xai_compare.explainers.quadrature import kernel

PASSES = (128, 256, 512, 1000)
COLUMNS = ["network", "players", "picture", "index", "estimator", "passes", "square", "covered", "seconds"]
SHAPIQ: dict[str, dict[str, Any]] = {
    "KernelSHAP": {"pairing_trick": True},
    "kADDSHAP": {"max_order": 2},
    "SHAPIQ": {"max_order": 1, "index": "SV", "pairing_trick": True},
    "SVARMIQ": {"max_order": 1, "index": "SV", "pairing_trick": True},
    "ProxySPEX": {"max_order": 1, "index": "SV"},
}
Game = Callable[[np.ndarray], np.ndarray]


def asked(p: int) -> dict[str, Any]:
    """The indices that are measured."""
    return {
        "shapley": PlayerIndex("uniform"),
        "banzhaf": PlayerIndex("half"),
        "lime": LimeIndex(p, 0.25),
        "SII": PairIndex("uniform"),
        "FSII": PairIndex("beta"),
    }


def shapley_regression(z: np.ndarray, v: np.ndarray) -> np.ndarray:
    """KernelSHAP from masks whose size is uniform; the first two are all and none."""
    s, p = z[2:].sum(1).astype(float), z.shape[1]
    inner = (s > 0) & (s < p)
    x, w = z[2:][inner].astype(float), 1 / (s * (p - s))[inner]
    solved = np.linalg.solve(
        (x * w[:, None]).T @ x, np.column_stack([(x * w[:, None]).T @ (v[2:][inner] - v[1]), np.ones(p)])
    )
    return solved[:, 0] - solved[:, 1] * (solved[:, 0].sum() - v[0] + v[1]) / solved[:, 1].sum()


def long_run(z: np.ndarray, v: np.ndarray, distances: np.ndarray, fitted: int = 2000) -> tuple[np.ndarray, np.ndarray]:
    """Shapley values and their standard errors."""
    p, x = z.shape[1], z.astype(float)
    slope = np.abs(np.linalg.lstsq(np.column_stack([np.ones(len(x)), x]), v, rcond=None)[0][1:])
    theta = (np.exp(-(distances**2) / 0.08) * slope / slope.mean())[:: max(1, p // 6)] * 0.9
    theta = np.concatenate([theta, 0.27 * (slope / slope.mean())[None]])
    train = x[:fitted]
    gram = kernel(train, theta)
    gram[np.diag_indices(len(gram))] += 0.05
    alpha = np.linalg.solve(gram, v[:fitted] - v[:fitted].mean())
    known = sum(PlayerIndex("uniform").of_kernel(train, row) for row in np.exp(-theta)).T @ alpha / len(theta)
    rest = np.r_[0:2, fitted : len(z)]
    left = v[rest] - cross_kernel(x[rest], train, theta) @ alpha
    mean, group = shapley_regression(z[rest], left), (np.arange(len(rest) - 2) // 2) % 20
    without = [
        shapley_regression(z[rest][keep], left[keep]) for g in range(20) for keep in [np.r_[True, True, group != g]]
    ]
    return known + mean, np.sqrt(19 / 20 * ((np.array(without) - np.mean(without, 0)) ** 2).sum(0))


def cross_kernel(a: np.ndarray, b: np.ndarray, theta: np.ndarray) -> np.ndarray:
    """As `kernel`, between two sets of masks."""
    total = np.zeros((len(a), len(b)))
    for row in theta:
        total += np.exp(2 * (a * row) @ b.T - (a @ row)[:, None] - (b @ row)[None])
    return total / len(theta)


def seen_by(model: Any, image: np.ndarray, n_players: int) -> tuple[Players, Game, int]:
    """Players, outputs under masks, and the class that is explained."""
    players = players_of("superpixels", image)
    if n_players == 12:
        # SLIC gives about as many as it is asked for: from the twelfth on they are one player.
        tries = (players_of("superpixels", image, n_segments=k) for k in range(12, 30))
        enough = next(one for one in tries if not isinstance(one, str) and len(one.names) >= 12)
        players = Players(enough.names[:12], np.minimum(enough.cells, 11), np.eye(12, dtype=bool))
    assert not isinstance(players, str)
    lime = explainers.create("lime", precision="fp32")
    assert isinstance(lime, LIME)
    picture, cells = model.prepare(image[None])[0], players.cells
    game: Game = lambda z: lime.probabilities(model, picture, cells, np.atleast_2d(np.asarray(z)).astype(np.uint8))  # noqa: E731
    return players, game, int(model.predict(image[None])[0].argmax())


def rows_of(model: Any, image: np.ndarray, n_players: int, seed: int, length: int) -> Iterator[tuple[Any, ...]]:
    """A row for each estimator, index and number of passes: index to seconds of `COLUMNS`."""
    players, game, k = seen_by(model, image, n_players)
    p, distances = len(players.names), players.distances()
    masks = size_masks(p, 4096 if n_players == 12 else length, 10**6 + seed)
    outputs = game(masks)
    v = outputs[:, k]
    if n_players == 12:
        truth = {name: (one.of_masks(masks).T @ v, 0.0) for name, one in asked(p).items()}
        yield from enumerated(p, game, k, truth)
    else:
        truth = {"shapley": long_run(masks, v, distances)}
    at = {tuple(mask): out for mask, out in zip(masks.tolist(), outputs, strict=True)} if n_players == 12 else None
    for n in PASSES:
        for main, design in (("shapley", size_masks), ("banzhaf", code_masks)):
            if main not in truth:
                continue
            z = design(p, n, seed)
            began = time.perf_counter()
            seen = np.array([at[tuple(mask)] for mask in z.tolist()]) if at else game(z)
            passes = time.perf_counter() - began
            z, where = np.unique(z, axis=0, return_index=True)
            z, seen = z[np.argsort(where)], seen[np.sort(where)]
            began = time.perf_counter()
            found = estimate_all(z, seen[:, k], seen, distances, {name: asked(p)[name] for name in truth})
            took = time.perf_counter() - began + passes
            names = list(truth) if main == "shapley" else ["banzhaf"]
            for name in names:
                label = "ours" if name != "banzhaf" or main == "banzhaf" else "ours, sizes uniform"
                one, (true, error) = found[name], truth[name]
                off = one.coefficients - true
                inside = np.abs(off) <= 1.645 * np.hypot(one.errors, error)
                yield name, label, n, np.mean(off**2 - np.square(error)) / true.var(), inside.mean(), took
        yield from of_shapiq(p, n, seed, game, k, v[masks.sum(1) == 0][0], *truth["shapley"])


def of_shapiq(
    p: int, n: int, seed: int, game: Game, k: int, nothing: float, true: np.ndarray, error: Any
) -> Iterator[tuple[Any, ...]]:
    """The rows of shapiq's estimators of Shapley values."""
    try:
        import shapiq.approximator as peers
    except ImportError:
        return
    for name, options in SHAPIQ.items():
        if name == "ProxySPEX" and n > 256:  # It takes many seconds, and is not among the best there.
            continue
        began = time.perf_counter()
        try:
            made = getattr(peers, name)(n=p, random_state=seed, **options)
            found = made.approximate(n, lambda z: game(z)[:, k] - nothing)
        except (ImportError, ValueError) as error_:
            print(name, n, error_)
            continue
        took = time.perf_counter() - began
        off = np.array([found[(j,)] for j in range(p)]) - true
        yield "shapley", name, n, np.mean(off**2 - np.square(error)) / true.var(), np.nan, took


def enumerated(p: int, game: Game, k: int, truth: dict[str, Any]) -> Iterator[tuple[Any, ...]]:
    """How far our values of all masks are from shapiq's enumeration: the largest difference, as ``square``."""
    try:
        from shapiq import ExactComputer
    except ImportError:
        return
    exact = ExactComputer(n_players=p, game=lambda z: game(z)[:, k])
    for name, theirs, order in (("shapley", "SV", 1), ("banzhaf", "BV", 1), ("SII", "SII", 2), ("FSII", "FSII", 2)):
        values = exact(index=theirs, order=order)
        sets = [(j,) for j in range(p)] if order == 1 else list(zip(*np.triu_indices(p, 1), strict=True))
        off = np.array([values[tuple(map(int, one))] for one in sets]) - truth[name][0]
        yield name, "all masks, against shapiq", 4096, np.abs(off).max(), np.nan, np.nan


def tables(table: pd.DataFrame) -> None:
    """Print what was measured."""
    for (name, players), some in table.groupby(["network", "players"]):
        print(f"\n{name}, {players} players, {some.picture.nunique()} pictures; error: of all pictures / spread")
        own = some[some.estimator != "all masks, against shapiq"]
        mean = own.groupby(["index", "estimator", "passes"])[["square", "covered", "seconds"]].mean()
        mean["error"] = np.sqrt(mean.square.clip(lower=0))
        print(mean[["error", "covered", "seconds"]].round(3).unstack("passes").to_string())
        shapley = own[own["index"] == "shapley"].pivot_table(
            index=["passes", "picture"], columns="estimator", values="square"
        )
        if len(shapley.columns) > 1:
            peers = shapley.drop(columns="ours")
            chosen = peers.groupby("passes").mean().idxmin(axis=1)
            for n, peer in chosen.items():
                one, least = shapley.loc[n], peers.loc[n].min(axis=1)
                ratio = np.sqrt(one.ours.mean() / one[peer].mean())
                print(
                    f"{n:5d} passes: best of shapiq over all pictures is {peer}; ours is at most its error on "
                    f"{(one.ours <= one[peer]).mean():.0%} of pictures, and at most the least of all of shapiq's on "
                    f"{(one.ours <= least).mean():.0%}; ratio of errors {ratio:.2f}"
                )
        off = some[some.estimator == "all masks, against shapiq"].groupby("index").square.max()
        if len(off):
            print("largest difference from shapiq's enumeration:", {k: f"{v:.1e}" for k, v in off.items()})


def main() -> None:
    """Measure some pictures, or print the tables."""
    args = arguments(__doc__ or "", players=30, first=0, length=6000, out="shapley.csv")
    warnings.simplefilter("ignore")
    out = Path(args.out)
    for name in args.networks if args.pictures else []:
        model = network(name, args.data) if name != "photographic" else models.load({"bundled": name})
        images = faces(args.data, 400, model.input.size)[5::9][args.first : args.first + args.pictures]
        for number, image in enumerate(images, args.first):
            rows = [
                (name, args.players, number, *row) for row in rows_of(model, image, args.players, number, args.length)
            ]
            pd.DataFrame(rows, columns=COLUMNS).to_csv(out, mode="a", header=not out.exists(), index=False)
    if not args.pictures:
        tables(pd.read_csv(out))


if __name__ == "__main__":
    with torch.no_grad():
        main()
