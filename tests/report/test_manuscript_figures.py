"""Figures for print: their width, their smallest letter, their fonts, their captions."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from matplotlib.text import Text

from xai_compare.errors import InputError
from xai_compare.report import LabelledSource, ReportData
from xai_compare.report.manuscript import figures
from xai_compare.report.manuscript.layout import COLUMNS, SMALLEST

EXPRESSIONS = ("anger", "fear", "happiness")
SCORES = ["metric", "a", "b", "expression", "fold", "value", "n", "ci_low", "ci_high", "note"]


@pytest.fixture
def data() -> ReportData:
    rng = np.random.default_rng(0)
    sources = (
        LabelledSource("one/lime", "model", "one", "lime"),
        LabelledSource("two/lime", "model", "two", "lime"),
        LabelledSource("human/clicks", "human", "clicks", simulated=True),
    )
    maps = {(source.name, name): rng.random((55, 45)) for source in sources for name in EXPRESSIONS}
    masks = {name: rng.random((55, 45)) > 0.7 for name in EXPRESSIONS}
    scores = pd.DataFrame(columns=SCORES)
    return ReportData("t", sources, maps, scores, pd.DataFrame(), dict.fromkeys(maps, 4), masks)


@pytest.mark.parametrize("columns", [1, 2])
def test_width_and_letters(data: ReportData, columns: int) -> None:
    drawn = list(figures.draw(data, width_mm=COLUMNS[columns]))
    assert [one.name for one in drawn] == figures.names(data)
    for one in drawn:
        assert one.figure.get_size_inches()[0] * 25.4 == pytest.approx(COLUMNS[columns], abs=1e-9)
        sizes = [text.get_fontsize() for text in one.figure.findobj(Text) if text.get_text().strip()]
        assert min(sizes) >= SMALLEST


def test_pdf_says_its_width_and_embeds_truetype(data: ReportData, tmp_path) -> None:
    (printed,) = figures.draw(data, ["heatmaps"], width_mm=85)
    (path,) = figures.write(printed, tmp_path, ["pdf"], 85)
    content = path.read_bytes()
    assert b"/FontFile2" in content
    assert b"/Type3" not in content
    width = float(re.search(rb"/MediaBox \[ ?0 0 ([0-9.]+)", content).group(1))
    assert width == pytest.approx(85 / 25.4 * 72, abs=0.01)
    caption = (tmp_path / "heatmaps.txt").read_text()
    assert "n = 4 pictures" in caption
    assert "Simulated data, of no real person: People: clicks." in caption


def test_what_is_chosen_shares_one_figure(data: ReportData) -> None:
    some = figures.chosen(data, ["clicks", "t*/lime"], ["happy", "fear"])
    assert [source.name for source in some.sources] == ["human/clicks", "two/lime"]
    assert some.expressions == ("fear", "happiness")
    assert [len(group.sources) for group in some.groups("human")] == [2]


@pytest.mark.parametrize(
    ("ask", "hint"),
    [
        (lambda data: list(figures.draw(data, ["heatmap"])), "did you mean 'heatmaps'"),
        (lambda data: figures.chosen(data, ["one/lima"]), "did you mean 'one/lime'"),
        (lambda data: figures.chosen(data, expressions=["disgust"]), "there are anger, fear, happiness"),
        (lambda data: list(figures.draw(data, width_mm=8.5)), "a column has 85"),
        (lambda data: list(figures.draw(data, style="grayscal")), "did you mean 'grayscale'"),
    ],
    ids=["figure", "source", "expression", "width", "style"],
)
def test_what_is_not_there(data: ReportData, ask, hint: str) -> None:
    with pytest.raises(InputError) as error:
        ask(data)
    assert hint in str(error.value)


def test_the_page_is_laid_out_as_before(data: ReportData) -> None:
    from xai_compare.report.sections.heatmaps import Heatmaps
    from xai_compare.report.style import styled

    with styled():
        (page,) = Heatmaps().figures(data)
    before = page.figure.get_size_inches().copy()
    list(figures.draw(data, ["heatmaps"], width_mm=85))
    with styled():
        (again,) = Heatmaps().figures(data)
    np.testing.assert_array_equal(before, again.figure.get_size_inches())
    assert any("Where each source attends" in text.get_text() for text in again.figure.texts)
