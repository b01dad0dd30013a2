"""What people answered and clicked: agreement, pairs, the order of clicks, the movement of a mouse."""

from __future__ import annotations

from pathlib import PurePosixPath

import numpy as np
import pandas as pd
from PIL import Image

from xai_compare.files import atomic
from xai_compare.human import labels
from xai_compare.human.clicks import answers, discs
from xai_compare.human.experiment import Experiment
from xai_compare.images import read_image
from xai_compare.report import style
from xai_compare.report.charts import number_matrix
from xai_compare.report.human import answers as answer_figures
from xai_compare.report.human.data import HumanData
from xai_compare.report.section import HUMAN_SECTIONS, BaseSection, RenderedSection
from xai_compare.report.table import head_of_frame

_ORDER_PICTURES, _UNCOVERED = 4, 12
_PAIRS = {
    "accuracy": "Share of correct answers",
    "clicks": "Number of clicks",
    "time": "Time from the first click, in ms",
}


@HUMAN_SECTIONS.register("mouse")
class Mouse(BaseSection[HumanData]):
    """How a mouse moves."""

    title = "Movement of the mouse"
    order = 30

    def applies(self, data: HumanData) -> bool:
        return data.experiment.yields == "tracks" and len(data.experiment.points) > 0

    def build(self, data: HumanData) -> RenderedSection:
        drawn = answer_figures.movement(data.experiment.points, data.experiment.simulated)
        what = "The speed of the mouse, and how it changes, on a logarithmic scale."
        return RenderedSection([data.figure("movement", "Velocity and acceleration", what, drawn)])


@HUMAN_SECTIONS.register("agreement")
class Agreement(BaseSection[HumanData]):
    """How far people agree on what each picture shows, and what goes with it."""

    title = "Agreement on what the faces show"
    order = 40

    def applies(self, data: HumanData) -> bool:
        trials = data.experiment.trials
        return "response" in trials and bool(trials["response"].notna().any())

    def build(self, data: HumanData) -> RenderedSection:
        experiment = data.experiment
        each, overall = labels.per_image(experiment.trials), labels.overall(experiment.trials)
        kept = _with_path(experiment)
        names = [name for name in ("fixations", "clicks", "path", "rt") if name in kept]
        related = labels.against(each, kept.groupby("image", observed=True)[names].mean().reset_index())
        drawn = answer_figures.agreement(each, experiment.simulated)
        what = "P is the probability that two people give a picture the same answer (Bruckert et al. 2023)."
        note = "Pearson's r over pictures, between agreement and the mean over trials of each measure."
        return RenderedSection(
            figures=[data.figure("agreement", "Agreement by picture", what, drawn)],
            tables=[
                head_of_frame(
                    "Agreement over all pictures", "Chance-corrected: 0 is chance, 1 is full agreement.", overall
                ),
                head_of_frame("What correlates with agreement", note, related),
            ],
            csv_tables={"agreement": each, "agreement_overall": overall, "agreement_with": related},
        )


def _with_path(experiment: Experiment) -> pd.DataFrame:
    """The kept trials with the length of the path from point to point, in pixels."""
    keys, points = ["participant", "image", "trial"], experiment.points
    if "path" in experiment.kept or not len(points):
        return experiment.kept
    step = points.groupby(keys, sort=False, observed=True)[["x", "y"]].diff()
    length = points[keys].assign(path=np.hypot(step["x"].to_numpy(), step["y"].to_numpy()))
    path = length.groupby(keys, observed=True)["path"].sum()
    return experiment.kept.merge(path.reset_index(), on=keys, how="left")


@HUMAN_SECTIONS.register("pairs")
class Pairs(BaseSection[HumanData]):
    """Answers by label; of a two-alternative task, accuracy, clicks and time by pair."""

    title = "Answers by label"
    order = 50

    def applies(self, data: HumanData) -> bool:
        trials = data.experiment.trials
        return {"response", "label"} <= set(trials) and bool(
            trials["response"].notna().any() and trials["label"].notna().any()
        )

    def build(self, data: HumanData) -> RenderedSection:
        trials, simulated = data.experiment.trials, data.experiment.simulated
        confusion = answers.confusion(trials)
        subtitle = "Share of each row; colours by square root"
        drawn = number_matrix(
            confusion, "Answers by true label", subtitle,
            rows="true label", columns="answer", root=True, simulated=simulated,
        )  # fmt: skip
        what = "What people answered to faces of each expression; each row sums to 1."
        figures = [data.figure("confusion", "Answers", what, drawn)]
        if "false_label" not in trials or trials["false_label"].isna().all():
            return RenderedSection(figures, csv_tables={"confusion": confusion})
        matrices = answers.pair_matrices(trials)
        related = answers.pair_correlations(matrices)
        for name, matrix in matrices.items():
            title, subtitle = f"{_PAIRS[name]} by pair", "Rows: what the face shows; columns: the other choice"
            drawn = number_matrix(
                matrix, title, subtitle, rows="true label", columns="false label", simulated=simulated
            )
            what = "Mean over the trials of each pair of true and false label."
            figures.append(data.figure(f"pairs_{name}", title, what, drawn))
        note = "Pearson's r between the matrices, over the pairs of expressions."
        by_pair = {f"pairs_{name}": matrix for name, matrix in matrices.items()}
        return RenderedSection(
            figures,
            [head_of_frame("Pairs", note, related)],
            csv_tables={"confusion": confusion, **by_pair, "pair_correlations": related},
        )


@HUMAN_SECTIONS.register("click_order")
class ClickOrder(BaseSection[HumanData]):
    """In which order people uncovered the pictures answered best and worst."""

    title = "Order of clicks"
    order = 60

    def applies(self, data: HumanData) -> bool:
        return data.experiment.yields == "clicks" and bool(data.experiment.shapes) and bool(data.options.maps.radius_px)

    def build(self, data: HumanData) -> RenderedSection:
        experiment, radius = data.experiment, float(data.options.maps.radius_px or 0)
        points = experiment.points
        if "correct" in points and points["correct"].notna().any():
            points = points[points["correct"].fillna(False).astype(bool)]
        share = pd.Series(dtype=float)
        if "correct" in experiment.kept:
            known = experiment.kept.dropna(subset=["correct"])
            share = known["correct"].astype(float).groupby(known["image"].astype(str)).mean()
        clicked = set(points["image"].astype(str)) & set(experiment.shapes)
        ranked = share.sort_values(ascending=False).index if len(share) else experiment.shapes
        order = [str(image) for image in ranked if str(image) in clicked]
        half = _ORDER_PICTURES // 2
        panels = {}
        for image in dict.fromkeys([*order[:half], *order[-half:]]):
            own = points[points["image"].astype(str) == image]
            colours, seen = discs.order_map(own, experiment.shapes[image], radius)
            panels[image] = (colours, seen, f"{share[image]:.0%} correct" if image in share.index else "")
        if not panels:
            return RenderedSection()
        what = "Pictures answered best and worst; only trials that were answered correctly."
        drawn = answer_figures.click_order(panels, experiment.simulated)
        return RenderedSection([data.figure("click_order", self.title, what, drawn)])


@HUMAN_SECTIONS.register("uncovered")
class Uncovered(BaseSection[HumanData]):
    """Pictures as people uncovered them, as files."""

    title = "Pictures as people uncovered them"
    order = 70

    def applies(self, data: HumanData) -> bool:
        options = data.options
        return options.maps.kernel == "disc" and bool(options.files) and data.experiment.yields == "clicks"

    def build(self, data: HumanData) -> RenderedSection:
        points, radius = data.experiment.points, float(data.options.maps.radius_px or 0)
        folder = data.out / "figures" / "uncovered"
        folder.mkdir(exist_ok=True)
        for image, file in list(data.options.files.items())[:_UNCOVERED]:
            own = points[points["image"].astype(str) == image]
            for participant, clicks in list(own.groupby("participant", observed=True))[:1]:
                x, y = (clicks[axis].to_numpy(float) for axis in "xy")
                name = style.slug(f"{PurePosixPath(image).stem}_{participant}".lower())
                with atomic(folder / f"{name}.png") as part:
                    Image.fromarray(discs.revealed(read_image(file), x, y, radius)).save(part)
        return RenderedSection()
