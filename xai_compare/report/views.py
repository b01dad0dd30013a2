"""How a run shows itself in a notebook: a summary as HTML, and its figures by the name of their section.

`Run._repr_html_` and `Run.plot` find both here by name, for a run knows nothing of the report.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from html import escape
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from xai_compare.analysis.scores.tables import headline
from xai_compare.errors import InputError
from xai_compare.registry import VIEWS
from xai_compare.report.data import ALL, from_run
from xai_compare.report.figure_files import png_of
from xai_compare.report.section import SECTIONS
from xai_compare.report.study_summary import question
from xai_compare.report.style import FigureSpec, styled


class Gallery(list[Figure]):
    """Figures of a section; a notebook shows them under one another with their captions."""

    def __init__(self, pictures: list[FigureSpec]) -> None:
        super().__init__(picture.figure for picture in pictures)
        self.pictures = pictures

    def _repr_html_(self) -> str:
        parts = []
        for one in self.pictures:
            content = base64.b64encode(png_of(one.figure)).decode("ascii")
            caption = f"<b>{escape(one.title)}.</b> {escape(one.what)} <i>How to read it.</i> {escape(one.how)}"
            image = f'<img style="max-width: 100%" alt="{escape(one.title)}" src="data:image/png;base64,{content}">'
            parts.append(f'{image}<p style="max-width: 60em">{caption}</p>')
        return "".join(parts)


@VIEWS.register("plot")
class Plots:
    """The figures of a run: ``run.plot.heatmaps()``, ``run.plot.dendrograms()``, ... as in its report.

    Every method takes nothing and returns a list of matplotlib figures, which a notebook shows at once.
    ``dir(run.plot)`` names the methods, one for each section of the report.
    """

    def __init__(self, run: Any) -> None:
        self._run = run

    def __dir__(self) -> list[str]:
        return sorted(SECTIONS.names())

    def __getattr__(self, name: str) -> Callable[[], Gallery]:
        if name.startswith("_") or name not in SECTIONS:
            raise AttributeError(f"no figure {name!r}; there are {', '.join(sorted(SECTIONS.names()))}")

        def draw() -> Gallery:
            data, section = from_run(self._run), SECTIONS.get(name)()
            if not section.applies(data):
                raise InputError(f"the run has nothing to draw for {name!r}", where=self._run.dir)
            with styled():
                return Gallery(list(section.figures(data)))

        draw.__doc__ = f"{SECTIONS.get(name).title}: {SECTIONS.get(name).lead}"
        return draw


@VIEWS.register("explore")
def explore(run: Any, *, with_pictures: bool = False) -> Path:
    """The run's page to explore."""
    from xai_compare.report.explore import build

    return build(run, with_pictures=with_pictures)


@VIEWS.register("figures")
def figures(run: Any) -> list[str]:
    """The names of a run's figures."""
    from xai_compare.report.manuscript import figures as printed

    return printed.names(from_run(run))


@VIEWS.register("figure")
def figure(run: Any, name: str, *, sources: Any, expressions: Any, width_mm: float, style: Any) -> Figure:
    """One figure of a run at its printed size."""
    from xai_compare.report.manuscript import figures as printed

    data = printed.chosen(from_run(run), sources, expressions)
    drawn = list(printed.draw(data, [name], width_mm=width_mm, style=style))
    if len(drawn) > 1:
        hint = f"name one ({', '.join(one.name for one in drawn)}), or name sources, which share one figure"
        raise InputError(f"{name!r} is {len(drawn)} figures", where=run.dir, hint=hint)
    return drawn[0].figure


@VIEWS.register("html")
def summary(run: Any) -> str:
    """A run in short, as HTML: what was asked, the main scores, and where the report is."""
    title = f"<b>{escape(str(run.study.name))}</b>"
    if not (run.dir / "heatmaps.zarr").exists():
        return (
            f"<p>{title}: not finished; <code>xai_compare.runs.run</code> goes on with it. {escape(str(run.dir))}</p>"
        )
    data = from_run(run)
    kinds = {source.name: source.kind for source in data.sources}
    table = headline(run.scores, kinds)
    names = {source.name: source.label + (" (simulated)" if source.simulated else "") for source in data.sources}
    table.index = [names.get(name, name) for name in table.index]
    table.index.name = "source"
    images = sum(number for (_, expression), number in data.counts.items() if expression == ALL)
    lines = [
        f"<p>{title}. {escape(question(data))}</p>",
        table.to_html(float_format=lambda value: f"{value:.3f}", na_rep="–", border=0) if len(table) else "",
        f"<p>Means over expressions; {len(data.sources)} sources, {images:,} maps, {len(run.skipped)} images "
        "skipped. Figures: <code>run.plot.heatmaps()</code>. "
        f"Report: <code>{escape(str(run.dir / 'report.html'))}</code></p>",
    ]
    return "".join(lines)
