"""What a report is made of, whether it comes from a run or from ready-made heatmaps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from xai_compare import ekman
from xai_compare.comparison import with_mean_maps
from xai_compare.errors import InputError
from xai_compare.expressions import ordered

ALL = "all"
ALL_MODELS = "all models"
_PRETTY = {
    "cam": "CAM",
    "grad_cam": "Grad-CAM",
    "extremal_perturbation": "Extremal Perturbation",
    "lime": "LIME",
}


def pretty(explainer: str) -> str:
    """Return an explainer's name as papers print it, or as it is.

    >>> pretty("grad_cam"), pretty("mine")
    ('Grad-CAM', 'mine')
    """
    return _PRETTY.get(explainer, explainer)


@dataclass(frozen=True)
class Source:
    """Whatever attends: a network seen through an explainer, a crowd of people, a region known to differ."""

    name: str
    kind: str = "model"
    model: str = ""
    explainer: str = ""
    simulated: bool = False

    @property
    def label(self) -> str:
        """What a figure or a sentence calls it."""
        if self.kind == "human":
            return f"People: {self.short}"
        if self.kind == "known":
            return "Known region"
        return f"{self.network} · {pretty(self.explainer)}" if self.explainer else self.network

    @property
    def short(self) -> str:
        """The last part of its name: what a group of people is called."""
        return self.name.partition("/")[2] or self.name

    @property
    def network(self) -> str:
        """The network's name, or what stands for all of them."""
        return "All models" if self.model == ALL_MODELS else self.model


@dataclass(frozen=True)
class Block:
    """Sources that share a figure or a table: those of one explainer, or all."""

    explainer: str
    sources: tuple[Source, ...]

    @property
    def title(self) -> str:
        """The explainer's printed name, or ``""`` for the only block there is."""
        return pretty(self.explainer)


@dataclass(frozen=True)
class Material:
    """Everything the figures, tables and sentences draw on.

    Attributes:
        title: what the study is called.
        sources: in the order of rows.
        maps: (source name, expression) to the mean map, float or uint8 ``(h, w)``; groups without images are absent.
        counts: (source name, expression) to the number of images behind that map.
        masks: expression to bool ``(h, w)``.
        mask_name: what the masks are called in column ``b`` of the scores.
        scores, merges: the run's tables.
        mask_title: what figures call one of them.
        mean_face: uint8 ``(h, w, 3)``, if there are images.
        dice_level: the level in 0..255 at which maps were cut for the Dice coefficient.
        faithfulness, curves: the run's tables of those names; empty where nobody asked.
        each: the run's table of single maps.
    """

    title: str
    sources: tuple[Source, ...]
    maps: Mapping[tuple[str, str], np.ndarray]
    scores: pd.DataFrame
    merges: pd.DataFrame
    counts: Mapping[tuple[str, str], int] = field(default_factory=dict)
    masks: Mapping[str, np.ndarray] = field(default_factory=dict)
    mask_name: str = "ekman"
    mask_title: str = "Ekman mask"
    mean_face: np.ndarray | None = None
    dice_level: float = 50
    faithfulness: pd.DataFrame = field(default_factory=pd.DataFrame)
    curves: pd.DataFrame = field(default_factory=pd.DataFrame)
    each: pd.DataFrame = field(default_factory=pd.DataFrame)

    @cached_property
    def expressions(self) -> tuple[str, ...]:
        """The expressions that have a map (``"all"`` only where it stands alone), in the vocabulary's order."""
        names = ordered(expression for _, expression in self.maps)
        return tuple([name for name in names if name != ALL] or names)

    @cached_property
    def by_name(self) -> dict[str, Source]:
        """The sources by name."""
        return {source.name: source for source in self.sources}

    def of(self, *kinds: str) -> list[Source]:
        """The sources of these kinds that have at least one map."""
        there = {name for name, _ in self.maps}
        return [source for source in self.sources if source.kind in kinds and source.name in there]

    @cached_property
    def networks(self) -> list[Source]:
        """Single networks (no means over networks) through their explainers."""
        return [source for source in self.of("model") if source.model != ALL_MODELS]

    @cached_property
    def explainers(self) -> list[str]:
        """The explainers in use, in order."""
        return list(dict.fromkeys(source.explainer for source in self.networks))

    def blocks(self, *references: str) -> list[Block]:
        """Split the model sources by explainer, if there are several of both, and add references to each block.

        Args:
            references: kinds of sources (``"human"``, ``"known"``) that come last in every block.
        """
        extra = tuple(self.of(*references))
        several = len({source.model for source in self.networks}) > 1
        rows = self.of("model") if several else self.networks
        if several and len(self.explainers) > 1:
            split = [Block(name, tuple(s for s in rows if s.explainer == name) + extra) for name in self.explainers]
        else:
            split = [Block("", tuple(rows) + extra)]
        return [block for block in split if block.sources]

    def rows(self, metric: str, b: str | Sequence[str], fold: str = ALL) -> pd.DataFrame:
        """The scores of one metric against ``b`` on the mean maps (fold ``"all"``)."""
        wanted = [b] if isinstance(b, str) else list(b)
        scores = self.scores
        return scores[(scores["metric"] == metric) & scores["b"].isin(wanted) & (scores["fold"] == fold)]

    def value(self, metric: str, one: str, other: str, expression: str) -> pd.Series | None:
        """The row of a score between two, in whichever order the table has them; None if there is none."""
        rows = self.scores
        rows = rows[(rows["metric"] == metric) & (rows["expression"] == expression) & (rows["fold"] == ALL)]
        rows = rows[((rows["a"] == one) & (rows["b"] == other)) | ((rows["a"] == other) & (rows["b"] == one))]
        return None if rows.empty else rows.iloc[0]

    def simulated(self, sources: Sequence[Source]) -> bool:
        """Whether any of these sources holds simulated data."""
        return any(source.simulated for source in sources)


def from_run(run: Any) -> Material:
    """Gather what a finished run (`xai_compare.runs.Run`) holds."""
    data = run.heatmaps
    simulated = set(run.simulated)
    sources = tuple(
        Source(str(name), str(kind), str(model), str(explainer), str(name) in simulated)
        for name, kind, model, explainer in zip(
            data.source.values, data.kind.values, data.model.values, data.explainer.values, strict=True
        )
    )
    whole = data.sel(fold=ALL)
    values = whole.heatmap.transpose("source", "expression", "y", "x").values
    numbers = whole["count"].transpose("source", "expression").values
    maps, counts = {}, {}
    for i, source in enumerate(sources):
        for j, expression in enumerate(map(str, whole.expression.values)):
            counts[source.name, expression] = int(numbers[i, j])
            if np.isfinite(values[i, j]).all():
                maps[source.name, expression] = values[i, j]
    masks = _masks(run, values.shape[-2:])
    return Material(
        title=str(run.study.name),
        sources=sources,
        maps=maps,
        counts=counts,
        scores=run.scores,
        merges=run.merges,
        masks=masks,
        mask_name=_mask_name(run.scores),
        mask_title="Ekman mask" if run.study.masks == "ekman" else "Mask",
        mean_face=data["mean_face"].values if "mean_face" in data else None,
        dice_level=run.study.compare.thresholds.dice,
        faithfulness=run.faithfulness,
        curves=run.faithfulness_curves,
        each=run.maps_table,
    )


def from_heatmaps(
    heatmaps: Mapping[tuple[str, str, str], np.ndarray],
    masks: Mapping[str, np.ndarray],
    scores: pd.DataFrame,
    merges: pd.DataFrame,
    title: str,
) -> Material:
    """Gather ready-made heatmaps, (model, expression, fold) to ``(h, w)``; their mean over folds is what is drawn."""
    means = {(key.a, key.expression): value for key, value in with_mean_maps(heatmaps).items() if key.fold == ALL}
    sources = tuple(Source(name, "model", name) for name in dict.fromkeys(name for name, _ in means))
    return Material(
        title=title, sources=sources, maps=means, scores=scores, merges=merges, masks=masks,
        mask_name=_mask_name(scores), mask_title="Ekman mask" if _mask_name(scores) == "ekman" else "Mask",
    )  # fmt: skip


def _masks(run: Any, shape: tuple[int, ...]) -> dict[str, np.ndarray]:
    """The masks of a run's study; none where their folder is no longer there."""
    named = run.study.masks
    if named is None:
        return {}
    try:
        found = ekman.masks() if named == "ekman" else ekman.read_masks(named)
    except InputError:
        return {}
    return {name: mask for name, mask in found.items() if mask.shape == tuple(shape)}


def _mask_name(scores: pd.DataFrame) -> str:
    names = scores.loc[scores["metric"] == "iou", "b"]
    return "ekman" if names.empty else str(names.iloc[0])
