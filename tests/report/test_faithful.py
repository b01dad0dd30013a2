"""The report's words and figures about the maps themselves."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from report_fakes import NASTY, FakeRun, make_run

from xai_compare import report
from xai_compare.report import SECTIONS, ReportData
from xai_compare.report.data import from_run

FAITHFULNESS, REPEATABLE = SECTIONS.get("faithfulness")(), SECTIONS.get("repeatable")()


@pytest.fixture(scope="module")
def data(small_run: FakeRun) -> ReportData:
    return from_run(small_run)


def test_the_sections_stand_on_the_page(built: Path) -> None:
    page = built.read_text("utf-8")
    for text in ("Are the maps faithful to the network?", "Would a second run give the same maps?", "random maps"):
        assert text in page
    assert NASTY not in page
    assert (built.parent / "figures" / "faithfulness_resnet18.svg").is_file()


def test_better_than_random_is_bold_and_worse_is_marked(data: ReportData) -> None:
    short, full = FAITHFULNESS.tables(data)
    rows = {row[0].text: row for row in short.rows}
    good, bad = rows["resnet18 · Grad-CAM"], rows["resnet18 · LIME"]
    assert good[1].text == "0.30 | 0.50"
    assert all(cell.strong for cell in good[1:])
    assert not any(cell.strong for cell in bad[1:])
    assert bad[1].text == "0.70 | 0.50 ×"
    assert len(full.rows) == len(data.table("faithfulness"))
    assert full.folded


def test_sentences_say_who_beats_chance(data: ReportData) -> None:
    fastest, balance = FAITHFULNESS.findings(data)
    assert "Grad-CAM" in fastest
    assert "along the way is 0.30, against 0.50" in fastest
    # Parameter randomization is no test of one picture against another: it is left out of the count.
    assert balance.startswith("In 10 of 20 tests")
    assert "LIME on mini_xception, LIME on resnet18" in balance


def test_one_figure_a_network_and_its_curves_are_named(data: ReportData) -> None:
    pictures = FAITHFULNESS.figures(data)
    assert [one.name for one in pictures] == ["faithfulness_mini_xception", "faithfulness_resnet18"]
    for axes in pictures[0].figure.axes:
        texts = " ".join(text.get_text() for text in axes.get_legend().get_texts())
        assert all(name in texts for name in ("LIME", "Grad-CAM", "random map"))
        assert axes.get_xlabel()


def test_every_curve_has_its_own_look_and_its_area_in_the_legend(data: ReportData) -> None:
    curves = data.table("faithfulness_curves")
    for axes in FAITHFULNESS.figures(data)[0].figure.axes:
        looks = {(line.get_color(), line.get_linestyle()) for line in axes.lines}
        assert len(looks) == len(axes.lines) == 3
        assert all(re.search(r" \d\.\d\d$", str(line.get_label())) for line in axes.lines)
    shares = curves[(curves["model"] == "mini_xception") & (curves["curve"] == "deletion")]["share"].unique()
    chance = np.trapezoid(1 - shares, shares)
    assert f"random map {chance:.2f}" in str(FAITHFULNESS.figures(data)[0].figure.axes[0].lines[0].get_label())


def test_repeatability_names_the_worst_pictures(data: ReportData) -> None:
    (listing,) = REPEATABLE.tables(data)
    lime = (each := data.table("maps"))[each["source"] == "resnet18/lime"].sort_values("repeatability")
    row = next(row for row in listing.rows if row[0].text == "resnet18 · LIME")
    assert row[3].text == f"{lime['repeatability'].median():.3f}"
    assert row[4].text == f"{lime['repeatability'].iloc[0]:.3f}"
    assert "LIME" in REPEATABLE.findings(data)[0]
    assert len(REPEATABLE.figures(data)) == 1
    settled = replace(data, read=lambda name: data.table(name).assign(repeatability=0.99))
    assert "none of them below 0.9" in REPEATABLE.findings(settled)[0]


def test_nothing_asked_nothing_shown(data: ReportData, tmp_path: Path) -> None:
    bare = replace(data, read=lambda name: pd.DataFrame())
    assert not FAITHFULNESS.applies(bare)
    assert not REPEATABLE.applies(bare)
    run = make_run(tmp_path, ["one"], ["cam"], [], known=False, expressions=("anger",))
    page = report.build(run).read_text("utf-8")
    assert "faithful to the network" not in page
    assert "RISE" not in page
