"""A section of another package: one file, found by its entry point, read from any table of the run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from report_fakes import NASTY, FakeRun

from xai_compare import registry, report
from xai_compare.report import SECTIONS, section
from xai_compare.report.data import LabelledSource, ReportData, from_run
from xai_compare.report.ranking import ranking_sentence
from xai_compare.report.section import render_sections

BLINKS = """
from xai_compare.report import SECTIONS, Cell, Headline, Table, ReportData, FigureSpec, Section, style


@SECTIONS.register("blinks")
class Blinks(Section):
    title = "How often people blink"
    lead = "Blinks counted by hand."
    order = 75
    papers = ("A. Blinker (2026). On blinking.",)

    def applies(self, data: ReportData) -> bool:
        return not data.table("blinks").empty

    def figures(self, data):
        figure = style.new_figure(6.4, 3)
        style.heading(figure, "Blinks", "per minute")
        figure.add_axes((0.1, 0.2, 0.8, 0.5)).bar(range(2), data.table("blinks")["rate"])
        return [FigureSpec("known_regions", "Blinks", "Blinks per minute.", "Higher is more.", figure, raster=False)]

    def tables(self, data):
        table = data.table("blinks")
        rows = [[Cell(str(person)), Cell(f"{rate:.1f}")] for person, rate in zip(table["person"], table["rate"])]
        return [Table("Blinks", ["person", "rate"], rows, [1])]

    def csv_tables(self, data):
        return {"blinks_by_person": data.table("blinks")}

    def findings(self, data):
        return ["People blink."]

    def headlines(self, data):
        return [Headline("17.5", "Blinks a minute", "People blink 17.5 times a minute.")]
"""


@pytest.fixture
def plug_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str, str], None]]:
    """Install a package of one module with a section, for this test only."""
    site = tmp_path / "site"
    site.mkdir()
    monkeypatch.syspath_prepend(site)
    # Three sections of our own are enough to stand beside, and drawn in a moment.
    monkeypatch.setattr(SECTIONS, "_things", {name: SECTIONS.get(name) for name in ("iou", "pairs", "known")})
    monkeypatch.setattr(SECTIONS, "_filled", True)
    monkeypatch.setattr(SECTIONS, "broken", {})

    def install(name: str, source: str) -> None:
        (site / f"toy_{name}.py").write_text(source)
        points = [
            registry.EntryPoint(path.stem.removeprefix("toy_"), f"{path.stem}:{_class(path)}", "xai_compare.sections")
            for path in site.glob("toy_*.py")
        ]
        monkeypatch.setattr(registry, "entry_points", lambda group: points if group == "xai_compare.sections" else [])

    yield install
    for path in site.glob("toy_*.py"):
        sys.modules.pop(path.stem, None)


def _class(path: Path) -> str:
    return path.stem.removeprefix("toy_").capitalize()


@pytest.fixture
def run(small_run: FakeRun, tmp_path: Path) -> FakeRun:
    table = pd.DataFrame({"person": ["anna", NASTY], "rate": [15.0, 20.0]})
    return replace(small_run, dir=tmp_path / "run", more={"blinks": table})


def test_a_section_is_one_file_and_an_entry_point(plug_in: Any, run: FakeRun) -> None:
    plug_in("blinks", BLINKS)
    page = report.build(run).read_text("utf-8")
    for text in ("How often people blink", "Blinks counted by hand", "People blink.", "17.5", "On blinking", "anna"):
        assert text in page, text
    assert page.index('id="pairs"') < page.index('id="known"') < page.index('id="blinks"')
    assert "<script" not in page
    assert "is left out:" not in page
    written = pd.read_csv(run.dir / "tables" / "blinks_by_person.csv")
    assert written["rate"].tolist() == [15.0, 20.0]
    # It asked for the name of a figure that is there already, and got another.
    assert (run.dir / "figures" / "known_regions-2.svg").is_file()


def test_a_section_without_what_it_needs_is_not_shown(plug_in: Any, run: FakeRun) -> None:
    plug_in("blinks", BLINKS)
    page = report.build(replace(run, more={})).read_text("utf-8")
    assert "blink" not in page
    assert not (run.dir / "tables" / "blinks_by_person.csv").exists()


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        pytest.param("import no_such_module", "ModuleNotFoundError", id="import"),
        pytest.param("Broken = 3", "is not a subclass of xai_compare.report.Section", id="no section"),
        pytest.param(
            "from xai_compare.report import Section\nclass Broken(Section):\n    pass", "has no title", id="no title"
        ),
        pytest.param(
            "from xai_compare.report import Section\nclass Broken(Section):\n    title = 'B'\n"
            "    def findings(self, data):\n        return [data.table('blinks')['none'].iloc[0]]",
            "KeyError",
            id="raises",
        ),
        pytest.param(
            "from xai_compare.report import Section\nclass Broken(Section):\n    title = 'B'\n"
            "    def findings(self, data):\n        return ['x']\n"
            "    def csv_tables(self, data):\n        return {'iou_table': data.scores}",
            "table 'iou_table.csv' is there already",
            id="overwrites",
        ),
        pytest.param(
            "from xai_compare.report import Section\nclass Broken(Section):\n    title = 'B'\n"
            "    def findings(self, data):\n        return ['x']\n"
            "    def csv_tables(self, data):\n        return {'../scores': data.scores}",
            "is not a file name",
            id="elsewhere",
        ),
        pytest.param(
            "from xai_compare.report import Section\nclass Broken(Section):\n    title = 'B'\n"
            "    def findings(self, data):\n        return ['x']\n"
            "    def csv_tables(self, data):\n        return {'scores': data.scores}",
            "is one of the run's own",
            id="overwrites the run",
        ),
    ],
)
def test_a_broken_plug_in_is_left_out_with_one_line(
    plug_in: Any, run: FakeRun, source: str, reason: str, caplog: pytest.LogCaptureFixture
) -> None:
    plug_in("broken", source)
    plug_in("blinks", BLINKS)
    page = report.build(run).read_text("utf-8")
    assert page.count("is left out:") == 1
    assert reason in page.replace("&#39;", "'")
    assert "How often people blink" in page
    (record,) = [one for one in caplog.records if "left out" in one.message]
    assert reason in record.message
    assert "\n" not in record.message


def test_a_fault_of_our_own_is_raised(small_run: FakeRun, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SECTIONS.get("known"), "figures", lambda self, data: [][0])
    with pytest.raises(IndexError):
        list(render_sections(from_run(small_run), []))


def test_every_section_says_what_it_is() -> None:
    known = SECTIONS.all()
    assert not SECTIONS.broken
    assert len({kind.order for kind in known.values()}) == len(known)
    for kind in known.values():
        assert kind.title
        assert kind.lead
        assert issubclass(kind, section.Section)


def test_only_what_is_used_is_cited(small_run: FakeRun, built: Path) -> None:
    page = built.read_text("utf-8")
    cited = page[page.index('id="cite"') :]
    assert [cited.count(name) for name in ("Gaya-Morey", "Wallraven", "Petsiuk", "Bruckert", "EMFACS")] == [1] * 5


@pytest.mark.parametrize("floors", [pytest.param(True, id="typed"), pytest.param(False, id="absent")])
def test_chance_is_a_column_and_may_be_absent(small_run: FakeRun, floors: bool) -> None:
    scores = small_run.scores if floors else small_run.scores.drop(columns=["floor", "floor_kind"])
    (picture,) = SECTIONS.get("known")().figures(from_run(replace(small_run, scores=scores)))
    texts = " ".join(text.get_text() for axes in picture.figure.axes for text in axes.texts)
    assert ("floor 0.50" in texts and "floor 0.08" in texts) == floors
    assert ("maps that ignore the picture" in picture.how) == floors


def test_chance_that_differs_is_drawn_beside_each_bar(small_run: FakeRun) -> None:
    scores = small_run.scores.copy()
    scores.loc[(scores["metric"] == "known_energy") & scores["a"].str.startswith("resnet18"), "floor"] = 0.37
    (picture,) = SECTIONS.get("known")().figures(from_run(replace(small_run, scores=scores)))
    assert "floor 0.08 to 0.37" in " ".join(text.get_text() for text in picture.figure.axes[1].texts)


def test_a_network_called_as_people_are_is_a_network(tmp_path: Path) -> None:
    from report_fakes import make_run

    run = make_run(tmp_path, ["human", "known"], ["cam"], ["clicks"], expressions=("anger",))
    data = from_run(run)
    assert [source.name for source in data.networks] == ["human/cam", "known/cam"]
    assert [source.name for source in data.of_kind("human")] == ["human/clicks"]
    assert "clicks" in report.build(run).read_text("utf-8")


def test_the_report_needs_no_network_library() -> None:
    code = "import sys, xai_compare.report; print([n for n in ('torch', 'captum', 'keras') if n in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout.strip() == "[]"


def _differences(p: float, low: float) -> pd.DataFrame:
    names = ["net/cam", "net/lime", "other/cam"]
    rows = [
        {"metric": "iou", "a1": a, "a2": b, "b": "ekman", "expression": "all", "ci_low": low, "ci_high": 0.3}
        | {"p": p, "p_adjusted": p}
        for i, a in enumerate(names)
        for b in names[i + 1 :]
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("p", "low", "said"),
    [
        pytest.param(
            0.001,
            0.1,
            "net seen through CAM comes nearest; its differences from all others are larger",
            id="apart",
        ),
        pytest.param(0.2, 0.1, "its differences from all other sources are within error", id="not significant"),
        pytest.param(0.001, -0.1, "its differences from all other sources are within error", id="interval holds 0"),
        pytest.param(float("nan"), 0.1, "whether they differ by more than chance was not tested", id="not tested"),
    ],
)
def test_nobody_is_ranked_whose_difference_holds_zero(p: float, low: float, said: str) -> None:
    sources = tuple(LabelledSource(name, "model", *name.split("/")) for name in ("net/cam", "net/lime", "other/cam"))
    tables = {"differences": _differences(p, low)}
    data = _empty(sources, lambda name: tables.get(name, pd.DataFrame()))
    assert said in ranking_sentence(data, "iou", "ekman", _ranks(sources), "comes nearest")


def test_only_what_was_tested_is_within_error() -> None:
    """A source that shares two pictures with the first is not said to differ from it within error."""
    sources = tuple(LabelledSource(name, "model", *name.split("/")) for name in ("net/cam", "net/lime", "other/cam"))
    ranks = _ranks(sources)
    table = _differences(0.2, -0.1).assign(n=30, note="")
    data = _empty(sources, lambda name: table if name == "differences" else pd.DataFrame())

    table.loc[1, ["n", "p", "p_adjusted"]] = 0, np.nan, np.nan
    assert ranking_sentence(data, "iou", "ekman", ranks, "comes nearest") == (
        "net seen through CAM has the highest mean, but its differences from net seen through LIME are within error. "
        "Its difference from other seen through CAM was not tested."
    )
    table[["p", "p_adjusted"]] = np.nan
    table["note"] = "the two sources share fewer than three images"
    assert ranking_sentence(data, "iou", "ekman", ranks, "comes nearest").endswith(
        "was not tested, because the two sources share fewer than three images."
    )


def test_equal_means_are_a_tie() -> None:
    sources = tuple(LabelledSource(name, "model", *name.split("/")) for name in ("net/cam", "net/lime", "other/cam"))
    ranks = [(source.name, mean) for source, mean in zip(sources, (0.5, 0.5, 0.2), strict=True)]
    data = _empty(sources, lambda name: pd.DataFrame())
    assert ranking_sentence(data, "iou", "ekman", ranks, "comes nearest").startswith(
        "net seen through CAM and net seen through LIME have the highest mean; "
    )
    same = [(name, 0.5) for name, _ in ranks]
    assert ranking_sentence(data, "iou", "ekman", same, "comes nearest") == "All sources have the same mean."


def _ranks(sources: tuple[LabelledSource, ...]) -> list[tuple[str, float]]:
    """Some means, highest first."""
    return [(source.name, 0.5 - 0.1 * place) for place, source in enumerate(sources)]


def _empty(sources: tuple[LabelledSource, ...], read: Callable[[str], pd.DataFrame]) -> ReportData:
    nothing = pd.DataFrame()
    return ReportData(title="t", sources=sources, maps={}, scores=nothing, merges=nothing, masks={}, read=read)
