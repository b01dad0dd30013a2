"""What is made of an experiment, part by part: each part adds its tables, figures and words to the page."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from PIL import Image

from xai_compare.errors import InputError
from xai_compare.human import areas as aoi
from xai_compare.human import labels, scanpaths, split_half
from xai_compare.human.agreement import agreement_curve
from xai_compare.human.clicks import answers, discs
from xai_compare.human.data_quality import assess_quality
from xai_compare.human.experiment import Experiment, removals
from xai_compare.human.experiment_maps import classify_by_mean_map, maps_of, mean_maps, on_standard_face
from xai_compare.human.kernels import face_priors, fit_kernel
from xai_compare.human.maps import HumanMap
from xai_compare.images import read_image
from xai_compare.report import style
from xai_compare.report.human import answers as answer_figures
from xai_compare.report.human import attention as attention_figures
from xai_compare.report.human import gaze as gaze_figures
from xai_compare.report.human.page import Contents

if TYPE_CHECKING:
    from xai_compare.report.human.writing import HumanOptions

_UNNAMED = "unnamed"
_PEOPLE_DRAWN, _SPLITS, _GROWTH_DRAWS, _ORDER_PICTURES, _UNCOVERED = 40, 20, 6, 4, 12


@dataclass
class HumanData:
    """An experiment, what is made of it, and where it is written."""

    experiment: Experiment
    options: HumanOptions
    out: Path
    standard: dict[str, np.ndarray] = field(default_factory=dict)

    @cached_property
    def maps(self) -> list[HumanMap]:
        """The map of each picture."""
        return list(maps_of(self.experiment, self.options.maps))

    @cached_property
    def expressions(self) -> dict[str, str]:
        """The expression of each picture: as given, or the label in the data."""
        own = dict(self.options.expressions)
        trials = self.experiment.trials
        if "label" in trials:
            for image, label in (
                trials.dropna(subset=["label"]).groupby("image", observed=True)["label"].first().items()
            ):
                own.setdefault(str(image), answers.noun(label))
        return own

    def table(self, name: str, table: pd.DataFrame, index: bool = False) -> None:
        """Write a table; it says where the data are simulated."""
        marked = table.assign(simulated=True) if self.experiment.simulated else table
        marked.to_csv(self.out / "tables" / f"{name}.csv", index=index)


def usability(data: HumanData, contents: Contents) -> None:
    """What speaks for and against the data"""
    experiment, reliability = data.experiment, None
    if experiment.shapes and experiment.points["participant"].nunique() > 1:
        try:
            sigma = data.options.maps.sigma(experiment)
            reliability = split_half(
                _few_per_trial(experiment.points), experiment.shapes, sigma, n_splits=_SPLITS, seed=data.options.seed
            )
            data.table("reliability", reliability)
        except InputError as error:
            contents.notes.append(f"Agreement between people could not be computed: {error}.")
    contents.statements += assess_quality(experiment, reliability)
    table = removals(experiment)
    if len(table):
        contents.figures["removed"] = attention_figures.removals(table, experiment.simulated)
        contents.words["removed"] = "What was removed or set apart, and why; by participant and picture in removed.csv."


def _few_per_trial(points: pd.DataFrame, most: int = 60) -> pd.DataFrame:
    """At most so many points of a trial, evenly: the path of a mouse has hundreds, which say the same."""
    keys = ["participant", "image", "trial"]
    rank = points.groupby(keys, observed=True).cumcount()
    size = points.groupby(keys, observed=True)["x"].transform("size")
    step = np.maximum(1, -(-size // most))
    kept = points[rank % step == 0]
    kept.attrs = points.attrs
    return kept


def gaze(data: HumanData, contents: Contents) -> None:
    """Figures of fixations and saccades"""
    experiment = data.experiment
    if experiment.noun != "fixations" or not len(experiment.points):
        return
    contents.figures["gaze"] = gaze_figures.distributions(experiment.points, experiment.saccades, experiment.simulated)
    contents.words["gaze"] = (
        "How long fixations last; how far, where to, and after which turn saccades go. The orange line is the mean."
    )
    by_expression = _by_expression(data)
    data.table("by_expression", by_expression)
    words = "Fixations per trial, their mean duration in ms, and the mean saccade amplitude in degrees."
    contents.tables.append(("Gaze by expression", words, by_expression))
    folder = data.out / "figures" / "participants"
    folder.mkdir(exist_ok=True)
    for participant in experiment.points["participant"].astype(str).unique()[:_PEOPLE_DRAWN]:
        figure = gaze_figures.scanpaths(
            participant, experiment.points, experiment.shapes, data.options.landmarks, experiment.simulated
        )
        contents.figures[f"participants/{participant}"] = figure


def _by_expression(data: HumanData) -> pd.DataFrame:
    experiment = data.experiment
    named = {image: data.expressions.get(image, "") for image in experiment.trials["image"].astype(str).unique()}
    rows = []
    for name in [*dict.fromkeys(sorted(value for value in named.values() if value)), "all"]:
        mine = {image for image, value in named.items() if name in ("all", value)}
        trials = experiment.kept[experiment.kept["image"].astype(str).isin(mine)]
        points = experiment.points[experiment.points["image"].astype(str).isin(mine)]
        row = {"expression": name, "pictures": len(mine), "trials": len(trials), "fixations": len(points),
               "fixations_per_trial": len(points) / max(len(trials), 1),
               "duration": points["duration"].mean()}  # fmt: skip
        if len(experiment.saccades):
            saccades = experiment.saccades[experiment.saccades["image"].astype(str).isin(mine)]
            row |= {"saccades": len(saccades), "amplitude": saccades["amplitude"].mean()}
        rows.append(row)
    return pd.DataFrame(rows)


def mouse(data: HumanData, contents: Contents) -> None:
    """Figures of the movement of the mouse"""
    experiment = data.experiment
    if experiment.yields == "tracks" and len(experiment.points):
        contents.figures["movement"] = answer_figures.movement(experiment.points, experiment.simulated)
        contents.words["movement"] = "How fast the mouse moves, and how its speed changes, on a logarithmic scale."


def agreement(data: HumanData, contents: Contents) -> None:
    """Agreement on what the faces show"""
    experiment = data.experiment
    if "response" not in experiment.trials or experiment.trials["response"].isna().all():
        return
    each, whole = labels.per_image(experiment.trials), labels.overall(experiment.trials)
    kept = _with_path(experiment)
    names = [name for name in ("fixations", "clicks", "path", "rt") if name in kept]
    related = labels.against(each, kept.groupby("image", observed=True)[names].mean().reset_index())
    for name, table in (("agreement", each), ("agreement_overall", whole), ("agreement_with", related)):
        data.table(name, table)
    contents.figures["agreement"] = answer_figures.agreement(each, experiment.simulated)
    contents.words["agreement"] = (
        "P is the chance that two people give a picture the same answer (Bruckert et al. 2023)."
    )
    contents.tables += [
        ("Agreement over all pictures", "Chance-corrected: 0 is chance, 1 is full agreement.", whole),
        ("What goes with agreement", "Pearson's r over pictures, with the mean over trials of each measure.", related),
    ]


def _with_path(experiment: Experiment) -> pd.DataFrame:
    """The kept trials with the length of the path from point to point, in pixels."""
    keys, points = ["participant", "image", "trial"], experiment.points
    if "path" in experiment.kept or not len(points):
        return experiment.kept
    step = points.groupby(keys, sort=False, observed=True)[["x", "y"]].diff()
    length = points[keys].assign(path=np.hypot(step["x"].to_numpy(), step["y"].to_numpy()))
    path = length.groupby(keys, observed=True)["path"].sum()
    return experiment.kept.merge(path.reset_index(), on=keys, how="left")


def pairs(data: HumanData, contents: Contents) -> None:
    """Matrices of the two-alternative task"""
    experiment, trials = data.experiment, data.experiment.trials
    answered = {"response", "label"} <= set(trials) and trials["response"].notna().any()
    if not answered or trials["label"].isna().all():
        return
    confusion = answers.confusion(trials)
    data.table("confusion", confusion, index=True)
    contents.figures["confusion"] = answer_figures.matrix(
        confusion, "Answers by true label", "Share of each row; colours by square root", "answer", True,
        experiment.simulated,
    )  # fmt: skip
    contents.words["confusion"] = "What people answered to faces of each expression; each row sums to 1."
    if "false_label" not in trials or trials["false_label"].isna().all():
        return
    matrices = answers.pair_matrices(trials)
    for name, table in matrices.items():
        data.table(f"pairs_{name}", table, index=True)
    related = answers.pair_correlations(matrices)
    data.table("pair_correlations", related)
    contents.tables.append(("Pairs", "Pearson's r between the matrices, over the pairs of expressions.", related))
    for name, figure in answer_figures.pair_figures(matrices, experiment.simulated).items():
        contents.figures[name] = figure
        contents.words[name] = "Mean over the trials of each pair of true and false label."


def order(data: HumanData, contents: Contents) -> None:
    """Figures of the order of clicks"""
    experiment, radius = data.experiment, data.options.maps.radius_px
    if experiment.yields != "clicks" or not experiment.shapes or not radius:
        return
    right = experiment.points
    if "correct" in right and right["correct"].notna().any():
        right = right[right["correct"].fillna(False).astype(bool)]
    share = pd.Series(dtype=float)
    if "correct" in experiment.kept:
        known = experiment.kept.dropna(subset=["correct"])
        share = known["correct"].astype(float).groupby(known["image"].astype(str)).mean()
    ranked = [str(image) for image in (share.sort_values(ascending=False).index if len(share) else experiment.shapes)]
    ranked = [image for image in ranked if (right["image"].astype(str) == image).any() and image in experiment.shapes]
    half = _ORDER_PICTURES // 2
    shown = list(dict.fromkeys([*ranked[:half], *ranked[-half:]]))
    made = {}
    for image in shown:
        own = right[right["image"].astype(str) == image]
        colours, seen = discs.order_map(own, experiment.shapes[image], radius)
        made[image] = (colours, seen, f"{share[image]:.0%} correct" if image in share.index else "")
    if made:
        contents.figures["click_order"] = answer_figures.click_order(made, experiment.simulated)
        contents.words["click_order"] = "Pictures answered best and worst; only trials that were answered correctly."


def uncovered(data: HumanData, contents: Contents) -> None:
    """Pictures as people uncovered them"""
    options, points = data.options, data.experiment.points
    if options.maps.kernel != "disc" or not options.files or data.experiment.yields != "clicks":
        return
    folder = data.out / "figures" / "uncovered"
    folder.mkdir(exist_ok=True)
    for image, file in list(options.files.items())[:_UNCOVERED]:
        own = points[points["image"].astype(str) == image]
        for participant, clicks in list(own.groupby("participant", observed=True))[:1]:
            seen = discs.revealed(read_image(file), clicks["x"].to_numpy(float), clicks["y"].to_numpy(float),
                                  float(options.maps.radius_px or 0))  # fmt: skip
            name = style.slug(f"{PurePosixPath(image).stem}_{participant}".lower())
            Image.fromarray(seen).save(folder / f"{name}.png")


def maps(data: HumanData, contents: Contents) -> None:
    """Maps of the pictures, and on the standard face"""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        made = data.maps
    contents.notes += [f"{one.message}." for one in told]
    np.savez_compressed(data.out / "maps" / "maps.npz", **{one.image: one.map for one in made})  # type: ignore[arg-type]
    facts = [(one.image, one.n_participants, one.n_points, one.reason) for one in made]
    data.table("maps", pd.DataFrame(facts, columns=["image", "participants", "points", "reason"]))
    for one in made:
        if one.image in data.options.landmarks and not one.reason:
            data.standard[one.image] = on_standard_face(one.map, data.options.landmarks[one.image])
    if not data.standard:
        return
    expressions = _of(data, data.standard)
    means = mean_maps(data.standard, expressions)
    if set(expressions.values()) == {_UNNAMED}:
        means.pop(_UNNAMED)
    np.savez_compressed(data.out / "maps" / "standard.npz", **means)  # type: ignore[arg-type]
    counts = {name: sum(name in ("all", value) for value in expressions.values()) for name in means}
    what = data.options.maps.kernel
    simulated = data.experiment.simulated
    contents.figures["standard_face"] = attention_figures.standard_maps(means, counts, f"kernel: {what}", simulated)
    contents.words["standard_face"] = "Where people attend, on the standard face; every picture weighs alike."
    if len(set(expressions.values())) > 1:
        apart = classify_by_mean_map(data.standard, expressions, seed=data.options.seed)
        data.table("told_apart", apart.table, index=True)
        sure = "can" if apart.p < 0.05 else "cannot"
        contents.words["standard_face"] += (
            f" Expressions {sure} be told apart by these maps: {apart.accuracy:.0%} of {apart.n} pictures are most like"
            f" the mean of their own expression, {apart.chance:.0%} by chance (permutation test, p = {apart.p:.3f})."
        )


def _of(data: HumanData, images: Iterable[str]) -> dict[str, str]:
    return {image: data.expressions.get(image, _UNNAMED) for image in images}


def kernel(data: HumanData, contents: Contents) -> None:
    """The fitted kernel"""
    experiment = data.experiment
    if not data.options.fit_kernel or data.options.maps.kernel == "disc" or not experiment.shapes:
        return
    sigma = data.options.maps.sigma(experiment)
    points = _few_per_trial(experiment.points)
    priors = face_priors(points, experiment.shapes, data.options.landmarks, sigma / 2)
    found = fit_kernel(points, experiment.shapes, sigma, priors or None, seed=data.options.seed)
    row = {**vars(found), "gain": found.gain}
    data.table("kernel", pd.DataFrame([row]))
    words = (
        "The width, and the shares of a uniform map and of a prior (where people look on the other faces), that "
        "predict people best, fitted by leaving each of them out; bits are over a uniform map. "
        "The maps themselves keep the fixed width."
    )
    contents.tables.append(("Fitted kernel", words, pd.DataFrame([row])))


def people_needed(data: HumanData, contents: Contents) -> None:
    """How agreement grows with the number of people"""
    experiment = data.experiment
    if not experiment.shapes or experiment.points["participant"].nunique() < 4:
        return
    sigma = data.options.maps.sigma(experiment)
    some = dict(list(experiment.shapes.items())[:60])
    points = experiment.points[experiment.points["image"].astype(str).isin(some)]
    table = agreement_curve(_few_per_trial(points), None, some, sigma, draws=_GROWTH_DRAWS, seed=data.options.seed)
    if len(table) < 2:
        return
    data.table("growth", table)
    what = f"Maps of so many people against those of all the others; mean of {int(table['n_images'].max())} pictures"
    contents.figures["growth"] = attention_figures.growth(
        table.assign(curve=experiment.noun), "Agreement by number of people", what, experiment.simulated
    )
    contents.words["growth"] = "Where the curve flattens, more people would change the maps little."


def areas(data: HumanData, contents: Contents) -> None:
    """Areas of interest"""
    experiment, options = data.experiment, data.options
    own = {image: aoi.face_areas(options.landmarks[image], shape) for image, shape in experiment.shapes.items()
           if image in options.landmarks}  # fmt: skip
    if not own:
        return
    expressions = _of(data, own)
    joined = {image: one.joined() for image, one in own.items()}
    tables = []
    for parts in (joined, own):
        tables.append(aoi.point_shares(experiment.points, parts, expressions, measure=experiment.noun))
        time = next((name for name in ("duration", "dwell") if name in experiment.points), None)
        if time:
            tables.append(aoi.point_shares(experiment.points, parts, expressions, weights=time, measure="time"))
    made = {one.image: one.map for one in data.maps if one.image in own and not one.reason}
    tables.append(aoi.map_shares(made, joined, expressions))
    table = pd.concat(tables, ignore_index=True).drop_duplicates(["expression", "area", "measure"])
    if set(expressions.values()) == {_UNNAMED}:
        table = table[table["expression"] == "all"].reset_index(drop=True)
    data.table("areas", table)
    wide = table[table["measure"] == experiment.noun].pivot(index="expression", columns="area", values="share")
    shown = (100 * wide[[name for name in aoi.NAMES if name in wide]]).round(1).reset_index()
    contents.tables.append(("Areas", f"Percent of the {experiment.noun}; left and right as seen by the viewer.", shown))
    contents.figures["areas"] = attention_figures.areas(table, experiment.simulated)
    contents.words["areas"] = "The dash is the share of the picture that an area covers: what blind points would give."
    if experiment.yields != "tracks":
        moved = aoi.transitions(experiment.points, joined)
        data.table("transitions", moved, index=True)
        contents.figures["transitions"] = attention_figures.transitions(moved, experiment.simulated)
        contents.words["transitions"] = (
            f"To which area the next of the {experiment.noun} goes, by where the last one was."
        )


def scanpath(data: HumanData, contents: Contents) -> None:
    """Scanpaths compared by MultiMatch"""
    experiment = data.experiment
    if not data.options.scanpaths or experiment.noun != "fixations" or not experiment.shapes:
        return
    table = scanpaths.multimatch(experiment.points, experiment.shapes, seed=data.options.seed)
    data.table("scanpaths", table)
    mean = table[list(scanpaths.MEASURES)].mean().to_frame().T
    words = "Likeness of two people's scanpaths by MultiMatch, 0 to 1, mean over pictures."
    contents.tables.append(("Scanpaths", words, mean))


Section = Callable[[HumanData, Contents], None]
SECTIONS: tuple[Section, ...] = (
    usability, gaze, mouse, agreement, pairs, order, uncovered, maps, areas, people_needed, kernel, scanpath,
)  # fmt: skip
