"""A run that never ran: blurry blobs in the shape of a finished run's data."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import xarray as xr
from scipy.ndimage import gaussian_filter

from xai_compare import ekman
from xai_compare.analysis.faithfulness.tables import COLUMNS, CURVES, SCORES
from xai_compare.comparison import mask_scores, merges_table, pair_scores
from xai_compare.expressions import BASIC
from xai_compare.faces import SHAPE
from xai_compare.study import Study

NASTY = "a\n\"b'<script>alert(1)</script>&amp;$x_{$ñ表情\u202egnp.exe"


@dataclass
class FakeRun:
    """The attributes of a run that a report reads."""

    dir: Path
    study: Study
    provenance: dict[str, Any]
    heatmaps: xr.Dataset
    scores: pd.DataFrame
    merges: pd.DataFrame
    skipped: pd.DataFrame
    simulated: set[str] = field(default_factory=set)
    predictions: pd.DataFrame = field(default_factory=pd.DataFrame)
    images: pd.DataFrame = field(default_factory=pd.DataFrame)
    faithfulness: pd.DataFrame = field(default_factory=pd.DataFrame)
    faithfulness_curves: pd.DataFrame = field(default_factory=pd.DataFrame)
    maps_table: pd.DataFrame = field(default_factory=pd.DataFrame)
    more: dict[str, pd.DataFrame] = field(default_factory=dict)
    stores: tuple[Any, ...] = ()

    def table(self, name: str) -> pd.DataFrame:
        """Any table by name; empty if there is none."""
        known = {"maps": self.maps_table, "scores": self.scores, "merges": self.merges}
        for each in ("faithfulness", "faithfulness_curves"):
            known[each] = getattr(self, each)
        return (known | self.more).get(name, pd.DataFrame())


def blob(rng: np.random.Generator, spots: int = 4) -> np.ndarray:
    """A smooth map of a few spots, float32, within 0..1."""
    values = np.zeros(SHAPE, np.float32)
    values[rng.integers(60, 250, spots), rng.integers(40, 190, spots)] = 1
    values = gaussian_filter(values, 18)
    return values / values.max()


def sources_of(models: list[str], explainers: list[str], people: list[str], known: bool) -> list[tuple[str, ...]]:
    """(source, kind, model, explainer) of everything a run of that shape holds."""
    found = [(f"{m}/{e}", "model", m, e) for e in explainers for m in models]
    if len(models) > 1:
        found += [(f"all models/{e}", "model", "all models", e) for e in explainers]
    found += [(f"human/{p}", "human", p, "") for p in people]
    return found + ([("known/region", "known", "region", "")] if known else [])


def make_run(
    folder: Path,
    models: list[str],
    explainers: list[str],
    people: list[str],
    *,
    known: bool = True,
    expressions: tuple[str, ...] = BASIC,
    empty: tuple[str, str] | None = None,
    simulated: bool = True,
) -> FakeRun:
    """Make up a whole run; ``empty`` names a source and an expression without images."""
    rng = np.random.default_rng(7)
    sources = sources_of(models, explainers, people, known)
    names = [*expressions, "all"]
    values = np.full((len(sources), 1, len(names), *SHAPE), np.nan, np.float32)
    counts = np.zeros(values.shape[:3], np.int64)
    keyed: dict[tuple[str, str, str], np.ndarray] = {}
    for s, (source, *_) in enumerate(sources):
        for e, name in enumerate(names):
            if (source, name) != empty:
                values[s, 0, e], counts[s, 0, e] = blob(rng), rng.integers(8, 31)
                keyed[source, name, "all"] = values[s, 0, e]
    data = xr.Dataset(
        {
            "heatmap": (("source", "fold", "expression", "y", "x"), values),
            "count": (("source", "fold", "expression"), counts),
            "mean_face": (("y", "x", "rgb"), np.repeat((120 + 100 * blob(rng, 9))[..., None], 3, 2).astype(np.uint8)),
        },
        coords={
            "source": [source[0] for source in sources],
            "kind": ("source", [source[1] for source in sources]),
            "model": ("source", [source[2] for source in sources]),
            "explainer": ("source", [source[3] for source in sources]),
            "fold": ["all"],
            "expression": names,
        },
    )
    masks = {name: ekman.mask(name) for name in expressions if name in ekman.EXPRESSIONS}
    numbers = dict.fromkeys(keyed, 12)
    parts = [pair_scores(keyed, counts=numbers)]
    if masks:
        parts.insert(0, mask_scores(keyed, masks, counts=numbers))
    if known:
        parts.append(_known(rng, [source[0] for source in sources if source[1] == "model"], expressions))
    study = Study.parse(
        {
            "name": "A fake study",
            "seed": 7,
            "images": {"folder": "faces", "per_expression": 30},
            "models": [{"name": name, "bundled": "small"} for name in models],
            "explainers": explainers,
            "faithfulness": known,
            "human": [{"name": p, "file": f"{p}.csv", "format": "clicks", "simulated": simulated} for p in people],
        }
    )
    return FakeRun(
        dir=folder,
        study=study,
        provenance={
            "seed": 7,
            "device": "cpu",
            "versions": {"python": "3.12", "torch": "2.15"},
            "stages": {"faces": 3.2, "explain": 61.8, "compare": 4.0},
            "inputs": {"labels.csv": "9f" * 32},
            "images": {"looked_at": 200},
            "skipped": [],
            "refused": [{"source": "resnet18/cam", "reason": "no global pooling, <b>use Grad-CAM</b>"}],
        },
        heatmaps=data,
        scores=pd.concat(parts, ignore_index=True),
        merges=merges_table(keyed),
        skipped=pd.DataFrame({"image": ["one.png", NASTY], "reason": ["no face was found", "zero bytes"]}),
        simulated={f"human/{p}" for p in people} if simulated else set(),
        maps_table=_maps(rng, [f"{m}/{e}" for e in explainers for m in models]),
        **(_faithfulness(rng, models, explainers) if known else {}),
    )


def _maps(rng: np.random.Generator, sources: list[str]) -> pd.DataFrame:
    """A table of single maps; LIME's alone say how repeatable they are."""
    rows = [
        {"source": source, "image": name, "repeatability": rng.uniform(0.6, 1) if "lime" in source else np.nan}
        for source in sources
        for name in ("one.png", "two.png", "three.png", NASTY)
    ]
    return pd.DataFrame(rows)


def _faithfulness(rng: np.random.Generator, models: list[str], explainers: list[str]) -> dict[str, pd.DataFrame]:
    """Scores that beat the random map's, of the last explainer worse and with a picture left out; and their curves."""
    scores, curves = [], []
    for m in models:
        for e in explainers:
            sign = -1 if e == explainers[-1] and len(explainers) > 1 else 1
            for score, better in SCORES.items():
                gain = sign * (0.2 if better == "high" else -0.2)
                note = f"left out: 1: {NASTY} (the map is constant)" if sign < 0 else ""
                scores.append((m, e, score, 19, 0.5 + gain, 0.5, gain, gain - 0.05, gain + 0.05, better, note))
            shares, bend = np.linspace(0, 1, 9), rng.uniform(1, 2)
            for name, mean in (("deletion", (1 - shares) ** (1 + bend)), ("insertion", 1 - (1 - shares) ** bend)):
                random = 1 - shares if name == "deletion" else shares
                curves += [(m, e, name, *row, 19) for row in zip(shares, mean, random, strict=True)]
    return {
        "faithfulness": pd.DataFrame(scores, columns=list(COLUMNS[: COLUMNS.index("note") + 1])),
        "faithfulness_curves": pd.DataFrame(curves, columns=list(CURVES)),
    }


def _known(rng: np.random.Generator, sources: list[str], expressions: tuple[str, ...]) -> pd.DataFrame:
    rows = []
    for metric, centre, chance in (("known_auc", 0.75, 0.5), ("known_energy", 0.3, 0.083)):
        for source in sources:
            for name in (*expressions, "all"):
                value = float(np.clip(centre + rng.normal(0, 0.1), 0, 1))
                low, high = max(value - 0.04, 0), min(value + 0.04, 1)
                pair = (metric, source, "known/region", name, "all")
                rows.append((*pair, value, 30, low, high, "mean of the images' scores", chance, "chance"))
    columns = ["metric", "a", "b", "expression", "fold", "value", "n", "ci_low", "ci_high", "note"]
    columns += ["floor", "floor_kind"]
    return pd.DataFrame(rows, columns=columns)
