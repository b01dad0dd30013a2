"""The report's sentences: what was asked, and the headline numbers in plain words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from xai_compare.report.charts import overall
from xai_compare.report.material import ALL, Material, Source, pretty
from xai_compare.report.tables import AVERAGE, Table, score_tables, signed


@dataclass(frozen=True)
class Headline:
    """One number of the page's head: the number, what it is, and the sentence that says what it means."""

    number: str
    label: str
    sentence: str
    simulated: bool = False


def question(material: Material) -> str:
    """What the study asks, of whom, in one to three short questions."""
    networks = len({source.model for source in material.networks})
    explainers = len([name for name in material.explainers if name])
    people = material.of("human")
    seen = [name for name in material.expressions if name != ALL]
    faces = f"on faces of {_count(len(seen), 'expression')}" if seen else "on faces"
    if not networks:
        return f"Where do {'simulated ' if all(s.simulated for s in people) else ''}people look {faces}?"
    shown = f", as {_count(explainers, 'explainer')} show{'s' if explainers == 1 else ''} it" if explainers else ""
    asked = f"Where do{'es' if networks == 1 else ''} {_count(networks, 'network')} look {faces}{shown}?"
    if people:
        asked += f" Is it where {'simulated ' if all(s.simulated for s in people) else ''}people look?"
    if any(name in material.masks for name in material.expressions):
        asked += " Is it where theory says the expressions show?"
    return asked


def headlines(material: Material) -> list[Headline]:
    """The headline numbers that this material has, at most five."""
    found = [_masks(material), *_people(material), _between_people(material), _known(material)]
    return [one for one in found if one is not None]


def _ranking(tables: list[Table]) -> list[tuple[str, float, int]]:
    """(source, mean over expressions, expressions that count), greatest first."""
    ranks = []
    for table in tables:
        for name in table.values.index.drop(AVERAGE):
            row = table.values.loc[name]
            ranks.append((str(name), float(row[AVERAGE]), int(row.drop(AVERAGE).notna().sum())))
    return sorted((rank for rank in ranks if np.isfinite(rank[1])), key=lambda rank: -rank[1])


def _over(number: int) -> str:
    return f"mean over {_count(number, 'expression')}"


def _masks(material: Material) -> Headline | None:
    name = f"{material.mask_title}s"
    ranks = _ranking(score_tables(material, "iou", material.mask_name))
    if not ranks:
        return None
    best, worst = ranks[0], ranks[-1]
    sentence = (
        f"{_who(material, best[0])} comes nearest to the {name}, with an IoU of {best[1]:.2f} ({_over(best[2])}; "
        "1 would be the same places, 0 none shared)"
    )
    if len(ranks) > 1:
        sentence += f"; {_who(material, worst[0])} is farthest from them, with {worst[1]:.2f}"
    return Headline(f"{best[1]:.2f}", "Nearest to the masks (mean IoU)", sentence + ".")


def _people(material: Material) -> list[Headline | None]:
    found: list[Headline | None] = []
    for person in material.of("human"):
        ranks = _ranking(score_tables(material, "dice", person.name))
        if not ranks:
            continue
        best, worst = ranks[0], ranks[-1]
        crowd = f"{'simulated ' if person.simulated else ''}people ({person.short})"
        sentence = (
            f"{_who(material, best[0])} attends most like {crowd}, with a Dice coefficient of {best[1]:.2f} "
            f"({_over(best[2])})"
        )
        if len(ranks) > 1:
            sentence += f"; {_who(material, worst[0])} least, with {worst[1]:.2f}"
        label = f"Nearest to {'simulated ' if person.simulated else ''}people (mean Dice)"
        found.append(Headline(f"{best[1]:.2f}", label, sentence + ".", person.simulated))
    return found[:2]


def _between_people(material: Material) -> Headline | None:
    people = material.of("human")
    if len(people) < 2:
        return None
    one, other = people[:2]
    row = material.value("pearson", one.name, other.name, ALL)
    values = [row] if row is not None else []
    scope = "all expressions together"
    if not values:
        values = [
            row
            for name in material.expressions
            if (row := material.value("pearson", one.name, other.name, name)) is not None
        ]
        scope = "mean over expressions"
    known = [float(row["value"]) for row in values if np.isfinite(row["value"])]
    if not known:
        return None
    number = float(np.mean(known))
    names = " and ".join(source.short for source in (one, other))
    simulated = one.simulated or other.simulated
    sentence = f"The maps of people by {names} correlate with r = {signed(number)} ({scope})."
    if simulated:
        sentence = sentence[:-1] + "; simulated data are among them."
    return Headline(signed(number), "Agreement of people (correlation)", sentence, simulated)


def _known(material: Material) -> Headline | None:
    values: dict[str, list[float]] = {}
    for source in material.networks:
        found = overall(material, "known_auc", source.name)
        if found is not None:
            values.setdefault(source.explainer, []).append(found[0])
    if not values:
        return None
    ranks = sorted(((float(np.mean(v)), name) for name, v in values.items()), reverse=True)
    best, worst = ranks[0], ranks[-1]
    sentence = (
        f"Where the region that truly differs is known, {pretty(best[1]) or 'the map'} finds it best, with an area "
        f"under the ROC curve of {best[0]:.2f} (mean over networks; 0.5 is guessing)"
    )
    if len(ranks) > 1:
        sentence += f", {pretty(worst[1])} least, with {worst[0]:.2f}"
    return Headline(f"{best[0]:.2f}", "Best on known regions (AUC)", sentence + ".")


def _who(material: Material, name: str) -> str:
    source: Source = material.by_name[name]
    return f"{source.model} seen through {pretty(source.explainer)}" if source.explainer else source.model


def _count(number: int, noun: str) -> str:
    words = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")
    text = words[number] if number < len(words) else f"{number:,}"
    return f"{text} {noun}{'' if number == 1 else 's'}"


def get(thing: Any, path: str, default: Any = None) -> Any:
    """Follow a dotted path through attributes and mappings; ``default`` where it ends early."""
    for part in path.split("."):
        thing = thing.get(part) if isinstance(thing, dict) else getattr(thing, part, None)
        if thing is None:
            return default
    return thing
