"""What an interval is made of: images and participants drawn, and the explainer's own noise among it."""

from __future__ import annotations

from collections.abc import Callable, Iterable

import numpy as np
import pandas as pd

from xai_compare.analysis.inputs.observer_maps import GRID, ObserverMaps
from xai_compare.analysis.inputs.stored_maps import StoredMaps
from xai_compare.comparison.resampling.noise import explainer_share
from xai_compare.comparison.resampling.units import UNIT_COLUMNS, Factor, unit_intervals

UNIT_TABLE = ("metric", "a", "b", *UNIT_COLUMNS)
NOISE_COLUMNS = ("a", "n", "repeatability", "known_from", "share", "note")
_MOST = 5000
"""Pairs of an image and a participant whose products still fit into memory."""
_Maps = dict[str, dict[str, np.ndarray]]


def noise_table(maps: StoredMaps, faithfulness: pd.DataFrame) -> pd.DataFrame:
    """Which share of the spread of each network's maps over images is the explainer's own chance.

    An interval over images holds it already, see `xai_compare.comparison.resampling.noise.explainer_share`.

    Args:
        maps: of every source.
        faithfulness: the table of that name, which says how maps change when they are made once more; may be empty.

    Returns:
        A frame of `NOISE_COLUMNS`, a row for each network and explainer. ``repeatability`` is the mean correlation to
        expect of two runs, ``known_from`` the explainer's standard errors (LIME) or pictures that were explained again.
    """
    rows: list[tuple[object, ...]] = []
    for label in dict.fromkeys(s.source.label for s in maps.stores.values() if s.source.kind == "model"):
        coarse_maps, repeatabilities = [], []
        source = None
        for slug, store in maps.stores.items():
            if store.source.label == label and store.source.kind == "model":
                source = store.source
                for one, heatmap in maps.stream(slug):
                    columns = (store.record(one.chunk) or {}).get("columns", {})
                    coarse_maps.append(GRID.reduce(heatmap))
                    repeatabilities.append(columns["repeatability"][one.row] if "repeatability" in columns else np.nan)
        if source is None or not coarse_maps:
            continue
        r, how = np.array(repeatabilities, np.float64), "standard errors"
        if not np.isfinite(r).any():
            r, how = np.full(len(coarse_maps), _again(faithfulness, source.name, source.explainer)), "explained again"
        if not np.isfinite(r).any():
            why = "the explainer tells no standard errors, and no picture was explained again (key faithfulness)"
            rows.append((label, len(coarse_maps), np.nan, "", np.nan, why))
            continue
        share = explainer_share(np.stack(coarse_maps), r)
        rows.append((label, share.images, float(np.nanmean(r)), how, share.share, ""))
    return pd.DataFrame(rows, columns=list(NOISE_COLUMNS))


def _again(faithfulness: pd.DataFrame, model: str, explainer: str) -> float:
    """The mean rank correlation of maps with those made once more; NaN where none were."""
    if faithfulness.empty:
        return float("nan")
    selected = faithfulness[(faithfulness["model"] == model) & (faithfulness["explainer"] == explainer)]
    selected = selected[selected["score"] == "parameter_randomization"]
    return 1 - float(selected["control_mean"].iloc[0]) if len(selected) else float("nan")


def units_table(
    maps: _Maps, networks: Iterable[str], people: dict[str, ObserverMaps], n: int, seed: int
) -> pd.DataFrame:
    """Pearson's r of mean maps, with images, participants or both drawn."""
    parts = []
    for b, crowd in people.items():
        shared_before: tuple[list[str], _Crossed] | None = None
        for a in networks:
            shared = [image for image in crowd.images if image in maps[a]]
            if shared and (shared_before is None or shared_before[0] != shared):
                shared_before = shared, _Crossed(crowd, shared)
            if not shared or shared_before is None:
                continue
            crossed = shared_before[1]
            about = {"metric": "pearson", "a": a, "b": b}
            if crossed.seen.size > _MOST:
                note = f"{len(shared)} images and {len(crossed.names)} participants are too many to be crossed"
                parts.append(pd.DataFrame([about | {"unit": "images x participants", "n": len(shared), "note": note}]))
                continue
            score = crossed.score(np.stack([maps[a][image].ravel() for image in shared]))
            drawn = Factor("images", len(shared)), Factor("participants", len(crossed.names))
            parts.append(unit_intervals(score, drawn, n, seed).assign(**about))
    whole = pd.concat(parts, ignore_index=True) if parts else pd.DataFrame()
    return whole.reindex(columns=list(UNIT_TABLE))


class _Crossed:
    """People's maps of some pictures, by picture and participant, ready for any weighting of both.

    Everything follows from products of single maps, so that mean maps are never made.
    """

    def __init__(self, crowd: ObserverMaps, images: list[str]) -> None:
        known = [crowd.maps(image) for image in images]
        self.names = sorted({name for who, _, _ in known for name in who})
        place = {name: i for i, name in enumerate(self.names)}
        self.seen = np.zeros((len(images), len(self.names)))
        for i, (who, _, _) in enumerate(known):
            self.seen[i, [place[name] for name in who]] = 1
        if self.seen.size > _MOST:
            return
        theirs = np.zeros((*self.seen.shape, int(np.prod(GRID.coarse))), np.float32)
        for i, (who, maps, _) in enumerate(known):
            rows = maps.reshape(len(who), -1)
            theirs[i, [place[name] for name in who]] = rows - rows.mean(1, keepdims=True)
        self._flat = theirs.reshape(self.seen.size, -1)
        self._among = (self._flat @ self._flat.T).astype(np.float64)

    def score(self, own: np.ndarray) -> Callable[[np.ndarray, np.ndarray], float]:
        """Pearson's r of a source's mean map with people's, by how often each image and participant counts.

        Args:
            own: the source's map of each picture, (images, pixels).
        """
        own = own - own.mean(1, keepdims=True)
        across, itself = (own.astype(np.float32) @ self._flat.T).astype(np.float64), own @ own.T

        def taken(image: np.ndarray, person: np.ndarray) -> float:
            counts = self.seen * person
            total = counts.sum(1, keepdims=True)
            # A picture that none of the drawn people saw has no map of theirs, and counts for neither side.
            usable = image * (total[:, 0] > 0)
            shares = np.divide(counts, total, out=np.zeros_like(counts), where=total > 0)
            weights = (usable[:, None] * shares).ravel()
            spread = float((weights @ self._among @ weights) * (usable @ itself @ usable))
            return float(usable @ across @ weights / np.sqrt(spread)) if spread > 0 else float("nan")

        return taken
