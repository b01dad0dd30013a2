"""Made-up runs for every sentence of the report: all tables there may be, and ways in which each claim can be false."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import claims_tables
import numpy as np
import pandas as pd
from claims_tables import EXPRESSIONS, Tables
from report_fakes import make_run

from xai_compare.comparison.observers import CEILING, LEFT_OUT
from xai_compare.report.data import ReportData, from_run

Change = Callable[[ReportData, Tables], ReportData]


def whole(folder: Path) -> tuple[ReportData, Tables]:
    """Two networks, three explainers (one a control), two groups of people, known regions, and every table."""
    run = make_run(folder, ["one", "two"], ["cam", "lime", "random"], ["clicks", "gaze"], expressions=EXPRESSIONS)
    run = replace(run, provenance={**run.provenance, "controls": ["random"]})
    data = from_run(run)
    tables = {
        "maps": claims_tables.maps(data),
        "predictions": claims_tables.predictions(),
        "nulls": claims_tables.nulls(data),
        "differences": claims_tables.differences(data),
        "per_image": claims_tables.per_image(data),
        "error_consistency": claims_tables.consistency(),
        "faithfulness": run.faithfulness.assign(control="random", p_adjusted=0.001),
        "faithfulness_curves": run.faithfulness_curves,
        "faithfulness_controls": claims_tables.controls(),
        "multiverse": claims_tables.universes(),
        "multiverse_factors": claims_tables.factors(),
        "trainings": claims_tables.trainings(),
        "part_values": claims_tables.parts(),
        "part_interactions": claims_tables.interactions(),
        "human_data": pd.DataFrame(
            {"source": "human/gaze", "level": "good", "line": "These data can be used.", "simulated": True}, index=[0]
        ),
        "human_removed": claims_tables.removed(),
        **claims_tables.tests(data),
    }
    return with_tables(data, tables), tables


def with_tables(data: ReportData, tables: Tables) -> ReportData:
    """The data with other tables."""
    return replace(data, read=lambda name: tables.get(name, pd.DataFrame()))


def _scores(data: ReportData, **columns: object) -> ReportData:
    return replace(data, scores=data.scores.assign(**columns))


def _nan(tables: Tables) -> Tables:
    """Every number of every table undefined, but for places and counts."""
    kept = {"x", "y", "n", "levels", "pairs", "trials", "images", "count", "units", "margin", "points", "participants"}
    changed = {}
    for name, table in tables.items():
        numbers = [c for c in table.select_dtypes("number") if c not in kept]
        changed[name] = table.assign(**dict.fromkeys(numbers, np.nan))
    return changed


def _few(pictures: int) -> Change:
    def change(data: ReportData, tables: Tables) -> ReportData:
        fewer = {**tables, "predictions": tables["predictions"].groupby("model").head(pictures)}
        fewer["differences"] = tables["differences"].assign(n=pictures, p=np.nan, p_adjusted=np.nan)
        fewer["per_image"] = tables["per_image"].groupby(["a", "b"]).head(pictures)
        counts = dict.fromkeys(data.counts, pictures)
        return _scores(with_tables(replace(data, counts=counts), fewer), n=pictures)

    return change


def _insignificant(data: ReportData, tables: Tables) -> ReportData:
    changed = {}
    for name, table in tables.items():
        ps = [column for column in ("p", "p_adjusted", "p_corrected") if column in table]
        changed[name] = table.assign(**dict.fromkeys(ps, 0.6))
    changed["nulls"] = changed["nulls"].assign(n=6)
    changed["faithfulness_controls"] = changed["faithfulness_controls"].assign(difference=0.0)
    changed["tests_power"] = changed["tests_power"].assign(power=0.1)
    scores = dict.fromkeys(("p", "p_adjusted"), 0.6)
    return _scores(with_tables(data, changed), **scores)


def _worse(data: ReportData, tables: Tables) -> ReportData:
    """Maps that ignore everything score higher, and networks are wrong about all pictures."""
    changed = {**tables, "nulls": tables["nulls"].assign(mean=0.99, q95=0.99)}
    changed["predictions"] = tables["predictions"].assign(predicted="nothing")
    changed["maps"] = tables["maps"].assign(predicted="nothing")
    faithful = tables["faithfulness"]
    changed["faithfulness"] = faithful.assign(difference=0.2, ci_low=0.1, ci_high=0.3, better="low")
    changed["faithfulness_controls"] = tables["faithfulness_controls"].assign(difference=0.2)
    return with_tables(data, changed)


def _only(data: ReportData, tables: Tables, keep: Callable[[str], bool]) -> ReportData:
    """Only the sources whose names are kept, in every table."""
    sources = tuple(source for source in data.sources if keep(source.name))
    gone = [source.name for source in data.sources if not keep(source.name)]
    changed = dict(tables)
    for name, table in tables.items():
        for column in ("a", "a1", "a2", "source"):
            if column in table:
                table = table[~table[column].isin(gone)]
        if "b" in table:
            table = table[~table["b"].isin(gone)]
        changed[name] = table
    networks = {source.model for source in sources}
    for name in ("faithfulness", "faithfulness_controls", "multiverse", "error_consistency"):
        column = next(one for one in ("model", "a") if one in changed[name])
        table = changed[name][changed[name][column].isin(networks)]
        if "explainer" in table:
            table = table[[f"{one.model}/{one.explainer}" not in gone for one in table.itertuples()]]
        changed[name] = table
    changed["predictions"] = tables["predictions"][tables["predictions"]["model"].isin(networks)]
    for name in [name for name in changed if name.startswith(("faithfulness", "tests", "multiverse", "error"))]:
        if not networks & {"one"}:
            changed[name] = changed[name].iloc[:0]
    scores = data.scores[~data.scores["a"].isin(gone) & ~data.scores["b"].isin(gone)]
    maps = {key: value for key, value in data.maps.items() if keep(key[0])}
    counts = {key: value for key, value in data.counts.items() if keep(key[0])}
    return with_tables(replace(data, sources=sources, scores=scores, maps=maps, counts=counts), changed)


def _above_ceiling(data: ReportData, tables: Tables) -> ReportData:
    values = tables["per_image"]["value"].where(tables["per_image"]["a"] == CEILING, 0.99)
    changed = {**tables, "per_image": tables["per_image"].assign(value=values)}
    return _scores(with_tables(data, changed), value=0.97, ceiling_low=0.5, ceiling_high=0.9)


def _one_person(data: ReportData, tables: Tables) -> ReportData:
    changed = {**tables, "maps": tables["maps"].assign(participants=tables["maps"]["participants"].clip(upper=1))}
    left_out = tables["per_image"]["a"].str.contains(LEFT_OUT) | (tables["per_image"]["a"] == CEILING)
    changed["per_image"] = tables["per_image"].assign(value=tables["per_image"]["value"].mask(left_out))
    return with_tables(data, changed)


def _matched(data: ReportData, tables: Tables) -> ReportData:
    return _scores(data, note=data.scores["note"] + "; on the 3 pictures that both have (of 4 and 4)")


def _stable(data: ReportData, tables: Tables) -> ReportData:
    """Nothing moves anything, and one test could not be made."""
    maps = tables["maps"]
    changed = {**tables, "maps": maps.assign(repeatability=maps["repeatability"].clip(lower=0.99))}
    changed["multiverse_factors"] = tables["multiverse_factors"].assign(spread=0.0)
    controls = tables["faithfulness_controls"].copy()
    controls.loc[0, ["difference", "p_adjusted"]] = np.nan
    return with_tables(data, {**changed, "faithfulness_controls": controls})


def _other_pictures(data: ReportData, tables: Tables) -> ReportData:
    """Every source has other pictures."""
    maps, places = tables["maps"], {source.name: place for place, source in enumerate(data.networks)}
    number = maps["source"].map(places).fillna(0)
    return with_tables(
        data,
        {
            **tables,
            "maps": maps.assign(image=maps["image"].where(number == 0, maps["image"] + "x"))[
                maps.groupby(["source", "group"]).cumcount() <= number % 4
            ],
        },
    )


def _answered(model: str, wrong: bool, most: int) -> Change:
    def change(data: ReportData, tables: Tables) -> ReportData:
        table = tables["predictions"]
        mine = table["model"] == model
        table = table.assign(predicted=table["predicted"].mask(mine & wrong, "nothing"))
        return with_tables(data, {**tables, "predictions": pd.concat([table[~mine], table[mine].head(most)])})

    return change


def _alone_and_wrong(data: ReportData, tables: Tables) -> ReportData:
    wrong = {**tables, "predictions": tables["predictions"].assign(predicted="nothing")}
    return _only(data, wrong, lambda name: name in ("one/cam", "human/clicks"))


def _two_tie(data: ReportData, tables: Tables) -> ReportData:
    value = data.scores["value"].where(~data.scores["a"].isin(["one/cam", "two/cam"]), 0.9)
    return _scores(data, value=value)


def _untested(some: bool) -> Change:
    def change(data: ReportData, tables: Tables) -> ReportData:
        table = tables["differences"].copy()
        table.loc[(table.index % 3 == 0) | (not some), ["p", "p_adjusted"]] = np.nan
        return with_tables(data, {**tables, "differences": table.assign(note="they share two images")})

    return change


def _without_masks(data: ReportData, tables: Tables) -> ReportData:
    changed = {name: t[t["metric"] != "iou"] if "metric" in t else t for name, t in tables.items()}
    return with_tables(replace(data, masks={}, scores=data.scores[data.scores["b"] != "ekman"]), changed)


CHANGES: dict[str, Change] = {
    "everything significant": lambda data, tables: data,
    "nothing significant": _insignificant,
    "no picture": _few(0),
    "one picture": _few(1),
    "two pictures": _few(2),
    "one network": lambda data, tables: _only(data, tables, lambda name: not name.startswith(("two", "all models"))),
    "one source": lambda data, tables: _only(data, tables, lambda name: name in ("one/cam", "human/clicks")),
    "one person": _one_person,
    "ties": lambda data, tables: _scores(data, value=0.5),
    "above the ceiling": _above_ceiling,
    "worse than chance": _worse,
    "undefined everywhere": lambda data, tables: _scores(with_tables(data, _nan(tables)), value=np.nan, ci_low=np.nan),
    "no nulls": lambda data, tables: with_tables(data, {n: t for n, t in tables.items() if n != "nulls"}),
    "no people": lambda data, tables: _only(data, tables, lambda name: not name.startswith("human")),
    "people only": lambda data, tables: _only(data, tables, lambda name: name.startswith("human")),
    "people only, undefined": lambda data, tables: _scores(
        _only(data, tables, lambda name: name.startswith("human")), value=np.nan
    ),
    "one group of people": lambda data, tables: _only(data, tables, lambda name: name == "human/clicks"),
    "no masks": _without_masks,
    "other masks": lambda data, tables: replace(data, mask_title="Mask"),
    "parts replace each other": lambda data, tables: with_tables(
        data, {**tables, "part_interactions": tables["part_interactions"].iloc[1:]}
    ),
    "stable": _stable,
    "other pictures": _other_pictures,
    "few answers of one network": _answered("two", wrong=False, most=2),
    "one of two networks is wrong": _answered("two", wrong=True, most=24),
    "one source, wrong": _alone_and_wrong,
    "two sources tie": _two_tie,
    "some untested": _untested(some=True),
    "all untested": _untested(some=False),
    "one expression undefined": lambda data, tables: _scores(
        data, value=data.scores["value"].mask(data.scores["expression"] == EXPRESSIONS[0])
    ),
    "no tables": lambda data, tables: with_tables(data, {}),
    "the same pictures": _matched,
}
"""What a run is like, and how it is made of the whole one."""
