"""Where people attend: the quality of the data, gaze, maps, areas, and how many people it takes."""

from __future__ import annotations

import numpy as np
import pandas as pd

from xai_compare.files import safe_name
from xai_compare.human import areas as aoi
from xai_compare.human import scanpaths
from xai_compare.human.agreement import agreement_curve
from xai_compare.human.experiment import removals
from xai_compare.human.experiment_maps import MapClassification, classify_by_mean_map, mean_maps
from xai_compare.human.kernels import face_priors, fit_kernel
from xai_compare.report.figure_files import save_png
from xai_compare.report.human import attention as attention_figures
from xai_compare.report.human import gaze as gaze_figures
from xai_compare.report.human.data import UNNAMED, HumanData
from xai_compare.report.section import HUMAN_SECTIONS, BaseSection, RenderedSection
from xai_compare.report.table import head_of_frame, p_value

_PEOPLE_DRAWN, _GROWTH_DRAWS, _GROWTH_PICTURES = 40, 6, 60


@HUMAN_SECTIONS.register("quality")
class Quality(BaseSection[HumanData]):
    """What was removed, and how reliable the rest is; the assessment itself stands at the head of the page."""

    title = "Quality of the data"
    order = 10

    def build(self, data: HumanData) -> RenderedSection:
        reliability, reason = data.reliability
        removed = removals(data.experiment)
        what = "What was removed or set aside, and why. removed.csv lists it by participant and picture."
        drawn = attention_figures.removals(removed, data.experiment.simulated) if len(removed) else None
        return RenderedSection(
            figures=[data.figure("removed", "Removed data", what, drawn, _told(removed))] if drawn else [],
            csv_tables={} if reliability is None else {"reliability": reliability},
            notices=[reason] if reason else [],
        )


def _told(removed: pd.DataFrame) -> str:
    """What was removed, in words."""
    sums = removed.groupby(["what", "reason"])["count"].sum().sort_values(ascending=False).reset_index(name="times")
    return "; ".join(f"{row.what}, {row.reason}: {row.times:,}" for row in sums.itertuples())


@HUMAN_SECTIONS.register("gaze")
class Gaze(BaseSection[HumanData]):
    """Fixations and saccades, overall and by expression; scanpaths of each participant as files."""

    title = "Fixations and saccades"
    order = 20

    def applies(self, data: HumanData) -> bool:
        return data.experiment.point_name == "fixations" and len(data.experiment.points) > 0

    def build(self, data: HumanData) -> RenderedSection:
        experiment = data.experiment
        drawn = gaze_figures.distributions(experiment.points, experiment.saccades, experiment.simulated)
        what = (
            "Durations of fixations; amplitudes, directions and turning angles of saccades. The orange line is the "
            "mean."
        )
        by_expression = _gaze_by_expression(data)
        note = "Fixations per trial, their mean duration in ms, and the mean saccade amplitude in degrees."
        folder = data.out / "figures" / "participants"
        folder.mkdir(exist_ok=True)
        for participant in experiment.points["participant"].astype(str).unique()[:_PEOPLE_DRAWN]:
            figure = gaze_figures.scanpaths(
                participant, experiment.points, experiment.shapes, data.options.landmarks, experiment.simulated
            )
            save_png(figure, folder / f"{safe_name(participant)}.png")
        return RenderedSection(
            figures=[data.figure("gaze", "Gaze", what, drawn)],
            tables=[head_of_frame("Gaze by expression", note, by_expression)],
            csv_tables={"by_expression": by_expression},
        )


def _gaze_by_expression(data: HumanData) -> pd.DataFrame:
    experiment = data.experiment
    labels = data.expressions(experiment.trials["image"].astype(str).unique(), unknown="")
    rows = []
    for name in [*dict.fromkeys(sorted(label for label in labels.values() if label)), "all"]:
        chosen = {image for image, label in labels.items() if name in ("all", label)}
        trials, points = (
            table[table["image"].astype(str).isin(chosen)] for table in (experiment.kept, experiment.points)
        )
        row = {
            "expression": name,
            "pictures": len(chosen),
            "trials": len(trials),
            "fixations": len(points),
            "fixations_per_trial": len(points) / max(len(trials), 1),
            "duration": points["duration"].mean(),
        }
        if len(experiment.saccades):
            saccades = experiment.saccades[experiment.saccades["image"].astype(str).isin(chosen)]
            row |= {"saccades": len(saccades), "amplitude": saccades["amplitude"].mean()}
        rows.append(row)
    return pd.DataFrame(rows)


@HUMAN_SECTIONS.register("maps")
class Maps(BaseSection[HumanData]):
    """The map of each picture as a file; mean maps on the standard face, and whether they differ by expression."""

    title = "Attention on the standard face"
    order = 80

    def build(self, data: HumanData) -> RenderedSection:
        made, remarks = data.maps
        options, folder = data.options, data.out / "maps"
        np.savez_compressed(folder / "maps.npz", **{each.image: each.map for each in made})  # type: ignore[arg-type]
        facts = [(each.image, each.n_participants, each.n_points, each.reason) for each in made]
        tables = {"maps": pd.DataFrame(facts, columns=["image", "participants", "points", "reason"])}
        standard = data.standard
        if not standard:
            return RenderedSection(csv_tables=tables, notices=remarks)
        expressions = data.expressions(standard)
        means = mean_maps(standard, expressions)
        if set(expressions.values()) == {UNNAMED}:
            means.pop(UNNAMED)
        np.savez_compressed(folder / "standard.npz", **means)  # type: ignore[arg-type]
        counts = {name: sum(name in ("all", value) for value in expressions.values()) for name in means}
        drawn = attention_figures.standard_maps(
            means, counts, f"kernel: {options.maps.kernel}", data.experiment.simulated
        )
        what = "Where people attend, on the standard face; every picture has the same weight."
        figure = data.figure("standard_face", "Mean maps", what, drawn)
        return RenderedSection([figure], csv_tables=tables, notices=remarks)


@HUMAN_SECTIONS.register("map_differences")
class MapDifferences(BaseSection[HumanData]):
    """Whether the maps of a picture tell which expression it shows."""

    title = "Do the maps differ by expression?"
    order = 85

    def applies(self, data: HumanData) -> bool:
        return len(set(data.expressions(data.standard).values())) > 1

    def build(self, data: HumanData) -> RenderedSection:
        result = classify_by_mean_map(data.standard, data.expressions(data.standard), seed=data.options.seed)
        return RenderedSection(findings=[_told_apart(result)], csv_tables={"told_apart": result.table})


def _told_apart(result: MapClassification) -> str:
    """Whether maps tell expressions apart, and no more than the test shows."""
    if not (np.isfinite(result.accuracy) and np.isfinite(result.p)):
        return "Whether the maps differ between expressions could not be tested: there are too few pictures of each."
    shown = result.p < 0.05 and result.accuracy > result.chance
    return (
        f"{'The maps differ' if shown else 'It is not shown that the maps differ'} between expressions: "
        f"{result.accuracy:.0%} of {result.n} pictures are most like the mean map of their own expression, against "
        f"{result.chance:.0%} by chance (permutation test, p = {p_value(result.p)})."
    )


@HUMAN_SECTIONS.register("areas")
class AreaShares(BaseSection[HumanData]):
    """The share of attention on each area of the face, by expression, and from which area it moves to which."""

    title = "Areas of interest"
    order = 90

    def applies(self, data: HumanData) -> bool:
        return any(image in data.options.landmarks for image in data.experiment.shapes)

    def build(self, data: HumanData) -> RenderedSection:
        experiment, landmarks = data.experiment, data.options.landmarks
        sides = {
            image: aoi.face_areas(landmarks[image], shape)
            for image, shape in experiment.shapes.items()
            if image in landmarks
        }
        joined = {image: each.both_sides() for image, each in sides.items()}
        table = _area_table(data, joined, sides)
        wide = table[table["measure"] == experiment.point_name].pivot(
            index="expression", columns="area", values="share"
        )
        shown = (100 * wide[[name for name in aoi.NAMES if name in wide]]).round(1).reset_index()
        note = f"Percent of the {experiment.point_name}; left and right as seen by the viewer."
        what = "The dash is the share of the picture that an area covers, which random points would give."
        drawn = attention_figures.areas(table, experiment.simulated)
        every = wide.loc["all"].dropna() if "all" in wide.index else wide.iloc[0].dropna()
        alt = "Over all pictures: " + ", ".join(f"{name} {share:.0%}" for name, share in every.items())
        figures = [data.figure("areas", "By area", what, drawn, alt)]
        tables = {"areas": table}
        if experiment.yields != "tracks":
            tables["transitions"] = moved = aoi.transitions(experiment.points, joined)
            drawn = attention_figures.transitions(moved, experiment.point_name, experiment.simulated)
            what = f"Where the next of the {experiment.point_name} falls, by the area of the one before."
            figures.append(data.figure("transitions", "From area to area", what, drawn))
        return RenderedSection(figures, [head_of_frame("Share of each area", note, shown)], csv_tables=tables)


def _area_table(data: HumanData, joined: dict[str, aoi.Areas], sides: dict[str, aoi.Areas]) -> pd.DataFrame:
    """Shares of points, of time and of maps, on joined areas and on left and right ones apart."""
    experiment, expressions = data.experiment, data.expressions(sides)
    time = next((name for name in ("duration", "dwell") if name in experiment.points), None)
    parts = []
    for areas in (joined, sides):
        parts.append(aoi.point_shares(experiment.points, areas, expressions, measure=experiment.point_name))
        if time:
            parts.append(aoi.point_shares(experiment.points, areas, expressions, weights=time, measure="time"))
    maps = {each.image: each.map for each in data.maps[0] if each.image in sides and not each.reason}
    parts.append(aoi.map_shares(maps, joined, expressions))
    table = pd.concat(parts, ignore_index=True).drop_duplicates(["expression", "area", "measure"])
    table = table.reset_index(drop=True)
    if set(expressions.values()) == {UNNAMED}:
        table = table[table["expression"] == "all"].reset_index(drop=True)
    return table


@HUMAN_SECTIONS.register("people_needed")
class PeopleNeeded(BaseSection[HumanData]):
    """How agreement grows with the number of people."""

    title = "Agreement by number of people"
    order = 100

    def applies(self, data: HumanData) -> bool:
        return bool(data.experiment.shapes) and data.experiment.points["participant"].nunique() >= 4

    def build(self, data: HumanData) -> RenderedSection:
        experiment = data.experiment
        shapes = dict(list(experiment.shapes.items())[:_GROWTH_PICTURES])
        points = data.few_points[data.few_points["image"].astype(str).isin(shapes)]
        table = agreement_curve(points, None, shapes, data.sigma, draws=_GROWTH_DRAWS, seed=data.options.seed)
        if len(table) < 2:
            return RenderedSection()
        pictures = int(table["n_images"].max())
        subtitle = f"Maps of so many people against those of all the others; mean of {pictures} pictures"
        drawn = attention_figures.growth(
            table.assign(curve=experiment.point_name), self.title, subtitle, experiment.simulated
        )
        what = "Where the curve is flat, more people would hardly change the maps."
        alt = "Pearson's r: " + ", ".join(f"{row.people} people {row.value:.2f}" for row in table.itertuples())
        return RenderedSection([data.figure("growth", "Agreement", what, drawn, alt)], csv_tables={"growth": table})


@HUMAN_SECTIONS.register("kernel")
class Kernel(BaseSection[HumanData]):
    """The width of the kernel that predicts people best."""

    title = "Fitted kernel"
    order = 110

    def applies(self, data: HumanData) -> bool:
        return data.options.fit_kernel and data.options.maps.kernel != "disc" and bool(data.experiment.shapes)

    def build(self, data: HumanData) -> RenderedSection:
        shapes, points, sigma = data.experiment.shapes, data.few_points, data.sigma
        priors = face_priors(points, shapes, data.options.landmarks, sigma / 2)
        fit = fit_kernel(points, shapes, sigma, priors or None, seed=data.options.seed)
        table = pd.DataFrame([{**vars(fit), "gain": fit.gain}])
        note = (
            "The width of the kernel, and the shares of a uniform map and of a prior (where people look on the other "
            "faces), that predict left-out people best. Bits are relative to a uniform map. The maps on this page "
            "use the fixed width."
        )
        return RenderedSection(tables=[head_of_frame(self.title, note, table)], csv_tables={"kernel": table})


@HUMAN_SECTIONS.register("scanpaths")
class Scanpaths(BaseSection[HumanData]):
    """Scanpaths compared by MultiMatch."""

    title = "Scanpaths compared by MultiMatch"
    order = 120

    def applies(self, data: HumanData) -> bool:
        experiment = data.experiment
        return data.options.scanpaths and experiment.point_name == "fixations" and bool(experiment.shapes)

    def build(self, data: HumanData) -> RenderedSection:
        table = scanpaths.multimatch(data.experiment.points, data.experiment.shapes, seed=data.options.seed)
        mean = table[list(scanpaths.MEASURES)].mean().to_frame().T
        note = "Similarity of two people's scanpaths, 0 to 1, mean over pictures."
        return RenderedSection(tables=[head_of_frame("Scanpaths", note, mean)], csv_tables={"scanpaths": table})
