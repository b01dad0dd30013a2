"""No sentence of the report claims more than was computed: every template, with runs that would make it false."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pandas as pd
import pytest
from claims_fakes import CHANGES, Tables, whole

from xai_compare import report
from xai_compare.human.data_quality import _reliability
from xai_compare.human.experiment_maps import MapClassification
from xai_compare.report import SECTIONS
from xai_compare.report.data import ReportData
from xai_compare.report.glance import three_sentences
from xai_compare.report.human.sections.attention import _told_apart
from xai_compare.report.style import styled
from xai_compare.report.table import Table

NEVER = re.compile(r"\bnan\b|\binf\b|\bNone\b|  |\b0 of (0|no)\b|\b(1|one) (pictures|tests|sources|scores|networks)\b")
"""What no sentence may hold, whatever the run."""
QUICK = ("everything significant", "two pictures", "undefined everywhere", "no people")
"""The others take as long together as all other tests of the report."""
FORBIDDEN = {
    "nothing significant": r"larger than their margins|, the maps fit the mask|(?<!not shown that this) fit is specific"
    r"|is shown in [1-9]|than random maps, and|\b[1-9]\d* of \w+ tests? against",
    "no picture": r"[Hh]ighest|within error|at best|labelled expression in \d|agrees best",
    "one picture": r"[Hh]ighest|within error|at best|labelled expression in \d|agrees best",
    "two pictures": r"[Hh]ighest|within error|at best|labelled expression in \d|agrees best",
    "one source": r"[Hh]ighest|within error|at best|The networks|[^e]s answer fades soonest",
    "one network": r"two networks|the networks’|two seen",
    "one person": r"very many such people \(|Very many such people:|no map can",
    "ties": r"has the highest|the lowest|agrees best|attends most like|finds the region best",
    "above the ceiling": r"no map can|is possible|lies (below|between) these|perfect model",
    "worse than chance": r"(?<!no )attends more|above a map|fades soon|expression in [1-9]|, higher than a blob",
    "undefined everywhere": r"[Hh]ighest|at best|significantly better|attends more|is shown in [1-9]",
    "no nulls": r"attends more|ignores the expression score|specific to the expression|above a map|below a map",
    "no people": r"people \(|People against|with people|ceiling",
    "people only": r"network (attends|looks)|explainers’ maps|networks’ answer|Accuracy of",
    "one group of people": r"People against people|correlate",
    "no masks": r"IoU|Ekman",
    "some untested": r"all others are larger",
    "all untested": r"within error|margins of error",
    "two sources tie": r"^(one|two) seen through CAM has the highest|agrees best",
    "no tables": r"within error|margins of error|significant|attends more|Accuracy",
    "the same pictures": r"are of different pictures",
}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[ReportData, Tables]:
    return whole(tmp_path_factory.mktemp("claims"))


@pytest.fixture(scope="module")
def every(made: tuple[ReportData, Tables]) -> str:
    """All sentences of all runs."""
    return "\n".join(text for change in CHANGES.values() for text in texts(change(*made)))


def texts(data: ReportData) -> list[str]:
    """Every sentence of a page but the words of figures, and the text of tables."""
    found = three_sentences(data)
    for name in sorted(SECTIONS.names()):
        section = SECTIONS.get(name)()
        if not section.applies(data):
            continue
        found += [*section.findings(data), *section.notices(data)]
        found += [text for one in section.headlines(data) for text in (one.label, one.beside, one.sentence)]
        found += [text for table in section.tables(data) for text in _words(table.without_empty())]
    return [text for text in found if text]


def _words(table: Table) -> Iterator[str]:
    yield from (table.title, table.note)
    yield from (cell.text for row in table.rows for cell in row)
    yield from table.columns


@pytest.mark.parametrize("name", [n if n in QUICK else pytest.param(n, marks=pytest.mark.slow) for n in CHANGES])
def test_no_sentence_claims_more_than_was_computed(made: tuple[ReportData, Tables], name: str) -> None:
    said = texts(CHANGES[name](*made))
    assert all(said[:3])
    wrong = [text for text in said if NEVER.search(text) or (name in FORBIDDEN and re.search(FORBIDDEN[name], text))]
    assert wrong == []


@pytest.mark.slow
def test_what_is_forbidden_to_one_run_another_says(every: str) -> None:
    for claim in ("larger than their margins", "the maps fit the mask", "attends more", "The highest mean", "soonest"):
        assert claim in every


def _templates() -> Iterator[str]:
    """The literal pieces of four words or more of every string in the functions that make the report's sentences."""
    room = Path(report.__file__).parent
    for file in (*sorted((room / "sections").glob("*.py")), room / "glance.py", room / "ranking.py"):
        for function in ast.walk(ast.parse(file.read_text())):
            if not isinstance(function, ast.FunctionDef) or function.name.startswith(_OF_FIGURES):
                continue
            docstring = ast.get_docstring(function, clean=False)
            drawn = any(isinstance(n, ast.Call) and getattr(n.func, "id", "") in _DRAWING for n in ast.walk(function))
            for node in () if drawn else ast.walk(function):
                if isinstance(node, ast.Constant) and isinstance(node.value, str) and node.value != docstring:
                    piece = node.value.strip()
                    if len(re.findall(r"[A-Za-z]{2,}", piece)) >= 4 and piece.isprintable():
                        yield piece


_OF_FIGURES = ("figures", "_figure", "_box", "how_to_read", "_told", "where_most")
_DRAWING = {"FigureSpec", "ImageGrid", "row_axes"}


@pytest.mark.slow
def test_every_template_is_walked(every: str) -> None:
    missing = [piece for piece in dict.fromkeys(_templates()) if piece not in every]
    assert missing == []


@pytest.mark.parametrize(
    ("people", "half", "level", "words"),
    [
        pytest.param(3, 0.95, "care", "of so few people this says little", id="three people"),
        pytest.param(3, 0.1, "bad", "of so few people this says little", id="three who do not agree"),
        pytest.param(12, 0.95, "good", "agree well", id="twelve people"),
        pytest.param(12, float("nan"), "care", "could not be computed", id="undefined"),
    ],
)
def test_agreement_of_few_people_is_not_praised(people: int, half: float, level: str, words: str) -> None:
    note = _reliability(pd.DataFrame({"n_participants": [people] * 3, "half": [half] * 3}))
    assert note.level == level
    assert words in note.line


@pytest.mark.parametrize(
    ("accuracy", "p", "start"),
    [
        pytest.param(0.6, 0.001, "The maps differ between expressions", id="significant"),
        pytest.param(0.6, 0.3, "It is not shown that the maps differ", id="not significant"),
        pytest.param(0.1, 0.001, "It is not shown that the maps differ", id="below chance"),
        pytest.param(float("nan"), float("nan"), "Whether the maps differ", id="undefined"),
    ],
)
def test_maps_differ_where_it_is_shown(accuracy: float, p: float, start: str) -> None:
    assert _told_apart(MapClassification(accuracy, 0.25, p, 20, pd.DataFrame())).startswith(start)


@pytest.mark.slow
def test_every_figure_can_be_drawn_of_every_run(made: tuple[ReportData, Tables]) -> None:
    for name in ("everything significant", "undefined everywhere", "people only", "one source"):
        data = CHANGES[name](*made)
        for section in (SECTIONS.get(each)() for each in SECTIONS.names()):
            if section.applies(data):
                with styled():
                    words = [text for one in section.figures(data) for text in (one.title, one.what, one.how, one.alt)]
                assert [text for text in words if NEVER.search(text)] == []
