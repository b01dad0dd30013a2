"""Methods and results: every number stands where the comment says, and no claim goes beyond the tables."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest

from xai_compare.errors import InputError
from xai_compare.report import LabelledSource, ReportData
from xai_compare.report.manuscript import bibliography
from xai_compare.report.manuscript.results import results
from xai_compare.report.manuscript.sentences import Facts, apa, apa_p, latex, markdown
from xai_compare.report.manuscript.text import as_latex, as_markdown

COLUMNS = ("metric", "a", "b", "expression", "fold", "value", "n", "ci_low", "ci_high", "note", "floor", "floor_kind")
COLUMNS = (*COLUMNS, "ceiling_low", "ceiling_high", "p", "p_adjusted")
NAN = float("nan")
CLICKS = LabelledSource("human/clicks", "human", "clicks", simulated=True)


def _row(a: str, value: float, floor: float, low: float, n: int = 40) -> tuple:
    interval = (low, 2 * value - low)
    return (
        "pearson",
        a,
        "human/clicks",
        "all",
        "all",
        value,
        n,
        *interval,
        "",
        floor,
        "prior",
        0.9,
        0.97,
        0.002,
        0.004,
    )


def _given(rows: list[tuple], people: bool = True) -> tuple[Facts, ReportData]:
    scores = pd.DataFrame(rows, columns=list(COLUMNS))
    sources = tuple(LabelledSource(name, "model", name.split("/")[0], "lime") for name in ("one/lime", "two/lime"))
    sources += (CLICKS,) if people else ()
    maps = {(source.name, "fear"): np.eye(4) for source in sources}
    data = ReportData("t", sources, maps, scores, pd.DataFrame())
    tables = {"scores": scores}
    return Facts(lambda name: tables.get(name, pd.DataFrame()), {"versions": {"python": "3.11"}}), data


def test_every_number_is_at_the_named_row() -> None:
    facts, data = _given([_row("one/lime", 0.523, 0.611, 0.41), _row("two/lime", 0.734, 0.612, 0.655)])
    sentences = results(facts, data)
    assert len(sentences) == 2
    for sentence in sentences:
        there = set()
        for source in sentence.sources:
            row, column = re.fullmatch(r"tables/scores\.csv row (\d+) (\w+)", source).groups()
            value = facts.table("scores").loc[int(row) - 1, column]
            there |= {apa(value), apa_p(value).split()[-1], f"{value:g}"}
        numbers = re.findall(r"(?<![\w.])\d*\.?\d+(?![\d%])(?!\w)", sentence.text.replace("95% CI", ""))
        assert numbers
        assert set(numbers) <= there


def test_the_floor_is_in_the_sentence() -> None:
    rows = [_row("one/lime", 0.52, 0.61, 0.41), _row("two/lime", 0.73, 0.61, 0.65)]
    below, above = (sentence.text for sentence in results(*_given(rows)))
    assert "below its own floor of .61 (a blob over the face)" in below
    assert "above its floor" in above
    assert "simulated people (clicks)" in above
    (touching,) = results(*_given([_row("one/lime", 0.65, 0.61, 0.55)]))
    assert "not shown to be above its floor" in touching.text


def test_few_pictures_and_undefined_scores() -> None:
    rows = [_row("one/lime", 0.5, 0.6, NAN, n=1), _row("two/lime", NAN, 0.6, NAN)]
    first, second = (sentence.text for sentence in results(*_given(rows)))
    assert "r is undefined" in first
    assert second == "Not interpreted is one (LIME): fewer than three pictures."


def test_without_people_nothing_is_said_of_them() -> None:
    assert results(*_given([_row("one/lime", 0.5, 0.6, 0.4)], people=False)) == []


def test_without_scores() -> None:
    with pytest.raises(InputError, match="no scores"):
        as_markdown(*_given([]))


def test_both_forms_hold_the_table_and_its_rows() -> None:
    facts, data = _given([_row("one/lime", 0.52, 0.61, 0.41)])
    text = as_markdown(facts, data)
    assert text.count("<!-- tables/scores.csv row 1 -->") == 1
    assert "| one (LIME) | simulated clicks | r | all | 40 | .52 |" in text
    tex, entries = as_latex(facts, data)
    assert "% tables/scores.csv row 1 value" in tex
    assert r"\begin{longtable}" in tex
    cited = set(re.findall(r"\\citep\{(\w+)\}", tex))
    assert cited
    assert all(f"{{{key}," in entries for key in cited)


@pytest.mark.parametrize("key", sorted({*bibliography.EXPLAINERS.values(), *bibliography.FORMATS.values()}))
def test_every_paper_has_an_entry(key: str) -> None:
    entry = bibliography.bibtex([key])
    assert entry.count("{") == entry.count("}")
    assert all(f"  {name} = " in entry for name in ("author", "title", "year"))


def test_letters_that_a_form_reads_otherwise() -> None:
    assert latex("50% of a_b {@holm_1979} p < .05") == r"50\% of a\_b \citep{holm_1979} p $<$ .05"
    assert markdown("a_b {@holm_1979}") == r"a\_b [@holm_1979]"
