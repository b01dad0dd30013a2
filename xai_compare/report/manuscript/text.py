"""Methods and results as Markdown or LaTeX, with a table for the supplement and the papers to cite."""

from __future__ import annotations

from typing import Any

import pandas as pd

from xai_compare.report.data import ReportData
from xai_compare.report.manuscript import bibliography
from xai_compare.report.manuscript.methods import methods
from xai_compare.report.manuscript.results import FLOORS, named, results, table_rows
from xai_compare.report.manuscript.sentences import Facts, Sentence, apa, apa_p, latex, markdown, needs_scores

_TITLES = ("Methods", "Results")
_METRICS = {"iou": "IoU", "dice": "Dice", "pearson": "r", "known_auc": "AUC"}
_COLUMNS = ("source", "against", "score", "expression", "n", "value", "95% CI", "floor", "ceiling", "p", "corrected p")


def paragraphs(facts: Facts, data: ReportData, where: Any = None) -> tuple[list[Sentence], list[Sentence]]:
    """The sentences of methods and of results.

    Raises:
        InputError: for a run without scores.
    """
    needs_scores(facts, where)
    simulated = {source.name for source in data.sources if source.simulated}
    return methods(facts, simulated), results(facts, data)


def as_markdown(facts: Facts, data: ReportData, where: Any = None) -> str:
    """Everything in one Markdown file; after each sentence a comment says where its numbers stand."""
    parts = []
    both = paragraphs(facts, data, where)
    for title, sentences in zip(_TITLES, both, strict=True):
        lines = [
            markdown(one.text) + (f" <!-- {'; '.join(one.sources)} -->" if one.sources else "") for one in sentences
        ]
        parts.append(f"## {title}\n\n" + "\n".join(lines))
    rows = ["| " + " | ".join([*map(markdown, cells)]) + f" <!-- {place} --> |" for cells, place in _table(facts, data)]
    heads = ["| " + " | ".join(_COLUMNS) + " |", "|" + " --- |" * len(_COLUMNS)]
    parts.append("## Table for the supplement\n\n" + "\n".join([*heads, *rows]))
    parts.append(f"## References\n\n```bibtex\n{bibliography.bibtex(_cited(both))}```")
    return "\n\n".join(parts) + "\n"


def as_latex(facts: Facts, data: ReportData, where: Any = None) -> tuple[str, str]:
    """The same as LaTeX, to be included in a document with natbib and longtable, and the BibTeX file."""
    parts = []
    both = paragraphs(facts, data, where)
    for title, sentences in zip(_TITLES, both, strict=True):
        lines = [latex(one.text) + "".join(f"\n% {place}" for place in one.sources) for one in sentences]
        parts.append(f"\\section*{{{title}}}\n" + "\n".join(lines))
    head = " & ".join(latex(name) for name in _COLUMNS) + r" \\"
    rows = [" & ".join(map(latex, cells)) + f" \\\\ % {place}" for cells, place in _table(facts, data)]
    begin = f"\\begin{{longtable}}{{{'l' * 4}{'r' * (len(_COLUMNS) - 4)}}}"
    parts.append("\n".join([begin, r"\hline", head, r"\hline", r"\endhead", *rows, r"\hline", r"\end{longtable}"]))
    return "\n\n".join(parts) + "\n", bibliography.bibtex(_cited(both))


def _cited(both: tuple[list[Sentence], list[Sentence]]) -> list[str]:
    return [key for sentences in both for one in sentences for key in one.cited]


def _table(facts: Facts, data: ReportData) -> list[tuple[list[str], str]]:
    """The cells of each row, and where it stands."""
    return [
        (_cells(row, data), f"tables/scores.csv row {int(str(index)) + 1}")
        for index, row in table_rows(facts, data).iterrows()
    ]


def _cells(row: pd.Series, data: ReportData) -> list[str]:
    def number(key: str) -> str:
        return apa(float(row[key])) if key in row and pd.notna(row[key]) else "–"

    def p(key: str) -> str:
        return (
            apa_p(float(row[key])).removeprefix("p ").removeprefix("= ") if key in row and pd.notna(row[key]) else "–"
        )

    interval = f"[{number('ci_low')}, {number('ci_high')}]" if pd.notna(row["ci_low"]) else "–"
    ceiling = f"{number('ceiling_low')} to {number('ceiling_high')}" if number("ceiling_low") != "–" else "–"
    floor = number("floor")
    if floor != "–":
        floor = f"{floor} ({FLOORS.get(str(row['floor_kind']), row['floor_kind'])})"
    against = "known regions" if row["b"] == "known/region" else named(data, str(row["b"]))
    n = f"{int(row['n']):,}" if pd.notna(row["n"]) else "–"
    names = [named(data, str(row["a"])), against, _METRICS[str(row["metric"])], str(row["expression"])]
    return [*names, n, number("value"), interval, floor, ceiling, p("p"), p("p_adjusted")]
