"""What a report is made of, whether it comes from a run or from ready-made heatmaps."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, ClassVar

import numpy as np
import pandas as pd

from xai_compare import ekman
from xai_compare.comparison import with_mean_maps
from xai_compare.comparison.score_frame import is_few
from xai_compare.errors import InputError
from xai_compare.expressions import ordered
from xai_compare.report.examples import Example, examples

ALL = "all"
_WORDS = re.compile(r"(?<=[a-z])(?=[A-Z])")
ALL_MODELS = "all models"
_PRETTY = {
    "cam": "CAM",
    "grad_cam": "Grad-CAM",
    "extremal_perturbation": "Extremal Perturbation",
    "lime": "LIME",
    "shapley": "Shapley values",
    "banzhaf": "Banzhaf values",
}


def pretty(explainer: str) -> str:
    """Return an explainer's name as papers print it, or as it is.

    >>> pretty("grad_cam"), pretty("captum:IntegratedGradients"), pretty("mine")
    ('Grad-CAM', 'Integrated Gradients', 'mine')
    """
    family, _, method = explainer.partition(":")
    if family == "captum" and method.isalpha():
        return _WORDS.sub(" ", method)
    return _PRETTY.get(explainer, explainer)


@dataclass(frozen=True)
class LabelledSource:
    """A source as the report shows it: a network seen through an explainer, people, or a region known to differ.

    Attributes:
        name: as in the tables.
        kind: ``"model"``, ``"human"`` or ``"known"``.
        model: the network, or what the people or the region are called.
        explainer: ``""`` where there is none.
        simulated: whether its data are simulated.
        control: whether it is a control (a random map, say), which is shown and never ranking_sentence.
    """

    name: str
    kind: str = "model"
    model: str = ""
    explainer: str = ""
    simulated: bool = False
    control: bool = False

    @property
    def label(self) -> str:
        """What a figure or a sentence calls it."""
        if self.kind == "human":
            return f"People: {self.short}"
        if self.kind == "known":
            return "Known region"
        return f"{self.network} · {self.explainer_label}" if self.explainer else self.network

    @property
    def explainer_label(self) -> str:
        """The explainer as it is printed; a control says that it is one."""
        return pretty(self.explainer) + (" (control)" if self.control else "")

    @property
    def short(self) -> str:
        """What a group of people is called in the study."""
        return self.model or self.name

    @property
    def network(self) -> str:
        """The network's name, or what stands for all of them."""
        return "All models" if self.model == ALL_MODELS else self.model


@dataclass(frozen=True)
class SourceGroup:
    """Sources that share a figure or a table: those of one explainer, or all."""

    explainer: str
    sources: tuple[LabelledSource, ...]

    @property
    def title(self) -> str:
        """The explainer's printed name, or ``""`` for the only group there is."""
        return next((source.explainer_label for source in self.sources if source.explainer == self.explainer), "")


class PageData:
    """What the sections of a page draw on; every page has its own kind.

    Attributes:
        skips_impossible: whether a section that the input makes impossible is left out with the reason. Otherwise its
            error ends the page, as a damaged table of a run must.
    """

    skips_impossible: ClassVar[bool] = False

    def table(self, name: str) -> pd.DataFrame:
        """A table that was there before the page, which no section may write over; empty if there is none."""
        return pd.DataFrame()

    def mark(self, table: pd.DataFrame) -> pd.DataFrame:
        """A table as it is written, with a column that says where data are simulated, if the page has one."""
        return table


@dataclass(frozen=True)
class ReportData(PageData):
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
        read: table of the run by name, such as ``"faithfulness"``; empty if there is none.
        trainings: by the name that tables give a training of a network, the network.
        load_examples: single pictures that may be shown, with their maps.
    """

    title: str
    sources: tuple[LabelledSource, ...]
    maps: Mapping[tuple[str, str], np.ndarray]
    scores: pd.DataFrame
    merges: pd.DataFrame
    counts: Mapping[tuple[str, str], int] = field(default_factory=dict)
    masks: Mapping[str, np.ndarray] = field(default_factory=dict)
    mask_name: str = "ekman"
    mask_title: str = "Ekman mask"
    mean_face: np.ndarray | None = None
    dice_level: float = 50
    read: Callable[[str], pd.DataFrame] = lambda name: pd.DataFrame()
    trainings: Mapping[str, str] = field(default_factory=dict)
    load_examples: Callable[[], Sequence[Example]] = lambda: ()

    @cached_property
    def examples(self) -> Sequence[Example]:
        """Single pictures that may be shown, with their maps."""
        return self.load_examples()

    def table(self, name: str) -> pd.DataFrame:
        """Any table of the run by name (``tables/NAME.parquet``); empty if there is none."""
        return self.read(name)

    @cached_property
    def expressions(self) -> tuple[str, ...]:
        """The expressions that have a map (``"all"`` only where it stands alone), in the vocabulary's order."""
        names = ordered(expression for _, expression in self.maps)
        return tuple([name for name in names if name != ALL] or names)

    @cached_property
    def by_name(self) -> dict[str, LabelledSource]:
        """The sources by name."""
        return {source.name: source for source in self.sources}

    def of_kind(self, *kinds: str) -> list[LabelledSource]:
        """The sources of these kinds that have at least one map."""
        there = {name for name, _ in self.maps}
        return [source for source in self.sources if source.kind in kinds and source.name in there]

    @cached_property
    def networks(self) -> list[LabelledSource]:
        """Single networks (no means over networks) through their explainers."""
        return [source for source in self.of_kind("model") if source.model != ALL_MODELS]

    @cached_property
    def rankable(self) -> list[LabelledSource]:
        """The networks through explainers that can be ranking_sentence: all but controls."""
        return [source for source in self.networks if not source.control]

    @cached_property
    def controls(self) -> set[str]:
        """The explainers that are controls."""
        return {source.explainer for source in self.networks if source.control}

    @cached_property
    def explainers(self) -> list[str]:
        """The explainers in use, in order."""
        return list(dict.fromkeys(source.explainer for source in self.networks))

    def groups(self, *references: str) -> list[SourceGroup]:
        """Split the model sources by explainer, if there are several of both, and add references to each group.

        Args:
            references: kinds of sources (``"human"``, ``"known"``) that come last in every group.
        """
        extra = tuple(self.of_kind(*references))
        several = len({source.model for source in self.networks}) > 1
        rows = self.of_kind("model") if several else self.networks
        if several and len(self.explainers) > 1:
            split = [
                SourceGroup(name, tuple(s for s in rows if s.explainer == name) + extra) for name in self.explainers
            ]
        else:
            split = [SourceGroup("", tuple(rows) + extra)]
        return [group for group in split if group.sources]

    def rows(self, metric: str, b: str | Sequence[str], fold: str = ALL) -> pd.DataFrame:
        """The scores of one metric against ``b`` on the mean maps (fold ``"all"``)."""
        wanted = [b] if isinstance(b, str) else list(b)
        scores = self.scores
        return scores[(scores["metric"] == metric) & scores["b"].isin(wanted) & (scores["fold"] == fold)]

    @cached_property
    def _by_pair(self) -> dict[tuple[str, str, str, str], dict[str, Any]]:
        rows = self.scores[self.scores["fold"] == ALL].to_dict("records")
        found: dict[tuple[str, str, str, str], dict[str, Any]] = {}
        for row in rows:
            found.setdefault((row["metric"], row["a"], row["b"], row["expression"]), row)  # type: ignore[arg-type]
        return found

    def value(self, metric: str, one: str, other: str, expression: str) -> Mapping[str, Any] | None:
        """The row of a score between two, in whichever order the table has them; None if there is none."""
        for pair in ((one, other), (other, one)):
            if (row := self._by_pair.get((metric, *pair, expression))) is not None:
                return row
        return None

    @cached_property
    def has_masks(self) -> bool:
        """Whether an expression with maps has a mask."""
        return any(expression in self.masks for expression in self.expressions)

    @property
    def ekman(self) -> bool:
        """Whether the masks are Ekman's."""
        return self.has_masks and self.mask_title == "Ekman mask"

    @property
    def aligned_mean_face(self) -> np.ndarray | None:
        """The mean face, where it has the size of the maps."""
        face = self.mean_face
        return face if face is not None and self.maps and face.shape[:2] == self.shape else None

    @cached_property
    def shape(self) -> tuple[int, int]:
        """Height and width of the maps."""
        height, width = next(iter(self.maps.values())).shape
        return height, width

    def overall(self, metric: str, name: str) -> Overall | None:
        """A source's score over all expressions: the row ``"all"``, else the mean of the rows (without an interval)."""
        rows = self.scores
        rows = rows[(rows["metric"] == metric) & (rows["a"] == name) & (rows["fold"] == ALL)]
        rows = rows[~is_few(rows)]
        whole = rows[rows["expression"] == ALL]
        if len(whole) and np.isfinite(whole["value"].iloc[0]):
            row = whole.iloc[0]
            return Overall(float(row["value"]), float(row["ci_low"]), float(row["ci_high"]), _floor(whole))
        value = float(rows["value"].mean()) if len(rows) else float("nan")
        return Overall(value, float("nan"), float("nan"), _floor(rows)) if np.isfinite(value) else None

    def simulated(self, sources: Sequence[LabelledSource]) -> bool:
        """Whether any of these sources holds simulated data."""
        return any(source.simulated for source in sources)


@dataclass(frozen=True)
class Overall:
    """A score over all expressions, its 95 % interval, and what chance would reach (NaN where unknown)."""

    value: float
    low: float
    high: float
    floor: float


def _floor(rows: pd.DataFrame) -> float:
    return float(pd.to_numeric(rows["floor"]).mean()) if "floor" in rows else float("nan")


def from_run(run: Any) -> ReportData:
    """Gather what a finished run (`xai_compare.runs.Run`) holds."""
    data = run.heatmaps
    simulated, controls = set(run.simulated), _controls(run)
    sources = tuple(
        LabelledSource(
            str(name), str(kind), str(model), str(explainer), str(name) in simulated, str(explainer) in controls
        )
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
    return ReportData(
        title=str(run.study.name),
        sources=sources,
        maps=maps,
        counts=counts,
        scores=run.scores,
        merges=run.merges,
        masks=masks,
        mask_name=_mask_name(run.scores, sources),
        mask_title="Ekman mask" if run.study.masks == "ekman" else "Mask",
        mean_face=data["mean_face"].values if "mean_face" in data else None,
        dice_level=run.study.compare.thresholds.dice,
        read=run.table,
        trainings={spec.label: spec.name for spec in run.study.models},
        load_examples=lambda: examples(run),
    )


def _controls(run: Any) -> set[str]:
    """What the study calls the explainers that are controls."""
    # Written down by the run: to ask the explainers themselves would load every library of networks.
    known = run.provenance.get("controls")
    if known is not None:
        return {str(label) for label in known}
    return {str(spec.label) for spec in run.study.explainers if spec.name == "random"}


def from_heatmaps(
    heatmaps: Mapping[tuple[str, str, str], np.ndarray],
    masks: Mapping[str, np.ndarray],
    scores: pd.DataFrame,
    merges: pd.DataFrame,
    title: str,
    read: Callable[[str], pd.DataFrame] = lambda name: pd.DataFrame(),
) -> ReportData:
    """Gather ready-made heatmaps, (model, expression, fold) to ``(h, w)``; their mean over folds is what is drawn.

    Further tables, if any, are those that ``read`` gives by name.
    """
    means = {(key.a, key.expression): value for key, value in with_mean_maps(heatmaps).items() if key.fold == ALL}
    sources = tuple(LabelledSource(name, "model", name) for name in dict.fromkeys(name for name, _ in means))
    name = _mask_name(scores, sources)
    return ReportData(
        title=title,
        sources=sources,
        maps=means,
        scores=scores,
        merges=merges,
        masks=masks,
        mask_name=name,
        mask_title="Ekman mask" if name == "ekman" else "Mask",
        read=read,
    )


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


def _mask_name(scores: pd.DataFrame, sources: Sequence[LabelledSource]) -> str:
    """What the scores call the masks: what IoU compares sources with that is not itself a source."""
    names = scores.loc[scores["metric"] == "iou", "b"]
    names = names[~names.isin([source.name for source in sources])]
    return "ekman" if names.empty else str(names.iloc[0])
