"""How often 95 % intervals hold the truth, and how often p values are below 5 % where nothing is to be found.

A population of simulated maps (a common face, what each source adds, smooth noise that is partly shared between the
sources of an image, heavy-tailed in its strength) has mean maps that are known. Studies are drawn from it; each is
scored and given its intervals as a run does. Says "simulated": real maps are as smooth, but not these. Coverage
differs much between populations: a mean map whose threshold lies on a slope is harder than one whose region stands out.

With ``--run`` the population is that of a finished run: the maps of all its pictures, of every two explainers of each
of its networks, with the masks of the expressions in turn.

    python benchmarks/coverage.py --out coverage.csv
    python benchmarks/coverage.py --run runs/faces-in-the-wild --studies 60 --nulls 0
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations
from pathlib import Path

import numpy as np
import pandas as pd
from null_studies import null_tests
from scipy.ndimage import gaussian_filter

from xai_compare import ekman
from xai_compare.analysis.inputs.stored_maps import StoredMaps
from xai_compare.comparison import (
    METRICS,
    ImageScore,
    ImageScores,
    NullModels,
    Pool,
    References,
    dice,
    image_nulls,
    null_table,
    otsu_masks,
    otsu_scores,
    pearson,
)
from xai_compare.comparison.nulls.surrogates import Grid
from xai_compare.comparison.resampling.interval import interval_ends
from xai_compare.comparison.resampling.noise import corrected
from xai_compare.comparison.resampling.resamples import jackknife_counts, resample_counts
from xai_compare.comparison.statistics.differences import difference_table, pool_differences
from xai_compare.runs.store import Plan

SHAPE = (46, 37)
POPULATION = 600
REPLICATES = 300
POPULATIONS = 5
"""Populations over which null studies are spread: in one of them a test may happen to be a little too strict."""
KINDS = ("rms", "recentred", "percentile")


def fields(rng: np.random.Generator, n: int, sigma: float) -> np.ndarray:
    """Smooth random maps of standard deviation 1, (n, h, w)."""
    found = np.stack([gaussian_filter(rng.standard_normal(SHAPE), sigma) for _ in range(n)])
    return found / found.std()


def population(seed: int, own: float = 0.4, noise: float = 2.0, shared: float = 0.5) -> list[np.ndarray]:
    """Two sources' maps of the same images, each scaled to 0..1, as studies scale them."""
    rng = np.random.default_rng(seed)
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    face = np.exp(-((y - 20) ** 2 / 120 + (x - 18) ** 2 / 100))
    face = (face - face.mean()) / face.std()
    together, found = fields(rng, POPULATION, 4), []
    for mine in fields(rng, 2, 5):
        error = np.sqrt(1 - shared) * fields(rng, POPULATION, 4) + np.sqrt(shared) * together
        strength = np.sqrt(rng.gamma(2, 0.5, POPULATION))[:, None, None]
        maps = face + own * mine + noise * strength * error
        low, high = maps.min((1, 2), keepdims=True), maps.max((1, 2), keepdims=True)
        found.append(((maps - low) / (high - low)).astype(np.float32))
    return found


def mask_of(seed: int) -> np.ndarray:
    """A region below the middle of the face."""
    y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
    region = 2 * np.exp(-((y - 24) ** 2 / 80 + (x - 18) ** 2 / 120)) + fields(np.random.default_rng(seed), 1, 5)[0]
    return otsu_masks(region)


def scored(a: np.ndarray, b: np.ndarray, mask: np.ndarray) -> dict[str, np.ndarray]:
    """The scores of mean maps (n, h, w) of both sources."""
    first, second = (otsu_scores(maps, mask)["iou"] for maps in (a, b))
    return {"pearson": pearson(a, b), "iou": first, "dice": dice(a, b), "difference of iou": first - second}


def one_study(a: np.ndarray, b: np.ndarray, mask: np.ndarray, seed: int) -> Iterator[tuple[str, str, float, float]]:
    """The intervals of a study: score, kind, ends."""
    n = len(a)
    names = [str(i) for i in range(n)]
    left_out = jackknife_counts(names, names)
    weights = np.vstack([np.ones((1, n)), resample_counts(n, REPLICATES, seed), left_out]).astype(np.float32)
    weights /= weights.sum(1, keepdims=True)
    means = [(weights @ maps.reshape(n, -1)).reshape(-1, *a.shape[1:]) for maps in (a, b)]
    for name, values in scored(*means, mask).items():
        for kind in KINDS:
            shift, tails = METRICS.get("iou" if name.endswith("iou") else name).shift, None
            if name == "dice":
                shift, tails = 1.0, values[None, REPLICATES + 1 :]
            drawn = values[None, 1 : REPLICATES + 1]
            low, high = interval_ends(values[:1], drawn, images=n, kind=kind, shift=shift, left_out=tails)[0]  # type: ignore[arg-type]
            yield name, kind, low, high
    rows = np.concatenate([a, b]).reshape(2 * n, -1).astype(np.float64)
    rows -= rows.mean(1, keepdims=True)
    images = [str(i) for i in range(n)]
    found = corrected(rows @ rows.T, (np.arange(n), images), (n + np.arange(n), images))
    yield "noise_corrected", "jackknife", found.low, found.high


def coverage(a: np.ndarray, b: np.ndarray, mask: np.ndarray, studies: int, sizes: tuple[int, ...]) -> pd.DataFrame:
    """Share of studies whose interval holds the population's score; NaN intervals are counted apart."""
    rows = []
    truth = {name: float(value[0]) for name, value in scored(a.mean(0)[None], b.mean(0)[None], mask).items()}
    truth["noise_corrected"] = truth["pearson"]
    for n in sizes:
        held, widths = defaultdict(list), defaultdict(list)
        for study in range(studies):
            drawn = np.random.default_rng([1, n, study]).integers(len(a), size=n)
            for name, kind, low, high in one_study(a[drawn], b[drawn], mask, study):
                held[name, kind].append(np.nan if np.isnan(low) else low <= truth[name] <= high)
                widths[name, kind].append(high - low)
        for (name, kind), some in held.items():
            values, width = np.array(some, float), np.nanmedian(widths[name, kind])
            rows.append((name, kind, n, truth[name], np.nanmean(values), width, np.isnan(values).mean()))
    return pd.DataFrame(rows, columns=["score", "interval", "images", "truth", "coverage", "width", "missing"])


def real(run: Path) -> Iterator[tuple[str, np.ndarray, np.ndarray]]:
    """Maps of every two explainers of each network of a run, of the pictures that both explain, on a coarser grid."""
    stores = [store for store in Plan.demand(run).stores(run) if store.source.kind == "model"]
    maps = StoredMaps(stores, "min_max")
    by_image: dict[tuple[str, str], dict[str, np.ndarray]] = {}
    for slug, store in maps.stores.items():
        grid = Grid.of((275, 224))
        mine = by_image.setdefault((store.source.name, store.source.explainer), {})
        mine.update({one.image: grid.reduce(heatmap).astype(np.float32) for one, heatmap in maps.stream(slug)})
    for (network, one), (other_network, other) in combinations(by_image, 2):
        if network == other_network:
            first, second = by_image[network, one], by_image[network, other]
            shared = sorted(set(first) & set(second))
            stacks = (np.stack([side[image] for image in shared]) for side in (first, second))
            yield f"{network}: {one}, {other}", *stacks


def real_coverage(run: Path, studies: int, sizes: tuple[int, ...]) -> pd.DataFrame:
    """Coverage where the population is a run's own maps, for each of the six masks in turn."""
    grid, parts = Grid.of((275, 224)), []
    masks = [grid.reduce(mask) > 0.5 for mask in ekman.masks().values()]
    for number, (_, a, b) in enumerate(real(run)):
        parts.append(coverage(a, b, masks[number % len(masks)], studies, sizes))
    means = pd.concat(parts).groupby(["score", "interval", "images"], sort=False)
    return means[["coverage", "width", "missing"]].mean().reset_index()


def simulated_coverage(populations: int, seed: int, studies: int, sizes: tuple[int, ...]) -> pd.DataFrame:
    """Coverage over several simulated populations, each with a mask of its own, and in the one where it is least."""
    parts = []
    for number in range(populations):
        a, b = population(seed + number)
        parts.append(coverage(a, b, mask_of(seed + number + 1), studies, sizes))
    groups = pd.concat(parts).groupby(["score", "interval", "images"], sort=False)
    table = groups[["coverage", "width", "missing"]].mean()
    return table.assign(least=groups["coverage"].min()).reset_index()


def null_studies(studies: int, seed: int, n: int = 30) -> pd.DataFrame:
    """Share of p values below 0.05 where the sources are alike, or the maps were made without the mask."""
    p: dict[str, list[float]] = defaultdict(list)
    populations = [population(seed + k, own=0.0, shared=0.3) for k in range(POPULATIONS)]
    expressions = ("anger", "disgust", "fear", "happiness", "sadness", "surprise")
    for study in range(studies):
        rng = np.random.default_rng([seed, 7, study])
        a, b = populations[study % POPULATIONS]
        drawn = rng.integers(POPULATION, size=n)
        # Which map is whose is a coin's throw for each image: the two sources have one population.
        swap = rng.random(n)[:, None, None] < 0.5
        one, other = np.where(swap, b[drawn], a[drawn]), np.where(swap, a[drawn], b[drawn])
        pool = Pool.of({"one": one, "other": other}, {name: [str(i) for i in range(n)] for name in ("one", "other")})
        made = pool_differences(
            pool,
            "fear",
            [METRICS.get("iou")],
            References({"fear": mask_of(study)}),
            sources=("one", "other"),
            against=("ekman",),
            n=100,
            seed=study,
        )
        p["difference"].append(float(difference_table(made, mean=False)["p"].iloc[0]))
        maps = {("net", name, "all"): field for name, field in zip(expressions, fields(rng, 6, 4), strict=True)}
        masks = {name: otsu_masks(field) for name, field in zip(expressions, fields(rng, 6, 4), strict=True)}
        nulls = null_table(maps, ["iou"], References(masks), None, NullModels(n=99, seed=study))
        p["surrogate"].append(float(nulls[nulls["null"] == "surrogate"]["p"].iloc[0]))
        permuted = nulls[nulls["expression"] == "all"].set_index("null")["p"]
        p["permuted"].append(float(permuted["permuted"]))
        pictures = ImageScores()
        for i, value in enumerate(rng.beta(4, 2, n)):
            pictures.add("known_auc", "net", ImageScore(f"{i}", "fear", float(value), 0.1))
        blind = {("known_auc", "", "prior"): {f"{i}": float(v) for i, v in enumerate(rng.beta(4, 2, n))}}
        p["prior (known regions)"].append(float(image_nulls(pictures, "known", blind)["p"].iloc[0]))
    rows = [(name, len(some), np.mean(np.array(some) <= 0.05)) for name, some in p.items()]
    return pd.DataFrame(rows, columns=["p value", "studies", "share below 0.05"])


def null_differences(studies: int, seed: int, n: int = 30, people: int = 20) -> pd.DataFrame:
    """The same for differences of every score, of single expressions and of the mean over two of them."""
    p: dict[str, list[float]] = defaultdict(list)
    populations = [population(seed + k, own=0.0, shared=0.3) for k in range(POPULATIONS)]
    metrics = [METRICS.get(name) for name in ("iou", "dice", "pearson")]
    for study in range(studies):
        rng, found = np.random.default_rng([seed, 8, study]), {}
        a, b = populations[study % POPULATIONS]
        for expression in ("fear", "joy"):
            drawn, swap = rng.integers(POPULATION, size=n), rng.random(n)[:, None, None] < 0.5
            one, other = np.where(swap, b[drawn], a[drawn]), np.where(swap, a[drawn], b[drawn])
            crowd = populations[(study + 1) % POPULATIONS][0][rng.integers(POPULATION, size=people)]
            names = [f"{expression} {i}" for i in range(n)]
            images = {"one": names, "other": names, "people": [f"{expression} of people {i}" for i in range(people)]}
            found |= pool_differences(
                Pool.of({"one": one, "other": other, "people": crowd}, images),
                expression,
                metrics,
                References({expression: mask_of(study)}),
                sources=("one", "other"),
                against=("ekman", "people"),
                n=60,
                seed=study,
            )
        for row in difference_table(found).to_dict("records"):
            which = "mean over two expressions" if row["expression"] == "all" else "an expression"
            p[f"difference of {row['metric']}, {which}"].append(row["p"])
    rows = [(name, len(some), np.mean(np.array(some) <= 0.05)) for name, some in p.items()]
    return pd.DataFrame(rows, columns=["p value", "studies", "share below 0.05"])


def main() -> None:
    """Print both tables, and write the first."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--studies", type=int, default=40, help="of each population")
    parser.add_argument("--populations", type=int, default=8, help="that are simulated")
    parser.add_argument("--nulls", type=int, default=1000)
    parser.add_argument("--sizes", type=int, nargs="*", default=[10, 30, 100])
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--run", type=Path, help="a finished run whose maps are the population")
    parser.add_argument("--out", help="where the table of coverage is written, as CSV")
    asked = parser.parse_args()
    if asked.nulls:
        parts = (part(asked.nulls, asked.seed) for part in (null_studies, null_differences, null_tests))
        nulls = pd.concat(parts)
        print(nulls.to_string(index=False, float_format="%.3f"), flush=True)
    if asked.run:
        table = real_coverage(asked.run, asked.studies, tuple(asked.sizes))
    else:
        table = simulated_coverage(asked.populations, asked.seed, asked.studies, tuple(asked.sizes))
    print(table.to_string(index=False, float_format="%.3f"))
    if asked.out:
        table.to_csv(asked.out, index=False)


if __name__ == "__main__":
    main()
