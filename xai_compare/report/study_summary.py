"""What was asked: the question in words, and the study as name and value."""

from __future__ import annotations

from typing import Any

from xai_compare.report.data import ALL, ReportData
from xai_compare.report.labels import counted


def question(data: ReportData) -> str:
    """What the study asks, of whom, in one to three short questions."""
    networks = len({source.model for source in data.networks})
    explainers = len([name for name in data.explainers if name and name not in data.controls])
    people = data.of_kind("human")
    seen = [name for name in data.expressions if name != ALL]
    faces = f"on faces of {counted(len(seen), 'expression')}" if seen else "on faces"
    if not networks:
        return f"Where do {'simulated ' if all(s.simulated for s in people) else ''}people look {faces}?"
    shown = f", as {counted(explainers, 'explainer')} show{'s' if explainers == 1 else ''} it" if explainers else ""
    asked = f"Where do{'es' if networks == 1 else ''} {counted(networks, 'network')} look {faces}{shown}?"
    if people:
        asked += f" Is it where {'simulated ' if all(s.simulated for s in people) else ''}people look?"
    if any(name in data.masks for name in data.expressions):
        asked += " Is it where theory says the expressions show?"
    return asked


def study_summary(run: Any) -> list[tuple[str, str]]:
    """What a study asks, as name and value, in plain words."""
    study = run.study
    images = study.images
    many = "all available" if images.per_expression is None else f"at most {images.per_expression:,}"
    by = "the class the network predicts" if images.choose_by == "predicted" else "their label"
    grouped = "their pair of label and false label" if images.pairs else by
    looked = lookup(run.provenance, "images.looked_at")
    offered = lookup(run.provenance, "images.offered", looked)
    pictures = f"; {looked:,} looked at" if looked else ""
    if looked and images.at_most is not None:
        pictures += f", drawn from {offered:,}"
    scaling = {
        "min_max": "each map from its own least to its greatest value (0 to 1) before averaging; maps with negative "
        "values around 0 (−1 to 1)",
        "positive": "negative values set to 0, then divided by the greatest, before averaging",
        "positive_part": "negative values set to 0, the others averaged as they are",
        "none": "not scaled before averaging",
    }
    rows = [
        ("Networks", ", ".join(model.label for model in study.models) or "none"),
        ("Explainers", ", ".join(_explainer(one) for one in study.explainers) or "none"),
        ("People", "; ".join(_people(run, h) for h in study.human) or "none"),
        ("Masks", "Ekman masks (EMFACS)" if study.masks == "ekman" else str(study.masks or "none")),
        (
            "Images",
            f"{many} per expression and network, grouped by {grouped}{pictures}",
        ),
        ("Seed", str(study.seed)),
        ("Scaling", scaling.get(study.compare.scaling, str(study.compare.scaling))),
        ("Thresholds", f"IoU: Otsu; Dice: above {study.compare.thresholds.dice:g} of 255"),
        (
            "Intervals",
            f"{study.compare.bootstrap:,} bootstrap replicates over images" if study.compare.bootstrap else "none",
        ),
    ]
    if not study.models:
        rows = [(name, value) for name, value in rows if name not in ("Networks", "Explainers", "Scaling")]
    if study.faithfulness:
        rows.append(("Faithfulness", _faithfulness(study.faithfulness)))
    return rows + ([("Note", study.note)] if study.note else [])


def _people(run: Any, asked: Any) -> str:
    """A group of people: how many, how much they attended, and how their points become maps."""
    account = lookup(run.provenance, "people", {}).get(asked.name, {})
    persons, points = people_counts(run, asked.name)
    answers = "answers that were right only" if asked.only_correct else "all answers, right and wrong"
    if asked.kernel == "disc" and asked.radius_px:
        kernel = f"discs of {asked.radius_px:g} pixels"
    else:
        pixels = f", {account['sigma_px']:.3g} pixels" if "sigma_px" in account else ""
        kernel = f"a Gaussian of {asked.sigma_degrees:g}° (standard deviation{pixels})"
    parts = [
        counted(persons, "participant") if persons else "",
        f"{points:.3g} points per picture on average" if points else "",
        f"each point {kernel}",
        answers,
    ]
    name = asked.name + (" (simulated)" if asked.simulated else "")
    return f"{name}: {', '.join(part for part in parts if part)}"


def people_counts(run: Any, name: str) -> tuple[int, float]:
    """How many people a group has, and the mean number of their points on a picture; 0 where not known."""
    maps = run.table("maps")
    mine = maps[maps["source"] == f"human/{name}"] if "participants" in maps else maps.iloc[:0]
    known = int(lookup(run.provenance, "people", {}).get(name, {}).get("participants", 0))
    if mine.empty:
        return known, 0.0
    return known or int(mine["participants"].max()), float(mine["points"].mean())


def single_person_notices(run: Any) -> list[str]:
    """A sentence for each group that is a single person."""
    return [
        f"The group {one.name} is a single {'simulated ' if one.simulated else ''}person. Results for it hold for that "
        "person only, and its intervals do not show how others would attend."
        for one in run.study.human
        if people_counts(run, one.name)[0] == 1
    ]


def _faithfulness(wanted: Any) -> str:
    fill = {"black": "black", "blur": "a strong blur"}[wanted.fill]
    again = "explained again with shuffled weights" if wanted.parameter_randomization else "not explained again"
    return (
        f"at most {wanted.images:,} pictures per network; curves of {wanted.steps} steps, deleted pixels {fill}; "
        f"{wanted.rectangles} rectangles; {again}"
    )


def _explainer(spec: Any) -> str:
    options = ", ".join(f"{key} {value}" for key, value in spec.options.items())
    return f"{spec.label} ({options})" if options else str(spec.label)


def lookup(thing: Any, path: str, default: Any = None) -> Any:
    """Follow a dotted path through attributes and mappings; ``default`` where it ends early."""
    for part in path.split("."):
        thing = thing.get(part) if isinstance(thing, dict) else getattr(thing, part, None)
        if thing is None:
            return default
    return thing
