"""What the explainers say of single pictures, one of each expression."""

from __future__ import annotations

from xai_compare.report import style
from xai_compare.report.data import ReportData, pretty
from xai_compare.report.examples import Example
from xai_compare.report.image_grid import ImageGrid
from xai_compare.report.map_colours import is_signed
from xai_compare.report.section import SECTIONS, Section
from xai_compare.report.style import FigureSpec


@SECTIONS.register("examples")
class Examples(Section):
    """A grid for each of the first two networks: pictures, and the map of each explainer over them."""

    title = "Single pictures"
    lead = (
        "Mean maps hide how much single maps differ. These are the first pictures of each expression in the study's "
        "random order; they were not picked by hand."
    )
    order = 22

    def applies(self, data: ReportData) -> bool:
        return bool(data.examples)

    def figures(self, data: ReportData) -> list[FigureSpec]:
        networks = dict.fromkeys(one.network for one in data.examples)
        return [_sheet(name, [one for one in data.examples if one.network == name], data.controls) for name in networks]


def _sheet(network: str, examples: list[Example], controls: set[str]) -> FigureSpec:
    explainers = list(dict.fromkeys(name for one in examples for name in one.maps))
    kinds = {is_signed(values) for one in examples for values in one.maps.values()} or {False}
    names = [style.plain(pretty(name), 48) + (" (control)" if name in controls else "") for name in explainers]
    height, width = examples[0].face.shape[:2]
    simulated = any(one.simulated for one in examples)
    grid = ImageGrid(
        f"What the explainers say of single pictures: {style.plain(network, 44)}",
        "One picture of each expression on the standard face, and every explainer's map of it",
        [(one.group.capitalize(), _answer(one)) for one in examples],
        ["Picture", *names],
        aspect=height / width,
        foot=False,
        simulated=simulated,
        keys=len(kinds),
    )
    grid.colour_bars(kinds)
    for row, one in enumerate(examples):
        grid.picture(row, 0, one.face)
        for column, name in enumerate(explainers, start=1):
            if name in one.maps:
                grid.over(row, column, one.face, one.maps[name])
            else:
                grid.empty(row, column, "no map")
    return FigureSpec(
        name=f"examples_{style.slug(network)}",
        title=f"Single pictures: {network}",
        what="A picture of each expression, moved onto the standard face, and the maps of the explainers laid over it. "
        "Under the expression stand the picture's label and what the network answered.",
        how="Where explainers disagree about a picture, at least one of them is wrong about the network. The map of a "
        "wrong answer shows what misled the network, not how it recognises the expression.",
        figure=grid.finish(),
        raster=True,
        simulated=simulated,
        fold=network,
        alt="Pictures: " + "; ".join(_answer(one).replace("\n", " ") for one in examples) + ".",
    )


def _answer(one: Example) -> str:
    labelled = f"labelled {one.label}" if one.label else "no label"
    answered = f"answered {one.predicted}" if one.predicted else "no answer known"
    return "\n".join((f"{labelled},", answered, *(["simulated"] if one.simulated else [])))
