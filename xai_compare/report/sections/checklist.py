"""What a study holds of what reviewers ask for, and the key that adds what it does not."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from xai_compare.report.data import ALL, ReportData
from xai_compare.report.labels import counted
from xai_compare.report.section import SECTIONS, Section
from xai_compare.report.table import Cell, Table

FEW_PICTURES, FEW_PEOPLE = 20, 10


class Answer(NamedTuple):
    """What the study holds of an item, and whether a reviewer will miss something."""

    holds: str
    missing: bool


def _people(data: ReportData) -> Answer:
    groups = data.of_kind("human")
    if not groups:
        return Answer("no people", True)
    maps = data.table("maps")
    parts, missing = [], False
    for group in groups:
        mine = maps[maps["source"] == group.name] if "participants" in maps else maps.iloc[:0]
        number = int(mine["participants"].max()) if len(mine) and mine["participants"].notna().any() else 0
        who = f", at most {counted(number, 'person').replace('persons', 'people')} a picture" if number else ""
        parts.append(f"{group.short}{' (simulated)' if group.simulated else ''}{who}")
        missing |= group.simulated or 0 < number < FEW_PEOPLE
    return Answer("; ".join(parts), missing)


def _pictures(data: ReportData) -> Answer:
    sources = data.networks or data.of_kind("human")
    numbers = [
        number
        for source in sources
        for expression in data.expressions
        if (number := data.counts.get((source.name, expression), 0)) or expression != ALL
    ]
    if not numbers:
        return Answer("no picture", True)
    least, most = min(numbers), max(numbers)
    span = f"{least}" if least == most else f"{least} to {most}"
    return Answer(f"{span} for each source and expression", least < FEW_PICTURES)


def _answers(data: ReportData) -> Answer:
    table = data.table("predictions")
    labelled = 0 if table.empty else int((table["label"].fillna("").astype(str) != "").sum())
    return Answer(f"{labelled:,} answers to labelled pictures" if labelled else "no labels", not labelled)


def _trainings(data: ReportData) -> Answer:
    several = not data.table("trainings").empty
    return Answer("networks trained more than once" if several else "each network trained once", not several)


def _explainers(data: ReportData) -> Answer:
    names = [name for name in data.explainers if name not in data.controls]
    return Answer(counted(len(names), "explainer"), len(names) < 2)


def _control(data: ReportData) -> Answer:
    return Answer("a random map" if data.controls else "none", not data.controls)


def _faithful(data: ReportData) -> Answer:
    table = data.table("faithfulness")
    return Answer("not tested" if table.empty else f"tested on up to {int(table['n'].max())} pictures", table.empty)


def _choices(data: ReportData) -> Answer:
    table = data.table("multiverse")
    return Answer("one way of scaling and thresholding" if table.empty else "varied", table.empty)


def _masks(data: ReportData) -> Answer:
    return Answer("compared with masks" if data.has_masks else "no masks", not data.has_masks)


def _intervals(data: ReportData) -> Answer:
    there = bool(data.scores["ci_low"].notna().any()) if len(data.scores) else False
    return Answer("bootstrap over pictures" if there else "none", not there)


_ITEMS: tuple[tuple[str, Callable[[ReportData], Answer], str, bool], ...] = (
    ("People to compare with, ten or more", _people, "human: [{name: …, file: …, format: …}]", False),
    ("Twenty pictures or more of each expression", _pictures, "images: {per_expression: 20}, and the pictures", False),
    ("Whether the networks are right", _answers, "a column expression in images: {manifest: …}", True),
    ("More than one training of a network", _trainings, "models: [{name: a, fold: 1, …}, {name: a, fold: 2, …}]", True),
    ("More than one explainer", _explainers, "explainers: [grad_cam, lime]", True),
    ("A control explainer", _control, "explainers: [grad_cam, random]", True),
    ("Faithfulness of the maps", _faithful, "faithfulness: true", True),
    ("A theory to compare with", _masks, "masks: ekman", False),
    ("Intervals", _intervals, "compare: {bootstrap: 2000}", False),
    ("Other choices of analysis", _choices, "multiverse: true", True),
)
"""What is asked, how it is answered, the study's key that adds it, and whether it concerns networks."""


@SECTIONS.register("checklist")
class Checklist(Section):
    """A row for each thing that reviewers ask for."""

    title = "Reporting checklist"
    lead = "What this study holds of what reviewers ask for. Where they will miss something, the study's key adds it."
    order = 200

    def applies(self, data: ReportData) -> bool:
        # Ready-made heatmaps come without a study whose keys could add anything.
        return bool(data.counts)

    def tables(self, data: ReportData) -> list[Table]:
        rows = []
        for item, ask, key, of_networks in _ITEMS:
            if of_networks and not data.networks:
                continue
            answer = ask(data)
            sign, add = ("missing", key) if answer.missing else ("there", "")
            rows.append([Cell(item), Cell(sign, answer.missing), Cell(answer.holds), Cell(add)])
        missing = sum(row[1].strong for row in rows)
        title = f"{missing} of {len(rows)} things are missing" if missing else "Nothing is missing"
        return [Table(title, ["asked for", "", "this study", "key of the study that adds it"], rows)]
